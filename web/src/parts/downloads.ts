// The answers as files: links that the browser saves.
import { address, type Query } from "../api";
import { el } from "../dom";
import { texts } from "../texts";
import { dialog } from "./dialogs";
import { icon } from "./icons";

export function downloads(chosen: () => { decision: string; q: string; singer: string }): HTMLElement {
  const open = (): void => {
    const { decision, q, singer } = chosen();
    const query: Query = { decision, q, singer };
    const links = texts.songs.formats.map(([ending, label, about]) =>
      el(
        "li",
        {},
        el("a", { class: "format", href: address(`/answers.${ending}`, query), download: `answers.${ending}` }, icon("download"), el("span", {}, el("strong", {}, label), el("span", { class: "quiet" }, about))),
      ),
    );
    dialog(texts.songs.download, el("p", { class: "quiet" }, texts.songs.downloadHint), el("ul", { class: "plain-list" }, ...links));
  };
  return el("button", { type: "button", class: "button compact", onclick: open }, icon("download"), el("span", {}, texts.songs.download));
}
