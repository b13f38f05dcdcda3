// Voices without a name, in groups: name one, or say that a song is not the same voice.
import { address, get, post } from "../api";
import { el, latest, nameOf, refill } from "../dom";
import { live } from "../live";
import { icon } from "../parts/icons";
import { nameField } from "../parts/naming";
import { attempt, complain, tell } from "../parts/notices";
import { clipButton, hush } from "../parts/sound";
import type { View } from "../router";
import { length, texts } from "../texts";
import type { Job, Voices, VoiceSong } from "../types";

const said = texts.voices;
const FIRST_SONGS = 4;
const FIRST_GROUPS = 40;

type Group = Voices["groups"][number];

export async function openVoices(): Promise<View> {
  const opened = new Set<number>(); // groups that show all of their songs
  let groupsShown = FIRST_GROUPS;
  const cards = new Map<number, GroupCard>(); // Cards stay when others change, because a name may be typed in them.
  const content = el("div", { class: "groups" });

  const draw = (voices: Voices): void => {
    const shown = voices.groups.slice(0, groupsShown);
    for (const number of cards.keys()) if (!shown.some((group) => group.number === number)) cards.delete(number);
    for (const group of shown) {
      const card = cards.get(group.number);
      if (card) card.update(group);
      else cards.set(group.number, groupCard(group, opened, reload));
    }
    const rest = voices.groups.length - shown.length;
    const more = el("button", { type: "button", class: "button" }, said.more(rest));
    more.addEventListener("click", () => {
      groupsShown += FIRST_GROUPS;
      draw(voices);
    });
    refill(
      content,
      ...shown.map((group) => cards.get(group.number)?.element),
      shown.length ? null : el("div", { class: "empty" }, el("div", { class: "empty-art", "aria-hidden": "true" }, icon("voices")), el("p", {}, voices.discovered ? said.none : said.notYet)),
      rest > 0 ? more : null,
      voices.alone ? el("p", { class: "quiet" }, said.alone(voices.alone)) : null,
      live.state?.writable === false ? null : find(voices.discovered),
    );
  };
  const found = latest(() => get<Voices>("/voices"));
  const reload = async (): Promise<void> => {
    const voices = await found();
    if (voices !== null) draw(voices);
  };
  await reload();
  return {
    title: said.title,
    refresh: reload,
    leave: hush,
    element: el("div", { class: "view voices" }, el("header", { class: "view-head" }, el("div", {}, el("h1", {}, said.title), el("p", { class: "lead" }, said.lead))), content),
  };
}

function find(isAgain: boolean): HTMLElement {
  const button = el("button", { type: "button", class: isAgain ? "button" : "button main", "data-key": "find" }, isAgain ? said.again : said.find);
  button.addEventListener("click", () => void attempt(button, async () => live.take(await post<Job>("/voices/discover"))));
  return el("div", { class: "row" }, button);
}

interface GroupCard {
  element: HTMLElement;
  update: (group: Group) => void;
}

function groupCard(first: Group, opened: Set<number>, reload: () => Promise<void>): GroupCard {
  let group = first;
  const about = el("p", { class: "quiet" });
  const songs = el("ul", { class: "plain-list lines" });
  const fill = (): void => {
    const isOpen = opened.has(group.number) || group.songs.length <= FIRST_SONGS + 1;
    const shown = isOpen ? group.songs : group.songs.slice(0, FIRST_SONGS);
    const more = el("button", { type: "button", class: "quiet-button", "data-key": `more ${group.number}` }, said.more(group.songs.length - shown.length));
    more.addEventListener("click", () => {
      opened.add(group.number);
      fill();
      songs.querySelectorAll<HTMLElement>("button")[FIRST_SONGS]?.focus();
    });
    refill(songs, ...shown.map((song) => songLine(song, group.number, reload)), isOpen ? null : el("li", {}, more));
    const seconds = group.songs.reduce((sum, song) => sum + song.seconds, 0);
    about.textContent = `${texts.song(group.songs.length)}, ${length(seconds)}`;
  };
  fill();
  const field = nameField(said.nameThis(group.number));
  field.input.dataset["key"] = `name ${group.number}`;
  field.element.querySelector("label")?.classList.add("unseen");
  field.input.placeholder = texts.naming.label;
  const submit = el("button", { type: "submit", class: "button main" }, said.nameIt);
  const form = el("form", { class: "name-group" }, field.element, submit);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const singer = field.input.value.trim();
    if (!singer) {
      field.input.focus();
      complain(new Error(texts.naming.empty));
      return;
    }
    void attempt(submit, async () => {
      const { recordings } = await post<{ recordings: number | unknown[] }>("/voices/name", { number: group.number, singer });
      field.input.value = "";
      await Promise.all([reload(), live.refresh()]);
      tell(said.named(singer, typeof recordings === "number" ? recordings : recordings.length));
    });
  });
  const element = el(
    "section",
    { class: "card group" },
    el("header", {}, el("h2", {}, said.group(group.number)), about),
    songs,
    live.state?.writable === false ? null : form,
  );
  return {
    element,
    update: (now) => {
      if (JSON.stringify(now) === JSON.stringify(group)) return;
      const before = new Set(group.songs.map((song) => song.recording));
      // After grouping again, the number may be another voice's: a name that was typed was not meant for that.
      if (!now.songs.some((song) => before.has(song.recording))) field.input.value = "";
      group = now;
      fill();
    },
  };
}

function songLine(song: VoiceSong, number: number, reload: () => Promise<void>): HTMLElement {
  const clip = song.present
    ? clipButton(address(`/recordings/${encodeURIComponent(song.recording)}/sound`), song.name, song.clip ?? { start_s: 0 })
    : null;
  const not = el("button", { type: "button", class: "quiet-button", "aria-label": `${said.not}: ${said.notThis(song.name, number)}`, "data-key": `not ${song.recording}` }, said.not);
  not.addEventListener("click", () =>
    void attempt(not, async () => {
      await post("/voices/not", { number, recording: song.recording });
      await Promise.all([reload(), live.refresh()]);
      tell(said.noted(song.name));
    }),
  );
  return el(
    "li",
    {},
    clip?.button ?? el("span", { class: "play gone", "aria-hidden": "true" }, icon("gone")),
    el("span", { class: "line-words" }, el("span", { title: song.path }, nameOf(song.name)), song.present ? null : el("span", { class: "quiet warn" }, texts.notHereShort)),
    live.state?.writable === false ? null : not,
  );
}
