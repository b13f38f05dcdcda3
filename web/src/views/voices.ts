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
  const content = el("div", { class: "groups" });

  const draw = (voices: Voices): void => {
    // Names that are being typed outlive a change elsewhere.
    const typed = new Map([...content.querySelectorAll<HTMLInputElement>("input[data-group]")].map((one) => [one.dataset["group"], one.value]));
    const groups = voices.groups.slice(0, groupsShown).map((group) => groupCard(group, opened, reload));
    const rest = voices.groups.length - groups.length;
    const more = el("button", { type: "button", class: "button" }, said.more(rest));
    more.addEventListener("click", () => {
      groupsShown += FIRST_GROUPS;
      draw(voices);
    });
    refill(
      content,
      ...(groups.length ? groups : [el("div", { class: "empty" }, el("div", { class: "empty-art", "aria-hidden": "true" }, icon("voices")), el("p", {}, voices.discovered ? said.none : said.notYet))]),
      rest > 0 ? more : null,
      voices.alone ? el("p", { class: "quiet" }, said.alone(voices.alone)) : null,
      live.state?.writable === false ? null : find(voices.discovered),
    );
    for (const input of content.querySelectorAll<HTMLInputElement>("input[data-group]")) input.value = typed.get(input.dataset["group"]) ?? "";
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

function groupCard(group: Group, opened: Set<number>, reload: () => Promise<void>): HTMLElement {
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
    songs.replaceChildren(...shown.map((song) => songLine(song, group.number, reload)), ...(isOpen ? [] : [el("li", {}, more)]));
  };
  fill();
  const field = nameField(said.nameThis(group.number));
  field.input.dataset["group"] = String(group.number);
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
      tell(said.named(singer, typeof recordings === "number" ? recordings : recordings.length));
      field.input.value = "";
      await reload();
      await live.refresh();
    });
  });
  const seconds = group.songs.reduce((sum, song) => sum + song.seconds, 0);
  return el(
    "section",
    { class: "card group" },
    el("header", {}, el("h2", {}, said.group(group.number)), el("p", { class: "quiet" }, `${texts.song(group.songs.length)}, ${length(seconds)}`)),
    songs,
    live.state?.writable === false ? null : form,
  );
}

function songLine(song: VoiceSong, number: number, reload: () => Promise<void>): HTMLElement {
  const clip = song.present
    ? clipButton(address(`/recordings/${encodeURIComponent(song.recording)}/sound`), song.name, song.clip ?? { start_s: 0 })
    : null;
  const not = el("button", { type: "button", class: "quiet-button", "aria-label": `${said.not}: ${said.notThis(song.name, number)}`, "data-key": `not ${song.recording}` }, said.not);
  not.addEventListener("click", () =>
    void attempt(not, async () => {
      await post("/voices/not", { number, recording: song.recording });
      tell(said.noted(song.name));
      await reload();
      await live.refresh();
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
