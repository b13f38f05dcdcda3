// One singer: recordings, similar voices, and corrections.
import { address, get } from "../api";
import { el, latest, nameOf, refill } from "../dom";
import { live } from "../live";
import { icon } from "../parts/icons";
import { voicePicture } from "../parts/picture";
import { askToForget, askToMerge, askToRename, askToSplit } from "../parts/putting_right";
import { clipButton, hush } from "../parts/sound";
import { link, orElsewhere, type Place, type View } from "../router";
import { clock, texts } from "../texts";
import type { Recording, SingerDetail } from "../types";
import { fitBar } from "./singers";

const said = texts.singer;

export async function openSinger(place: Place): Promise<View> {
  const name = place.words.get("name") ?? "";
  let singer = await get<SingerDetail>("/singer", { name });
  const chosen = new Set<string>();
  const head = el("header", { class: "view-head singer-head" });
  const list = el("ul", { class: "plain-list lines" });
  const alike = el("section", { class: "card" });

  const draw = (): void => {
    refill(head, voicePicture(singer.name), el("div", {}, el("h1", {}, nameOf(singer.name)), about(singer)), buttons());
    refill(list, ...singer.recordings.map((one) => line(one, chosen)));
    refill(alike, el("h2", {}, said.alike), alikeOf(singer));
    alike.hidden = singer.alike.length === 0;
  };
  const buttons = (): HTMLElement | null => {
    if (live.state?.writable === false) return null;
    const button = (key: string, kind: string, label: string, work: () => Promise<void>): HTMLElement =>
      el("button", { type: "button", class: `button ${kind}`, "data-key": key, onclick: () => void work() }, label);
    return el(
      "div",
      { class: "row" },
      button("rename", "", said.rename, () => askToRename(singer)),
      button("merge", "", said.merge, () => askToMerge(singer)),
      button("split", "", said.split, () => askToSplit(singer, [...chosen])),
      button("forget", "danger-quiet", said.forget, () => askToForget(singer)),
    );
  };
  const asked = latest(() => get<SingerDetail>("/singer", { name }));
  const again = async (): Promise<void> => {
    const now = await asked();
    if (now === null || JSON.stringify(now) === JSON.stringify(singer)) return; // A recording that plays keeps its button.
    singer = now;
    const there = new Set(singer.recordings.map((one) => one.id));
    for (const id of chosen) if (!there.has(id)) chosen.delete(id);
    draw();
  };
  draw();
  return {
    title: singer.name,
    leave: hush,
    refresh: () => orElsewhere(again(), link("singers")),
    element: el(
      "div",
      { class: "view one-singer" },
      el("a", { class: "back", href: link("singers") }, icon("back"), said.all),
      head,
      el("section", { class: "card" }, el("h2", {}, said.recordings), el("p", { class: "quiet" }, said.recordingsHint), list),
      alike,
    ),
  };
}

function about(singer: SingerDetail): HTMLElement {
  const songs = el("a", { href: link("songs", { singer: singer.name }) }, said.songs);
  return el("p", { class: "lead" }, texts.recording(singer.recordings.length), " · ", songs);
}

function line(recording: Recording, chosen: Set<string>): HTMLElement {
  const box = el("input", { type: "checkbox", checked: chosen.has(recording.id), "aria-label": said.choose(recording.name), "data-key": `box ${recording.id}` });
  box.addEventListener("change", () => (box.checked ? chosen.add(recording.id) : chosen.delete(recording.id)));
  const clip = recording.present
    ? clipButton(address(`/recordings/${encodeURIComponent(recording.id)}/sound`), recording.name)
    : null;
  const notes = [recording.album, recording.said ? texts.songs.said : ""].filter(Boolean);
  const beneath = recording.present ? notes.map((one) => nameOf(one)) : [el("span", { class: "warn" }, icon("warn"), texts.notHereShort)];
  return el(
    "li",
    {},
    box,
    clip?.button ?? el("span", { class: "play gone", "aria-hidden": "true" }, icon("gone")),
    el("span", { class: "line-words" }, el("span", { title: recording.path }, nameOf(recording.name)), el("span", { class: "quiet" }, ...joined(beneath))),
    el("span", { class: "quiet fit" }, fitBar(recording.fit), recording.fit === null ? "" : said.fit(recording.fit.toFixed(2))),
    el("span", { class: "quiet number length" }, clock(recording.seconds)),
  );
}

const joined = (parts: readonly HTMLElement[]): (Node | string)[] => parts.flatMap((one, at) => (at ? [" · ", one] : [one]));

function alikeOf(singer: SingerDetail): HTMLElement {
  const lines = singer.alike.map((one) =>
    el(
      "li",
      {},
      el("span", { class: "line-words" }, el("a", { href: link("singer", { name: one.name }) }, nameOf(one.name))),
      el("span", { class: "quiet fit" }, fitBar(one.score), texts.songPage.alike(one.score.toFixed(2))),
    ),
  );
  return el("ul", { class: "plain-list lines" }, ...lines);
}
