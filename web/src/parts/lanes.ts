// Who sings when: a lane for each voice, distinguished by label and pattern, not by colour alone.
import { el, nameOf } from "../dom";
import { clock, texts } from "../texts";
import type { Turn } from "../types";

const STYLES = 8;
const SEAM_S = 0.05;

interface Lane {
  who: string;
  isKnown: boolean;
  turns: Turn[];
}

/** A lane for each singer, then one for each stranger; those who sing longest come first. */
export function lanesOf(turns: readonly Turn[]): Lane[] {
  const lanes = new Map<string, Lane>();
  const put = (key: string, who: string, isKnown: boolean, turn: Turn): void => {
    const lane = lanes.get(key) ?? { who, isKnown, turns: [] };
    const last = lane.turns.at(-1);
    // A turn ends where another voice joins in; the lane of a voice that sings on shows no gap there.
    if (last && turn.start_s - last.end_s < SEAM_S) lane.turns[lane.turns.length - 1] = { ...last, end_s: turn.end_s };
    else lane.turns.push(turn);
    lanes.set(key, lane);
  };
  for (const turn of turns) {
    for (const singer of turn.singers ?? []) put(`known ${singer}`, singer, true, turn);
    for (const number of turn.unknown ?? []) put(`unknown ${number}`, texts.songPage.stranger(number), false, turn);
  }
  const length = (lane: Lane): number => lane.turns.reduce((sum, turn) => sum + turn.end_s - turn.start_s, 0);
  return [...lanes.values()].sort((a, b) => Number(b.isKnown) - Number(a.isKnown) || length(b) - length(a));
}

export interface Lanes {
  rows: HTMLElement[];
  /** Show who sings at that time. */
  mark: (seconds: number) => void;
}

/** Rows of a label and a lane. A click on a turn plays from there; arrow keys go from turn to turn. */
export function lanes(turns: readonly Turn[], seconds: number, listen: ((seconds: number) => void) | null): Lanes {
  const buttons: { button: HTMLButtonElement; turn: Turn }[] = [];
  const rows = lanesOf(turns).flatMap((lane, at) => {
    const style = lane.isKnown ? `voice-${at % STYLES}` : "stranger";
    const own = lane.turns.map((turn, place) => {
      const button = turnButton(lane.who, turn, seconds, style, place === 0);
      if (listen) button.addEventListener("click", () => listen(turn.start_s));
      else button.disabled = true;
      buttons.push({ button, turn });
      return button;
    });
    const label = el("span", { class: "lane-label" }, el("span", { class: `swatch ${style}`, "aria-hidden": "true" }), nameOf(lane.who));
    const track = el("div", { class: "lane", role: "group", "aria-label": lane.who }, ...own);
    track.addEventListener("keydown", (event) => walk(event, own));
    return [label, track];
  });
  return {
    rows,
    mark: (now) => {
      for (const { button, turn } of buttons) button.classList.toggle("sings", turn.start_s <= now && now < turn.end_s);
    },
  };
}

function turnButton(who: string, turn: Turn, seconds: number, style: string, isFirst: boolean): HTMLButtonElement {
  const label = texts.songPage.turn(who, clock(turn.start_s), clock(turn.end_s));
  const button = el("button", { type: "button", class: `turn ${style}`, "aria-label": label, title: label, tabindex: isFirst ? 0 : -1 });
  const whole = Math.max(seconds, 0.001);
  button.style.left = `${(100 * turn.start_s) / whole}%`;
  button.style.width = `${(100 * (turn.end_s - turn.start_s)) / whole}%`;
  return button;
}

/** The tab key stops once per lane; arrow keys move within a lane. */
function walk(event: KeyboardEvent, buttons: readonly HTMLButtonElement[]): void {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  const at = buttons.indexOf(event.target as HTMLButtonElement);
  const next = step === undefined ? undefined : buttons[at + step];
  if (!next || at < 0) return;
  event.preventDefault();
  buttons[at]?.setAttribute("tabindex", "-1");
  next.setAttribute("tabindex", "0");
  next.focus();
}
