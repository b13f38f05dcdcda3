// Rename, merge, split, forget: each asks for what it needs, and tells what it did.
import { post } from "../api";
import { el, nameOf } from "../dom";
import { live } from "../live";
import { link } from "../router";
import { texts } from "../texts";
import type { SingerDetail } from "../types";
import { confirm, dialog } from "./dialogs";
import { askForName, nameField } from "./naming";
import { attempt, complain, tell } from "./notices";

const said = texts.singer;
const MOST_SHOWN = 100;

/** Go to another page; by then, Undo takes back what was done. */
async function goOnAt(hash: string): Promise<void> {
  await live.refresh();
  location.hash = hash;
}

export async function askToRename(singer: SingerDetail): Promise<void> {
  const to = await askForName(said.renameTitle(singer.name), { value: singer.name, label: said.newName, ok: texts.singer.rename.replace("…", "") });
  if (to === null || to === singer.name) return;
  await attempt(null, async () => {
    await post("/singers/rename", { name: singer.name, to });
    await goOnAt(link("singer", { name: to }));
    tell(said.renamed(to));
  });
}

interface Merged {
  recordings: { name: string; path: string }[];
  score: number | null;
  moved: boolean | number;
}

export async function askToMerge(singer: SingerDetail): Promise<void> {
  const name = singer.name;
  const field = nameField(said.into, { except: name, value: singer.alike[0]?.name ?? "" });
  const look = el("button", { type: "submit", class: "button" }, said.preview);
  const go = el("button", { type: "button", class: "button main", disabled: true }, said.merge.replace("…", ""));
  const shown = el("div", { class: "report", role: "status" });
  const form = el("form", {}, field.element, shown, el("div", { class: "row end" }, look, go));
  const box = dialog(said.mergeTitle(name), form);
  field.input.focus();
  field.input.addEventListener("input", () => {
    go.disabled = true; // The preview is of another merge than this one.
    shown.replaceChildren();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void attempt(look, async () => {
      const into = field.input.value.trim();
      const preview = await post<Merged>("/singers/merge", { name, into, preview: true });
      if (field.input.value.trim() !== into) return; // Another name was typed meanwhile.
      const list = preview.recordings.slice(0, MOST_SHOWN).map((one) => el("li", {}, nameOf(one.name)));
      shown.replaceChildren(
        el("p", {}, said.mergePreview(name, preview.recordings.length, into)),
        ...(preview.score === null ? [] : [el("p", { class: "quiet" }, said.mergeScore(preview.score.toFixed(2)))]),
        el("ul", { class: "plain-list small-list" }, ...list),
      );
      go.disabled = false;
    });
  });
  go.addEventListener("click", () =>
    void attempt(go, async () => {
      const into = field.input.value.trim();
      await post<Merged>("/singers/merge", { name, into, preview: false });
      box.close();
      await goOnAt(link("singer", { name: into }));
      tell(said.merged(name, into));
    }),
  );
}

export async function askToSplit(singer: SingerDetail, recordings: string[]): Promise<void> {
  const note = recordings.length ? said.splitChosen(recordings.length) : said.splitAuto;
  const into = await askForName(said.splitTitle(singer.name), { label: said.splitInto, ok: said.split.replace("…", ""), note });
  if (into === null) return;
  await attempt(null, async () => {
    const body = recordings.length ? { name: singer.name, into, recordings } : { name: singer.name, into };
    const done = await post<{ name: string; moved: string[] }>("/singers/split", body);
    await goOnAt(link("singer", { name: done.name }));
    tell(said.splitDone(done.moved.length, done.name));
  });
}

export async function askToForget(singer: SingerDetail): Promise<void> {
  const text = said.forgetText(texts.recording(singer.recordings.length));
  if (!(await confirm(said.forgetTitle(singer.name), text, said.forgetYes, said.forgetNo))) return;
  try {
    await post("/singers/forget", { name: singer.name, sure: true });
    await goOnAt(link("singers"));
    tell(said.forgotten(singer.name));
  } catch (error) {
    complain(error);
  }
}
