// How far the answers can be trusted, in words and in a picture.
import { address, get, post } from "../api";
import { el, latest, nameOf, refill, type Child } from "../dom";
import { live } from "../live";
import { icon } from "../parts/icons";
import { attempt } from "../parts/notices";
import { link, type View } from "../router";
import { texts } from "../texts";
import type { Job, Trust } from "../types";

const said = texts.trust;
const USUAL = "0.05";

export async function openTrust(): Promise<View> {
  const content = el("div", { class: "stack" });
  const calibrate = calibrating();
  let shown = "";
  const found = latest(() => get<Trust>("/trust"));
  const draw = async (): Promise<void> => {
    const trust = await found();
    if (trust === null) return;
    const now = JSON.stringify([trust, live.state?.library.changed_since_calibration]);
    if (now === shown) return; // Drawing again would close an open list.
    shown = now;
    refill(content, summary(trust, calibrate), picture(trust), el("div", { class: "columns" }, confusions(trust), little(trust)), twoVoices(trust), audit(trust));
  };
  await draw();
  return {
    title: said.title,
    refresh: draw,
    element: el("div", { class: "view trust" }, el("header", { class: "view-head" }, el("div", {}, el("h1", {}, said.title), el("p", { class: "lead" }, said.lead))), content),
  };
}

function summary(trust: Trust, calibrate: Calibrating): HTMLElement {
  const words = trust.words.map((sentence) => el("p", {}, sentence));
  const changed = trust.calibrated && live.state?.library.changed_since_calibration;
  return el(
    "section",
    { class: "card summary" },
    el("p", { class: trust.calibrated ? "badge good" : "badge" }, icon(trust.calibrated ? "check" : "warn"), trust.calibrated ? said.calibrated : said.not),
    el("div", { class: "prose" }, ...words),
    changed ? el("p", { class: "note" }, icon("warn"), el("span", {}, said.changed)) : null,
    live.state?.writable === false ? null : calibrate(trust.calibrated),
  );
}

type Calibrating = (isAgain: boolean) => HTMLElement;

/** Made once, so that a person's choice stays when the library changes. */
function calibrating(): Calibrating {
  const options = Object.entries(said.promises).map(([share, label]) => el("option", { value: share, selected: share === USUAL }, label));
  const select = el("select", { id: "promise", "data-key": "promise" }, ...options);
  const button = el("button", { type: "button", "data-key": "calibrate" });
  button.addEventListener("click", () => void attempt(button, async () => live.take(await post<Job>("/trust/calibrate", { fpir: Number(select.value) }))));
  const line = el("div", { class: "row end-line" }, el("div", { class: "field" }, el("label", { for: "promise" }, said.promise), select), button);
  return (isAgain) => {
    button.className = isAgain ? "button" : "button main";
    button.textContent = isAgain ? said.again : said.calibrate;
    return line;
  };
}

function picture(trust: Trust): HTMLElement | null {
  if (!trust.picture) return null;
  // The address changes with the calibration, or the browser would show the old picture.
  const drawn = el("img", { src: address("/trust/picture.svg", { of: trust.promise?.at }), alt: said.picture, class: "calibration" });
  return el("section", { class: "card picture" }, el("div", { class: "scrolls", tabindex: 0, role: "region", "aria-label": said.pictureTitle }, drawn));
}

function section(title: string, none: string, lines: HTMLElement[]): HTMLElement {
  return el("section", { class: "card" }, el("h2", {}, title), lines.length ? el("ul", { class: "plain-list lines" }, ...lines) : el("p", { class: "quiet" }, none));
}

function singerLine(name: string, rest: Child, ...beside: Child[]): HTMLElement {
  const anchor = el("a", { href: link("singer", { name }), "aria-label": said.compare(name) }, nameOf(name));
  return el("li", {}, el("span", { class: "line-words" }, el("span", {}, anchor, ...beside), el("span", { class: "quiet" }, rest)));
}

function confusions(trust: Trust): HTMLElement {
  const lines = trust.confusions.map((one) =>
    singerLine(one.a, texts.song(one.songs), el("span", { class: "quiet" }, ` ${one.alike ? said.soundsLike : said.takenFor} `), el("a", { href: link("singer", { name: one.b }), "aria-label": said.compare(one.b) }, nameOf(one.b))),
  );
  return section(said.confusions, said.noConfusions, lines);
}

function little(trust: Trust): HTMLElement {
  return section(said.little, said.noLittle, trust.little.map((one) => singerLine(one.name, one.why)));
}

function twoVoices(trust: Trust): HTMLElement | null {
  if (!trust.two_voices.length) return null;
  return section(said.two, "", trust.two_voices.map((one) => singerLine(one.name, said.apart(one.songs))));
}

function audit(trust: Trust): HTMLElement | null {
  if (!trust.audit) return null;
  const words = trust.audit.map((sentence) => el("p", {}, sentence));
  return el("section", { class: "card" }, el("h2", {}, said.audit), el("div", { class: "prose" }, ...words));
}
