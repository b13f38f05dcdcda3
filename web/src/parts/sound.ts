// Sound: only one recording plays at a time, and a message says why one cannot be played.
import { el } from "../dom";
import { texts } from "../texts";
import { icon } from "./icons";
import { tell } from "./notices";

const elements = new Set<WeakRef<HTMLAudioElement>>();

/** An audio element that pauses when another one starts. */
export function audio(source: string): HTMLAudioElement {
  const sound = new Audio();
  sound.preload = "none";
  sound.src = source;
  elements.add(new WeakRef(sound));
  sound.addEventListener("play", () => {
    for (const kept of elements) {
      const other = kept.deref();
      if (!other) elements.delete(kept);
      else if (other !== sound) other.pause();
    }
  });
  return sound;
}

/** Pause all sound, when a view is left. */
export function hush(): void {
  for (const kept of elements) kept.deref()?.pause();
}

export interface Clip {
  button: HTMLButtonElement;
  play: () => Promise<void>;
  stop: () => void;
}

/** A button that plays a few seconds of a recording, or all of it. */
export function clipButton(
  source: string,
  name: string,
  span: { start_s: number; end_s?: number } = { start_s: 0 },
  shape = "round",
): Clip {
  const button = el("button", { type: "button", class: `play ${shape}`, "data-key": `play ${source} ${span.start_s}` });
  let sound: HTMLAudioElement | null = null;
  const draw = (): void => {
    const isPlaying = sound !== null && !sound.paused;
    button.setAttribute("aria-label", isPlaying ? texts.pauseWhat(name) : texts.playWhat(name));
    button.replaceChildren(icon(isPlaying ? "pause" : "play"));
    button.classList.toggle("playing", isPlaying);
  };
  const watch = (): void => {
    if (!sound) return;
    const end = span.end_s ?? sound.duration;
    const share = (sound.currentTime - span.start_s) / Math.max(0.1, end - span.start_s);
    button.style.setProperty("--played", String(Math.min(1, Math.max(0, share))));
    if (span.end_s !== undefined && sound.currentTime >= span.end_s) sound.pause();
  };
  const play = async (): Promise<void> => {
    if (!sound) {
      sound = audio(source);
      for (const event of ["play", "pause", "ended"]) sound.addEventListener(event, draw);
      sound.addEventListener("timeupdate", watch);
    }
    if (sound.currentTime < span.start_s || (span.end_s !== undefined && sound.currentTime >= span.end_s)) {
      sound.currentTime = span.start_s;
    }
    try {
      await sound.play();
    } catch (error) {
      explain(error, name);
    }
  };
  const stop = (): void => sound?.pause();
  button.addEventListener("click", () => (sound && !sound.paused ? stop() : void play()));
  draw();
  return { button, play, stop };
}

/** Say why nothing plays, unless the browser only waits for a click. */
export function explain(error: unknown, name: string): void {
  if (error instanceof DOMException && ["AbortError", "NotAllowedError"].includes(error.name)) return;
  tell(texts.cannotPlay(name));
}

export const canPlay = (): boolean =>
  "AudioContext" in window && typeof HTMLMediaElement === "function";
