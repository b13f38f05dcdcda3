// One song: look at it, listen to it, say who sings.
import { address, get, post, remove } from "../api";
import { el, latest, nameOf, refill } from "../dom";
import { live } from "../live";
import { decisionCard } from "../parts/decision";
import { confirm } from "../parts/dialogs";
import { icon } from "../parts/icons";
import { lanes, type Lanes } from "../parts/lanes";
import { attempt, complain, tell } from "../parts/notices";
import { clipButton, hush } from "../parts/sound";
import { showTags } from "../parts/tagging";
import { wave, type Wave } from "../parts/wave";
import { link, orElsewhere, type Place, type View } from "../router";
import { clock, texts } from "../texts";
import type { Job, Near, Peaks, SongDetail } from "../types";

const said = texts.songPage;

export async function openSong(place: Place): Promise<View> {
  const path = `/songs/${encodeURIComponent(place.id)}`;
  let song = await get<SongDetail>(path);
  let parts: Sound | null = null;
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
    const before = song;
    if (JSON.stringify(now) === JSON.stringify(before)) return; // A recording that plays keeps its button.
    song = now;
    drawAround();
    if (soundKey(now) !== soundKey(before)) await drawSound();
    else if (JSON.stringify(now.result.timeline) !== JSON.stringify(before.result.timeline)) parts?.putTurns(now);
  };
  const drawSound = async (): Promise<void> => {
    const mine = ++turn;
    const made = await soundOf(song, path);
    if (mine !== turn) {
      made.player?.leave(); // The sound was asked for again, or the view is gone.
      return;
    }
    parts?.player?.leave();
    parts = made;
    parts.putTurns(song); // They may have changed meanwhile.
    sound.replaceChildren(...parts.inner);
  };

  drawAround();
  sound.append(el("p", { class: "quiet" }, texts.loading));
  // The text is shown at once; the server may have to compute the picture of the sound first. The waveform draws
  // itself to the width it has, so it must be in the page before.
  requestAnimationFrame(() => void drawSound().catch(complain));
  return {
    title: song.name,
    element,
    refresh: () => orElsewhere(update(), link("songs")),
    leave: () => {
      turn += 1;
      parts?.player?.leave();
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
  const again = el("button", { type: "button", class: song.stale ? "button main changes" : "button changes", "data-key": "again" }, icon("again"), said.again);
  again.addEventListener("click", () => void attempt(again, async () => live.take(await post<Job>(`/songs/${song.id}/hear`))));
  const take = el("button", { type: "button", class: "quiet-button changes", "data-key": "take" }, said.take);
  take.addEventListener("click", () =>
    void attempt(take, async () => {
      if (!(await confirm(said.takeTitle, said.takeText, said.take, texts.cancel))) return;
      await remove(`/songs/${song.id}`);
      tell(said.gone);
      location.hash = link("songs");
    }),
  );
  const tags = el("button", { type: "button", class: "button", "data-key": "tags", onclick: () => showTags([song.id]) }, icon("tag"), texts.tags.label);
  return [
    el("div", {}, el("h1", {}, nameOf(song.name)), el("p", { class: "lead path" }, nameOf(song.path)), ...notes),
    el("div", { class: "row" }, song.present ? again : null, tags, take),
  ];
}

const note = (text: string): HTMLElement => el("p", { class: "note" }, icon("warn"), el("span", {}, text));

/** Changes when the sound behind the song's id changes, or when it becomes playable. */
const soundKey = (song: SongDetail): string => JSON.stringify([song.playable, song.version]);

interface Sound {
  player: Wave | null;
  inner: HTMLElement[];
  /** Show who sings when, from an answer that has changed; the player goes on. */
  putTurns: (song: SongDetail) => void;
}

async function soundOf(song: SongDetail, path: string): Promise<Sound> {
  const isThere = song.present && song.playable !== "";
  const of = song.version; // The browser caches by address, and an id can be used again for another song.
  let peaks: Peaks = { seconds: song.seconds, peaks: [] };
  if (isThere) peaks = await get<Peaks>(`${path}/peaks`, { of });
  const seconds = peaks.seconds || song.seconds;
  const player = peaks.peaks.length ? wave(address(`${path}/sound`, { of }), song.name, peaks, isThere) : null;
  const grid = el("div", { class: "timeline" });
  if (player) {
    const picture = el("img", { class: "spectrogram", src: address(`${path}/spectrogram.png`, { of }), alt: said.spectrogram, decoding: "async" });
    picture.addEventListener("error", () => picture.remove());
    grid.append(el("div", { class: "lane-label" }, player.transport), player.element, el("span", { class: "lane-label" }), picture);
  }
  const beneath = el("span", { class: "lane-label" });
  grid.append(beneath, ticks(seconds));
  const none = el("p", { class: "quiet" }, said.noLanes);
  let voices: Lanes = { rows: [], mark: () => undefined };
  let heard: number | null = null;
  player?.onTime((now) => {
    heard = now;
    voices.mark(now);
  });
  const putTurns = ({ result }: SongDetail): void => {
    const turns = result.timeline ?? [];
    for (const row of voices.rows) row.remove();
    voices = lanes(turns, seconds, player ? player.listenFrom : null);
    beneath.before(...voices.rows);
    if (heard !== null) voices.mark(heard);
    none.hidden = turns.length > 0;
  };
  return { player, inner: [el("h2", {}, said.lanesTitle), grid, none], putTurns };
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
