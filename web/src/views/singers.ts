// All singers of the library, as cards.
import { address, get } from "../api";
import { debounced, el, latest, nameOf, refill } from "../dom";
import { live } from "../live";
import { icon } from "../parts/icons";
import { complain } from "../parts/notices";
import { voicePicture } from "../parts/picture";
import { clipButton, hush } from "../parts/sound";
import { keepInAddress, link, type Place, type View } from "../router";
import { texts } from "../texts";
import type { SingerCard } from "../types";

const said = texts.singers;
const CLIP_S = 5;
const AT_ONCE = 120; // cards; more come when asked for

export async function openSingers(place: Place): Promise<View> {
  let query = place.words.get("q") ?? "";
  let shown = AT_ONCE;
  let drawn = "";
  const lead = el("p", { class: "lead" });
  const told = el("p", { class: "unseen", role: "status" });
  const cards = el("ul", { class: "plain-list cards" });
  const more = el("div", { class: "row centre" });
  const input = el("input", { type: "search", value: query, placeholder: texts.search, "aria-label": said.searchLabel, dir: "auto" });

  const found = latest(() => get<{ singers: SingerCard[] }>("/singers", { q: query }));
  const draw = async (): Promise<void> => {
    const { singers } = (await found()) ?? {};
    if (!singers) return;
    lead.textContent = said.lead(live.state?.library.singers ?? singers.length, live.state?.library.recordings ?? 0);
    told.textContent = texts.singerCount(singers.length);
    const now = JSON.stringify([singers, shown, query === ""]);
    if (now === drawn) return; // A recording that plays keeps its button.
    drawn = now;
    const none = el("li", { class: "empty" }, el("p", {}, query ? said.none : said.empty));
    refill(cards, ...(singers.length ? singers.slice(0, shown).map(card) : [none]));
    const rest = singers.length - shown;
    const button = el("button", { type: "button", class: "button" }, texts.voices.more(rest));
    button.addEventListener("click", () => {
      shown += AT_ONCE;
      void draw().catch(complain);
    });
    more.replaceChildren(...(rest > 0 ? [button] : []));
  };
  input.addEventListener(
    "input",
    debounced(() => {
      query = input.value.trim();
      keepInAddress("singers", { q: query });
      void draw().catch(complain);
    }, 200),
  );
  await draw();
  return {
    title: said.title,
    refresh: draw,
    leave: hush,
    element: el(
      "div",
      { class: "view singers" },
      el("header", { class: "view-head" }, el("div", {}, el("h1", {}, said.title), lead), el("div", { class: "search" }, icon("search"), input)),
      told,
      cards,
      more,
    ),
  };
}

function card(singer: SingerCard): HTMLElement {
  const clip = singer.clip
    ? clipButton(address(`/recordings/${encodeURIComponent(singer.clip.recording)}/sound`), singer.name, {
        start_s: singer.clip.start_s,
        end_s: singer.clip.start_s + CLIP_S,
      })
    : null;
  return el(
    "li",
    { class: "card singer" },
    voicePicture(singer.name),
    el(
      "div",
      { class: "card-words" },
      el("a", { class: "cover", href: link("singer", { name: singer.name }), "data-key": `card ${singer.name}` }, nameOf(singer.name)),
      el("span", { class: "quiet" }, texts.recording(singer.recordings)),
      el("span", { class: "quiet fit" }, fitBar(singer.fit), singer.fit === null ? said.noFit : said.fit(singer.fit)),
    ),
    clip?.button,
  );
}

export function fitBar(fit: number | null): HTMLElement | null {
  if (fit === null) return null;
  const bar = el("span", { class: "bar", "aria-hidden": "true" });
  bar.style.setProperty("--share", String(Math.min(1, Math.max(0, fit))));
  return bar;
}
