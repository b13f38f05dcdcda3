// The commands that were done, the latest first; each can be taken back together with those above it.
import { get, post } from "../api";
import { el, refill } from "../dom";
import { live } from "../live";
import { texts } from "../texts";
import type { Entry } from "../types";
import { dialog } from "./dialogs";
import { attempt, complain, tell } from "./notices";

const MOST = 50;

export async function showHistory(): Promise<void> {
  const content = el("div", {});
  let isBusy = false;

  const draw = async (): Promise<void> => {
    const { entries } = await get<{ entries: Entry[] }>("/journal", { limit: MOST });
    let isOpen = live.state?.writable ?? false; // Steps before one that cannot be taken back cannot be taken back either.
    const lines = entries.map((entry, at) => {
      isOpen &&= entry.can_undo;
      return el(
        "li",
        {},
        el("span", { class: "history-what" }, texts.undo.what(entry), el("time", { datetime: entry.at }, when(entry.at))),
        isOpen ? takeBack(at + 1, entries[0]?.number) : el("span", { class: "quiet" }, entry.can_undo ? null : texts.undo.final),
      );
    });
    refill(
      content,
      el("p", { class: "quiet" }, entries.length ? texts.undo.historyHint : texts.undo.none),
      el("ol", { class: "plain-list lines" }, ...lines),
    );
  };

  function takeBack(steps: number, latest: number | undefined): HTMLElement {
    const button = el("button", { type: "button", class: "button small", "data-key": `steps ${steps}` }, texts.undo.upTo(steps));
    button.addEventListener("click", () =>
      void attempt(button, async () => {
        if (isBusy) return;
        isBusy = true;
        try {
          const { undone } = await post<{ undone: Entry[] }>("/undo", { count: steps, latest });
          box.close();
          tell(texts.undo.done(undone.map(texts.undo.what).join("; ")));
        } catch (error) {
          complain(error);
          await draw(); // Something was done meanwhile, so the list has changed.
        } finally {
          isBusy = false;
        }
        await live.changed();
      }),
    );
    return button;
  }

  await draw();
  const box = dialog(texts.undo.history, content);
}

function when(at: string): string {
  const time = new Date(at);
  return Number.isNaN(time.getTime()) ? at : time.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
}
