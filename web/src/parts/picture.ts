// The mean spectrum of a voice, drawn by the server in one colour; the page chooses that colour.
import { address } from "../api";
import { el } from "../dom";
import { texts } from "../texts";

/** Number of hues. A name always has the same hue, so that cards are found again at a glance. */
const HUES = 6;

export function voicePicture(name: string): HTMLElement {
  const picture = el("div", { class: `voice-picture hue-${hueOf(name)}`, role: "img", "aria-label": texts.singers.picture(name) });
  const drawing = el("div", { class: "drawing" });
  // Used as a mask, because a picture in an <img> cannot use the page's colours. The address holds a name, so it is quoted.
  drawing.style.setProperty("--picture", `url("${address("/singer/picture.svg", { name })}")`);
  picture.append(drawing);
  return picture;
}

function hueOf(name: string): number {
  let sum = 0;
  for (const character of name) sum = (sum * 31 + (character.codePointAt(0) ?? 0)) % 9973;
  return sum % HUES;
}
