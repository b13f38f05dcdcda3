// The mean spectrum of a voice, drawn by the server in one colour; the page gives it its own.
import { address } from "../api";
import { el } from "../dom";
import { texts } from "../texts";

/** Several hues, always the same for the same name: cards are found again at a glance. */
const HUES = 6;

export function voicePicture(name: string): HTMLElement {
  const picture = el("div", { class: `voice-picture hue-${hueOf(name)}`, role: "img", "aria-label": texts.singers.picture(name) });
  const drawing = el("div", { class: "drawing" });
  // As a mask: in an <img> the picture would not know the page's colours. The address holds a name, so it is quoted.
  drawing.style.setProperty("--picture", `url("${address("/singer/picture.svg", { name })}")`);
  picture.append(drawing);
  return picture;
}

function hueOf(name: string): number {
  let sum = 0;
  for (const character of name) sum = (sum * 31 + (character.codePointAt(0) ?? 0)) % 9973;
  return sum % HUES;
}
