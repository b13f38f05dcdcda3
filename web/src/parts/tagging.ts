// Tags: first what would change, then writing, and taking it back.
import { post } from "../api";
import { el, latest, nameOf } from "../dom";
import { texts } from "../texts";
import type { TagReport } from "../types";
import { dialog } from "./dialogs";
import { icon } from "./icons";
import { attempt, complain, tell } from "./notices";

const said = texts.tags;
const MOST_SHOWN = 200;

/** The dialog for one song, or for all. */
export function showTags(songs: number[] | null): void {
  const report = el("div", { class: "report", role: "status" });
  const force = el("input", { type: "checkbox", id: "tag-force" });
  const forced = el("label", { class: "check", hidden: true }, force, said.force);
  const write = el("button", { type: "button", class: "button main", disabled: true }, said.write);
  const look = el("button", { type: "button", class: "button" }, said.dry);
  const back = el("button", { type: "button", class: "quiet-button" }, said.undo);

  const planned = latest((body: object) => post<TagReport>("/tags", body));
  const ask = async (isWriting: boolean): Promise<void> => {
    const answer = await planned({ songs, write: isWriting, force: force.checked });
    if (answer === null) return;
    forced.hidden = answer.held_back === "" && !force.checked;
    const isOpen = answer.changes.length > 0 && (answer.held_back === "" || force.checked);
    write.toggleAttribute("disabled", isWriting || !isOpen);
    report.replaceChildren(...lines(answer));
    if (isWriting) tell(answer.summary);
  };
  look.addEventListener("click", () => void attempt(look, () => ask(false)));
  force.addEventListener("change", () => void ask(false).catch(complain));
  write.addEventListener("click", () => void attempt(write, () => ask(true)));
  back.addEventListener("click", () =>
    void attempt(back, async () => {
      const { undone, failures } = await post<{ undone: string[]; failures: { path: string; detail: string }[] }>("/tags/undo", { songs });
      for (const { path, detail } of failures) complain(new Error(`${path}: ${detail}`));
      tell(said.undone(undone.length));
    }),
  );
  dialog(said.title, el("p", { class: "quiet" }, said.hint), el("div", { class: "row" }, look, write), forced, report, el("div", { class: "row end" }, back));
}

function lines(answer: TagReport): HTMLElement[] {
  const changes = answer.changes.slice(0, MOST_SHOWN).map((change) =>
    el(
      "li",
      {},
      nameOf(change.path),
      el("span", { class: "quiet" }, change.note || change.status),
      ...(change.removed ?? []).map((value) => el("span", { class: "removed" }, `${said.removed} `, nameOf(value))),
      ...(change.added ?? []).map((value) => el("span", { class: "added" }, `${said.added} `, nameOf(value))),
    ),
  );
  return [
    ...(answer.held_back ? [el("p", { class: "warn" }, icon("warn"), answer.held_back)] : []),
    el("p", {}, answer.summary || (changes.length ? "" : said.nothing)),
    el("ul", { class: "plain-list lines tag-lines" }, ...changes),
  ];
}

/** The button that opens it for all songs. */
export function tagButton(): HTMLElement {
  return el("button", { type: "button", class: "button compact", onclick: () => showTags(null) }, icon("tag"), el("span", {}, said.label));
}
