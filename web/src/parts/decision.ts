// The decision on a song: who, how sure, how far from the threshold, and the buttons to correct it.
import { post } from "../api";
import { el, nameOf } from "../dom";
import { live } from "../live";
import { link } from "../router";
import { length, percent, texts } from "../texts";
import type { Answer, Candidate, Song, SongDetail } from "../types";
import { icon } from "./icons";
import { askForName } from "./naming";
import { attempt, tell } from "./notices";
import { mark } from "./verdict";

const said = texts.songPage;
const MOST_PERHAPS = 5;

export function decisionCard(song: SongDetail, update: () => Promise<void>): HTMLElement[] {
  const { result } = song;
  return [
    el("h2", { class: "small-head" }, said.who),
    el("div", { class: "decision", role: "status" }, ...words(song)),
    ...(song.said ? [el("p", { class: "quiet" }, icon("check"), said.saidIs)] : meter(result)),
    el("p", { class: "quiet" }, said.voice(length(song.voice_seconds), length(song.seconds))),
    ...candidatesOf(song),
    ...(result.calibrated === false && !song.said ? [el("p", { class: "quiet" }, said.uncalibrated)] : []),
    ...(live.state?.writable === false ? [] : answers(song, update)),
  ];
}

function words(song: SongDetail): HTMLElement[] {
  const chance = percent(song.probability);
  const isNamed = song.decision === "known";
  const names = isNamed
    ? song.singers.map((one) => el("a", { class: "singer-name", href: link("singer", { name: one.singer }) }, nameOf(one.singer)))
    : [el("span", { class: "singer-name" }, said.verdict[song.decision])];
  const sure = chance && !song.said && song.decision !== "no_voice" ? el("span", { class: "quiet" }, said.sure(chance)) : null;
  return [mark(song.decision), el("div", {}, ...names, ...(sure ? [sure] : []))];
}

/** How far the closest voice is from the score that a name needs. */
function meter(result: Answer): HTMLElement[] {
  const [best] = result.candidates ?? [];
  if (!best || result.needs === null || result.needs === undefined) return [];
  const over = best.score - result.needs;
  const by = Math.abs(over).toFixed(2);
  const scale = el("div", { class: over >= 0 ? "meter above" : "meter", role: "img", "aria-label": said.meter(best.score.toFixed(2), result.needs.toFixed(2)) });
  // The scale begins at zero: voices with a cosine below zero have nothing in common.
  const share = (score: number): string => `${Math.round(100 * Math.min(1, Math.max(0, score)))}%`;
  scale.style.setProperty("--score", share(best.score));
  scale.style.setProperty("--needs", share(result.needs));
  scale.append(el("span", { class: "fill" }), el("span", { class: "needs" }));
  return [el("div", { class: "meter-part" }, scale, el("p", { class: "quiet" }, over >= 0 ? said.above(by) : said.below(by)))];
}

function candidatesOf(song: SongDetail): HTMLElement[] {
  const named = new Set(song.singers.map((one) => one.singer));
  const others = (song.result.candidates ?? []).filter((one) => !named.has(one.singer) && (one.probability ?? 0) >= 0.005);
  if (song.said || !others.length) return [];
  const line = (one: Candidate): HTMLElement =>
    el("li", {}, el("a", { href: link("singer", { name: one.singer }) }, nameOf(one.singer)), el("span", { class: "quiet number" }, percent(one.probability)));
  return [el("h3", {}, said.candidates), el("ul", { class: "plain-list candidates" }, ...others.map(line))];
}

function answers(song: SongDetail, update: () => Promise<void>): HTMLElement[] {
  const likely = song.singers[0]?.singer ?? (song.decision === "ambiguous" ? song.result.candidates?.[0]?.singer : undefined);
  const say = (button: HTMLElement, body: object, thanks: string): Promise<void> =>
    attempt(button, async () => {
      await post<Song>(`/songs/${song.id}/say`, body);
      await Promise.all([update(), live.refresh()]);
      tell(thanks); // By now, Undo takes this back.
    });
  const button = (key: string, kind: string, label: string): HTMLButtonElement => el("button", { type: "button", class: `button ${kind}`, "data-key": key }, label);
  const row: HTMLElement[] = [];
  if (likely !== undefined && !song.said) {
    const yes = button("yes", "main", said.yes(likely));
    yes.addEventListener("click", () => void say(yes, { is: likely }, said.thanks(likely)));
    const no = button("no", "", said.no(likely));
    no.addEventListener("click", () => void say(no, { is_not: likely }, said.thanksNot(likely)));
    row.push(yes, no);
  }
  const other = button("other", likely === undefined ? "main" : "", likely === undefined ? said.name : said.other);
  other.addEventListener("click", () => void ask());
  const nobody = button("nobody", "", said.nobody);
  nobody.addEventListener("click", () => void say(nobody, { nobody: true }, said.thanksNobody));
  row.push(other, nobody);

  async function ask(): Promise<void> {
    const perhaps = (song.result.candidates ?? []).map((one) => one.singer).filter((name) => name !== likely);
    const name = await askForName(texts.naming.title, { perhaps: perhaps.slice(0, MOST_PERHAPS) });
    if (name !== null) await say(other, { is: name }, said.thanks(name));
  }
  return [el("div", { class: "answers", role: "group", "aria-label": said.correct }, el("h3", {}, said.correct), ...row)];
}
