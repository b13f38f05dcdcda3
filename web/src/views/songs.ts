// The songs that were heard: filters, search, thousands of rows.
import { get } from "../api";
import { debounced, el, nameOf } from "../dom";
import { addSongs } from "../parts/adding";
import { downloads } from "../parts/downloads";
import { icon } from "../parts/icons";
import { complain } from "../parts/notices";
import { windowedRows } from "../parts/rows";
import { tagButton } from "../parts/tagging";
import { mark, sure, whoSings } from "../parts/verdict";
import { keepInAddress, link, type Place, type View } from "../router";
import { clock, texts } from "../texts";
import type { Counts, Decision, Song, SongPage } from "../types";

const DECISIONS: readonly Decision[] = ["known", "ambiguous", "unknown", "no_voice"];
const said = texts.songs;

export async function openSongs(place: Place): Promise<View> {
  const chosen = {
    decision: place.words.get("decision") ?? "",
    q: place.words.get("q") ?? "",
    sort: place.words.get("sort") ?? "newest",
    singer: place.words.get("singer") ?? "",
  };
  const counts = new Map<string, HTMLElement>();
  const lead = el("p", { class: "lead" });
  const told = el("p", { class: "unseen", role: "status" });
  const nothing = el("div", { class: "empty" });

  const rows = windowedRows<Song, { total: number; rows: Song[]; counts: Counts }>({
    columns: said.columns,
    label: said.table,
    draw: songCells,
    failed: complain,
    fetch: async (offset, limit) => {
      const page = await get<SongPage>("/songs", { ...chosen, offset, limit });
      return { total: page.total, rows: page.songs, counts: page.counts };
    },
    counted: ({ total, counts: now }) => {
      drawCounts(now);
      told.textContent = said.found(total);
      rows.element.hidden = total === 0;
      nothing.hidden = total > 0;
      if (total === 0) nothing.replaceChildren(...emptyWords());
    },
  });

  function isFiltered(): boolean {
    return chosen.decision !== "" || chosen.q !== "" || chosen.singer !== "";
  }

  function emptyWords(): HTMLElement[] {
    if (isFiltered()) return [el("p", {}, said.noneFit)];
    return [el("div", { class: "empty-art", "aria-hidden": "true" }, icon("songs")), el("h2", {}, said.emptyTitle), el("p", {}, said.empty), addButton()];
  }

  function drawCounts(now: Counts): void {
    const all = DECISIONS.reduce((sum, one) => sum + now[one], 0);
    for (const [decision, at] of counts) {
      at.textContent = (decision === "" ? all : now[decision as Decision]).toLocaleString("en");
    }
    lead.textContent = said.lead(all);
  }

  async function choose(change: Partial<typeof chosen>): Promise<void> {
    Object.assign(chosen, change);
    keepInAddress("songs", { ...chosen, sort: chosen.sort === "newest" ? "" : chosen.sort });
    await rows.reload();
  }
  const chooseOr = (change: Partial<typeof chosen>): void => void choose(change).catch(complain);

  const element = el(
    "div",
    { class: "view songs" },
    el(
      "header",
      { class: "view-head" },
      el("div", {}, el("h1", {}, said.title), lead),
      el("div", { class: "row" }, tagButton(), downloads(() => chosen), addButton()),
    ),
    el("div", { class: "tools" }, filter(), searching(), sorting()),
    chosen.singer ? ofSinger() : null,
    told,
    rows.element,
    nothing,
  );

  function filter(): HTMLElement {
    const options = ["", ...DECISIONS].map((decision) => {
      const input = el("input", { type: "radio", name: "decision", value: decision, checked: chosen.decision === decision, onchange: () => chooseOr({ decision }) });
      const count = el("span", { class: "count" });
      counts.set(decision, count);
      const label = decision === "" ? said.all : texts.decisions[decision as Decision];
      return el("label", { class: "segment" }, input, decision === "" ? null : mark(decision as Decision), label, " ", count);
    });
    return el("fieldset", { class: "segments" }, el("legend", { class: "unseen" }, said.filter), ...options);
  }

  function searching(): HTMLElement {
    const input = el("input", { type: "search", value: chosen.q, placeholder: said.searchHint, "aria-label": said.searchLabel, dir: "auto" });
    input.addEventListener("input", debounced(() => chooseOr({ q: input.value.trim() }), 200));
    return el("div", { class: "search" }, icon("search"), input);
  }

  function sorting(): HTMLElement {
    const options = Object.entries(said.sorts).map(([value, label]) => el("option", { value, selected: value === chosen.sort }, label));
    const select = el("select", { "aria-label": said.sort }, ...options);
    select.addEventListener("change", () => chooseOr({ sort: select.value }));
    return select;
  }

  function ofSinger(): HTMLElement {
    const away = el("a", { class: "bare", href: link("songs"), "aria-label": said.everySinger }, icon("close"));
    return el("p", { class: "chip still" }, said.ofSinger(chosen.singer), away);
  }

  await rows.reload();
  return { title: said.title, element, refresh: rows.reload, leave: rows.leave };
}

function addButton(): HTMLElement {
  return el("button", { type: "button", class: "button main changes", onclick: addSongs }, icon("plus"), said.add);
}

function songCells(song: Song): HTMLElement[] {
  const notes = [song.present ? "" : texts.notHereShort, song.stale ? said.stale : "", song.warning ?? ""].filter(Boolean);
  const folder = song.path.slice(0, Math.max(0, song.path.length - song.name.length - 1));
  const beneath = notes.length
    ? el("span", { class: "beneath warn" }, icon("warn"), notes.join(" · "))
    : el("span", { class: "beneath" }, nameOf(folder));
  const anchor = el("a", { href: link(`song/${song.id}`) }, nameOf(song.name));
  const cell = (name: string, ...inner: Node[]): HTMLElement => el("span", { role: "cell", class: name }, ...inner);
  return [
    cell("name", anchor, beneath),
    cell("singers", whoSings(song)),
    cell("sureness", sure(song.decision === "no_voice" ? null : song.probability, song.said)),
    cell("length", el("span", { class: "number" }, clock(song.seconds))),
  ];
}
