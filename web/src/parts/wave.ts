// A song's waveform: its peaks come from the server, so nothing is decoded to draw it.
import WaveSurfer from "wavesurfer.js";
import { el } from "../dom";
import { clock, texts } from "../texts";
import type { Peaks } from "../types";
import { icon } from "./icons";
import { audio, explain } from "./sound";

const STEP_S = 5;
const HEIGHT = 96;

export interface Wave {
  element: HTMLElement;
  transport: HTMLElement;
  /** Play from there. */
  listenFrom: (seconds: number) => void;
  onTime: (listener: (seconds: number) => void) => void;
  leave: () => void;
}

export function wave(source: string, name: string, sound: Peaks, isPlayable: boolean): Wave {
  const box = el("div", {
    class: "wave",
    role: "slider",
    tabindex: 0,
    "aria-label": texts.songPage.wave,
    "aria-valuemin": 0,
    "aria-valuemax": Math.round(sound.seconds),
    "aria-disabled": isPlayable ? null : "true",
  });
  const media = audio(isPlayable ? source : "");
  const now = el("span", { class: "now number" }, clock(0));
  const toggle = el("button", { type: "button", class: "play big", disabled: !isPlayable });
  const transport = el("div", { class: "transport" }, toggle, el("span", { class: "number" }, now, ` / ${clock(sound.seconds)}`));
  const listeners = new Set<(seconds: number) => void>();
  const surfer = WaveSurfer.create({
    container: box,
    media,
    peaks: [sound.peaks],
    duration: sound.seconds,
    height: HEIGHT,
    barWidth: 2,
    barGap: 1.5,
    barRadius: 2,
    cursorWidth: 2,
    normalize: true,
    interact: isPlayable,
    hideScrollbar: true,
    cspNonce: document.querySelector<HTMLMetaElement>("meta[property='csp-nonce']")?.nonce ?? "",
    ...colours(),
  });

  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const recolour = (): void => surfer.setOptions(colours());
  dark.addEventListener("change", recolour);

  const drawToggle = (): void => {
    toggle.setAttribute("aria-label", media.paused ? texts.playWhat(name) : texts.pauseWhat(name));
    toggle.replaceChildren(icon(media.paused ? "play" : "pause"));
  };
  const drawTime = (): void => {
    const at = surfer.getCurrentTime();
    now.textContent = clock(at);
    box.setAttribute("aria-valuenow", String(Math.round(at)));
    box.setAttribute("aria-valuetext", clock(at));
    for (const listener of listeners) listener(at);
  };
  const play = (): void => void surfer.play().catch((error: unknown) => explain(error, name));
  const seek = (seconds: number): void => {
    surfer.setTime(Math.min(sound.seconds, Math.max(0, seconds)));
    drawTime();
  };
  for (const event of ["play", "pause", "ended"]) media.addEventListener(event, drawToggle);
  surfer.on("timeupdate", drawTime);
  surfer.on("interaction", drawTime);
  toggle.addEventListener("click", () => (media.paused ? play() : surfer.pause()));
  box.addEventListener("keydown", (event) => {
    const steps: Record<string, () => void> = {
      ArrowRight: () => seek(surfer.getCurrentTime() + STEP_S),
      ArrowUp: () => seek(surfer.getCurrentTime() + STEP_S),
      ArrowLeft: () => seek(surfer.getCurrentTime() - STEP_S),
      ArrowDown: () => seek(surfer.getCurrentTime() - STEP_S),
      Home: () => seek(0),
      End: () => seek(sound.seconds - 1),
      " ": () => (media.paused ? play() : surfer.pause()),
    };
    const step = steps[event.key];
    if (!step || !isPlayable) return;
    event.preventDefault();
    step();
  });
  drawToggle();
  drawTime();

  return {
    element: box,
    transport,
    listenFrom: (seconds) => {
      if (!isPlayable) return;
      seek(seconds);
      play();
    },
    onTime: (listener) => void listeners.add(listener),
    leave: () => {
      dark.removeEventListener("change", recolour);
      surfer.destroy();
      media.pause();
      media.removeAttribute("src");
      media.load(); // Closes the connection.
    },
  };
}

function colours(): { waveColor: string; progressColor: string; cursorColor: string } {
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string): string => style.getPropertyValue(name).trim();
  return { waveColor: colour("--wave"), progressColor: colour("--accent"), cursorColor: colour("--ink") };
}
