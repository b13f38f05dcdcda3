// A decision in words, with a mark that can be distinguished without colour.
import { el, isolated, nameOf } from "../dom";
import { percent, texts } from "../texts";
import type { Decision, Song } from "../types";

/** The mark of a decision: a filled disc, half a disc, a ring, a dash. */
export function mark(decision: Decision): HTMLElement {
  return el("span", { class: `mark ${decision}`, "aria-hidden": "true" });
}

/** Who sings, in one line. */
export function whoSings(song: Song): HTMLElement {
  const names = song.singers.map((one) => one.singer);
  const inner: (Node | string)[] = [];
  if (song.decision === "known") {
    names.forEach((name, at) => inner.push(...(at ? [", "] : []), nameOf(name)));
  } else {
    inner.push(texts.songPage.verdict[song.decision]);
  }
  return el("span", { class: "who" }, mark(song.decision), el("span", { class: "who-words" }, ...inner));
}

/** How sure, as a bar and a number. */
export function sure(probability: number | null, isSaid: boolean): HTMLElement {
  if (isSaid) return el("span", { class: "sure said" }, texts.songs.said);
  if (probability === null) return el("span", { class: "sure" });
  const bar = el("span", { class: "bar", "aria-hidden": "true" });
  bar.style.setProperty("--share", String(probability));
  return el("span", { class: "sure" }, bar, el("span", { class: "number" }, percent(probability)));
}

/** The singers' names for a sentence. */
export const namesOf = (song: Song): string => song.singers.map((one) => isolated(one.singer)).join(", ");
