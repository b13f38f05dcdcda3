// One song: look at it, listen to it, say who sings.
import { address, get, remove } from "../api";
import { el, latest, nameOf, refill } from "../dom";
import { live } from "../live";
import { decisionCard } from "../parts/decision";
import { confirm } from "../parts/dialogs";
import { icon } from "../parts/icons";
import { lanes } from "../parts/lanes";
import { attempt, complain, tell } from "../parts/notices";
import { clipButton, hush } from "../parts/sound";
import { showTags } from "../parts/tagging";
import { wave, type Wave } from "../parts/wave";
import { link, orElsewhere, type Place, type View } from "../router";
import { clock, texts } from "../texts";
import type { Near, Peaks, SongDetail } from "../types";

const said = texts.songPage;

export async function openSong(place: Place): Promise<View> {
  const path = `/songs/${encodeURIComponent(place.id)}`;
  let song = await get<SongDetail>(path);
  let player: Wave | null = null;
  let turn = 0;
  const head = el("header", { class: "view-head" });
  const sound = el("section", { class: "card sound", "aria-label": said.listen });
  const verdict = el("section", { class: "card verdict" });
  const nearest = el("section", { class: "card" });
  const element = el(
    "div",
    { class: "view song" },
    el("a", { class: "back", href: link("songs") }, icon("back"), said.all),
    head,
    el("div", { class: "song-columns" }, el("div", { class: "stack" }, sound, nearest), verdict),
  );

  const drawAround = (): void => {
    refill(head, ...headOf(song));
    refill(verdict, ...decisionCard(song, update));
    refill(nearest, el("h2", {}, said.nearest), el("p", { class: "quiet" }, said.nearestHint), ...nearestOf(song.nearest));
    nearest.hidden = song.nearest.length === 0;
  };
  const asked = latest(() => get<SongDetail>(path));
  const update = async (): Promise<void> => {
    const now = await asked();
    if (now === null) return;
    const before = JSON.stringify(song.result.timeline);
    song = now;
    drawAround();
    if (JSON.stringify(song.result.timeline) !== before) await drawSound();
  };
  const drawSound = async (): Promise<void> => {
    const mine = ++turn;
    const parts = await soundOf(song, path);
    if (mine !== turn) {
      parts.player?.leave(); // Another one was asked for, or the view is gone.
      return;
    }
    player?.leave();
    player = parts.player;
    sound.replaceChildren(...parts.inner);
  };

  drawAround();
  sound.append(el("p", { class: "quiet" }, texts.loading));
  // The words are there at once; the picture of the sound may have to be made first. The waveform draws itself
  // to the width it has, so it waits until it stands in the page.
  requestAnimationFrame(() => void drawSound().catch(complain));
  return {
    title: song.name,
    element,
    refresh: () => orElsewhere(update(), link("songs")),
    leave: () => {
      turn += 1;
      player?.leave();
      hush();
    },
  };
}

function headOf(song: SongDetail): HTMLElement[] {
  const notes = [
    song.present ? null : note(texts.notHere),
    song.warning ? note(song.warning) : null,
    song.stale ? note(said.stale) : null,
  ].filter((one) => one !== null);
  const take = el("button", { type: "button", class: "quiet-button" }, said.take);
  take.addEventListener("click", () =>
    void attempt(take, async () => {
      if (!(await confirm(said.takeTitle, said.takeText, said.take, texts.cancel))) return;
      await remove(`/songs/${song.id}`);
      tell(said.gone);
      location.hash = link("songs");
    }),
  );
  const tags = el("button", { type: "button", class: "button", onclick: () => showTags([song.id]) }, icon("tag"), texts.tags.label);
  return [
    el("div", {}, el("h1", {}, nameOf(song.name)), el("p", { class: "lead path" }, nameOf(song.path)), ...notes),
    el("div", { class: "row" }, tags, take),
  ];
}

const note = (text: string): HTMLElement => el("p", { class: "note" }, icon("warn"), el("span", {}, text));

async function soundOf(song: SongDetail, path: string): Promise<{ player: Wave | null; inner: HTMLElement[] }> {
  const turns = song.result.timeline ?? [];
  const isThere = song.present && song.playable !== "";
  let peaks: Peaks = { seconds: song.seconds, peaks: [] };
  if (isThere) peaks = await get<Peaks>(`${path}/peaks`);
  const player = peaks.peaks.length ? wave(address(`${path}/sound`), song.name, peaks, isThere && live.state !== null) : null;
  const grid = el("div", { class: "timeline" });
  if (player) {
    const picture = el("img", { class: "spectrogram", src: address(`${path}/spectrogram.png`), alt: said.spectrogram, decoding: "async" });
    picture.addEventListener("error", () => picture.remove());
    grid.append(el("div", { class: "lane-label" }, player.transport), player.element, el("span", { class: "lane-label" }), picture);
  }
  const voices = lanes(turns, peaks.seconds || song.seconds, player ? player.listenFrom : null);
  player?.onTime(voices.mark);
  grid.append(...voices.rows, el("span", { class: "lane-label" }), ticks(peaks.seconds || song.seconds));
  const none = turns.length ? null : el("p", { class: "quiet" }, said.noLanes);
  return { player, inner: [el("h2", {}, said.lanesTitle), grid, ...(none ? [none] : [])] };
}

/** Times beneath the lanes, at most six. */
function ticks(seconds: number): HTMLElement {
  const step = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600].find((one) => seconds / one <= 6) ?? 7200;
  const row = el("div", { class: "ticks", "aria-hidden": "true" });
  for (let at = 0; at < seconds; at += step) {
    const tick = el("span", { class: "number" }, clock(at));
    tick.style.left = `${(100 * at) / seconds}%`;
    row.append(tick);
  }
  return row;
}

function nearestOf(nearest: readonly Near[]): HTMLElement[] {
  const lines = nearest.map((near) => {
    const name = near.path.split(/[\\/]/).pop() ?? near.path;
    const clip = near.recording === null ? null : clipButton(address(`/recordings/${encodeURIComponent(near.recording)}/sound`), name);
    return el(
      "li",
      {},
      clip?.button,
      el("span", { class: "line-words" }, el("a", { href: link("singer", { name: near.singer }) }, nameOf(near.singer)), el("span", { class: "quiet" }, nameOf(name))),
      el("span", { class: "quiet number" }, said.alike(near.score.toFixed(2))),
    );
  });
  return [el("ul", { class: "plain-list lines" }, ...lines)];
}
