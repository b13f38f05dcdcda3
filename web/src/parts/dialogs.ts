// Dialogs with the browser's own <dialog>: it keeps the focus, closes on Escape, and gives the focus back.
import { el, type Child } from "../dom";
import { texts } from "../texts";
import { icon } from "./icons";
import { notices } from "./notices";

let count = 0;

/** A dialog with a title; it is gone from the page once it is closed. */
export function dialog(title: string, ...children: Child[]): HTMLDialogElement {
  const id = `dialog-${++count}`;
  const close = el("button", { type: "button", class: "bare", "aria-label": texts.close }, icon("close"));
  const box = el(
    "dialog",
    { "aria-labelledby": id, class: "dialog" },
    el("header", {}, el("h2", { id }, title), close),
    ...children,
  );
  close.addEventListener("click", () => box.close());
  box.addEventListener("close", () => {
    const below = [...document.querySelectorAll("dialog[open]")].at(-1);
    (below ?? document.querySelector(".shell"))?.append(notices);
    box.remove();
  });
  box.addEventListener("click", (event) => {
    if (event.target === box) box.close(); // A click beside the dialog: its content covers the rest.
  });
  document.body.append(box);
  box.showModal();
  // Screen readers ignore everything behind an open dialog, so the messages move into it.
  box.append(notices);
  return box;
}

/** Ask before something that cannot be taken back; the harmless answer has the focus. */
export function confirm(title: string, text: string, yes: string, no: string): Promise<boolean> {
  return new Promise((resolve) => {
    const keep = el("button", { type: "button", class: "button", autofocus: true }, no);
    const go = el("button", { type: "button", class: "button danger" }, yes);
    const box = dialog(title, el("p", {}, text), el("div", { class: "row end" }, keep, go));
    keep.addEventListener("click", () => box.close());
    go.addEventListener("click", () => {
      resolve(true);
      box.close();
    });
    box.addEventListener("close", () => resolve(false));
  });
}
