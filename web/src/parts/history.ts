// What was done, the latest first; each step can be taken back with those above it.
import { get, post } from "../api";
import { el } from "../dom";
import { live } from "../live";
import { texts } from "../texts";
import type { Entry } from "../types";
import { dialog } from "./dialogs";
import { attempt, tell } from "./notices";

const MOST = 50;

export async function showHistory(): Promise<void> {
  const { entries } = await get<{ entries: Entry[] }>("/journal", { limit: MOST });
  const isWritable = live.state?.writable ?? false;
  let isOpen = isWritable; // What lies behind a step that cannot be taken back, cannot be either.
  let count = 0;
  const lines = entries.map((entry) => {
    isOpen &&= entry.can_undo;
    const steps = ++count;
    return el(
      "li",
      {},
      el("span", { class: "history-what" }, texts.undo.what(entry), el("time", { datetime: entry.at }, when(entry.at))),
      isOpen ? takeBack(steps) : el("span", { class: "quiet" }, entry.can_undo ? null : texts.undo.final),
    );
  });
  const box = dialog(
    texts.undo.history,
    el("p", { class: "quiet" }, entries.length ? texts.undo.historyHint : texts.undo.none),
    el("ol", { class: "plain-list lines" }, ...lines),
  );

  function takeBack(steps: number): HTMLElement {
    const button = el("button", { type: "button", class: "button small" }, texts.undo.upTo(steps));
    button.addEventListener("click", () =>
      void attempt(button, async () => {
        const { undone } = await post<{ undone: Entry[] }>("/undo", { count: steps });
        box.close();
        tell(texts.undo.done(undone.map(texts.undo.what).join("; ")));
        await live.changed();
      }),
    );
    return button;
  }
}

function when(at: string): string {
  const time = new Date(at);
  return Number.isNaN(time.getTime()) ? at : time.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
}
