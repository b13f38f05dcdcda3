// Tags: see what would change, write it, and take it back.
import { post } from "../api";
import { el, nameOf } from "../dom";
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
  const back = el("button", { type: "button", class: "quiet-button" }, songs === null ? said.undoLatest : said.undoOne);

  // A preview may be overtaken by another preview or by writing; what was written is always shown.
  let turn = 0;
  let isWriting = false;
  let mayWrite = false;
  const draw = (answer: TagReport | null): void => {
    if (answer) {
      forced.hidden = answer.held_back === "" && !force.checked;
      report.replaceChildren(...lines(answer));
    }
    for (const button of [look, force, back]) button.disabled = isWriting;
    write.disabled = isWriting || !mayWrite;
  };
  const lookAgain = async (): Promise<void> => {
    const mine = ++turn;
    const answer = await post<TagReport>("/tags", { songs, write: false, force: force.checked });
    if (mine !== turn) return;
    mayWrite = answer.changes.length > 0 && (answer.held_back === "" || force.checked);
    draw(answer);
  };
  const change = async (work: () => Promise<TagReport | null>): Promise<void> => {
    if (isWriting) return;
    turn += 1;
    isWriting = true;
    mayWrite = false; // After this, the preview is out of date.
    draw(null);
    let answer: TagReport | null = null;
    try {
      answer = await work();
    } catch (error) {
      complain(error);
    }
    isWriting = false;
    draw(answer);
  };
  look.addEventListener("click", () => void attempt(look, lookAgain));
  force.addEventListener("change", () => void lookAgain().catch(complain));
  write.addEventListener("click", () =>
    void change(async () => {
      const answer = await post<TagReport>("/tags", { songs, write: true, force: force.checked });
      tell(answer.summary);
      return answer;
    }),
  );
  back.addEventListener("click", () =>
    void change(async () => {
      const { undone, failures } = await post<{ undone: string[]; failures: { path: string; detail: string }[] }>("/tags/undo", { songs });
      for (const { path, detail } of failures) complain(new Error(`${path}: ${detail}`));
      tell(said.undone(undone.length));
      return { changes: [], summary: said.undone(undone.length), held_back: "" };
    }),
  );
  const title = songs === null ? said.titleAll : said.titleOne;
  dialog(title, el("p", { class: "quiet" }, said.hint), el("div", { class: "row" }, look, write), forced, report, el("div", { class: "row end" }, back));
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
