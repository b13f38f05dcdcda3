// "Add songs": choose files, or a folder by its path or by browsing the roots.
import { get, post } from "../api";
import { el, isolated, latest, nameOf } from "../dom";
import { sendFiles } from "../drop";
import { live } from "../live";
import { texts } from "../texts";
import type { Folders, Job } from "../types";
import { dialog } from "./dialogs";
import { icon } from "./icons";
import { attempt, complain, tell } from "./notices";

export function addSongs(): void {
  const chosen = el("input", { type: "file", multiple: true, accept: "audio/*,video/*", class: "unseen", tabindex: "-1", "aria-hidden": "true" });
  const choose = el("button", { type: "button", class: "button main", autofocus: true }, icon("plus"), texts.songs.addFiles);
  choose.addEventListener("click", () => chosen.click());
  const path = el("input", { type: "text", id: "folder-path", autocomplete: "off", spellcheck: "false", dir: "auto" });
  const listen = el("button", { type: "submit", class: "button" }, texts.songs.listen);
  const around = el("div", { class: "around", role: "group", "aria-label": texts.songs.addFolder });
  const form = el(
    "form",
    {},
    el("div", { class: "field" }, el("label", { for: "folder-path" }, texts.songs.path), path),
    around,
    el("div", { class: "row end" }, listen),
  );
  const box = dialog(
    texts.songs.add,
    el("section", {}, choose, chosen, el("p", { class: "quiet" }, texts.songs.addFilesHint)),
    el("section", {}, el("h3", {}, texts.songs.addFolder), el("p", { class: "quiet" }, texts.songs.addFolderHint), form),
  );
  chosen.addEventListener("change", () => {
    box.close();
    void sendFiles([...(chosen.files ?? [])]);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void attempt(listen, async () => {
      live.take(await post<Job>("/hear", { paths: [path.value.trim()] }));
      box.close();
      tell(texts.songs.queued);
    });
  });
  const inside = latest((where: string) => get<Folders>("/folders", { path: where }));
  const look = async (where: string): Promise<void> => {
    const before = path.value;
    const here = await inside(where);
    if (here === null) return;
    if (path.value === before) path.value = here.path; // Otherwise a person has typed a path meanwhile.
    drawFolders(around, here, roots(), (next) => void look(next).catch(complain));
  };
  const [first] = roots();
  if (first === undefined) around.replaceChildren(el("p", { class: "quiet" }, texts.songs.noRoots));
  else void look(first).catch(complain);
}

const roots = (): string[] => live.state?.roots ?? [];

function drawFolders(around: HTMLElement, here: Folders, all: string[], look: (path: string) => void): void {
  const step = (label: HTMLElement | string, path: string, name: string, isUp = false): HTMLElement =>
    el(
      "button",
      { type: "button", class: "folder", onclick: () => look(path), "aria-label": name },
      icon(isUp ? "back" : "folder"),
      label,
    );
  const isInside = (root: string): boolean => here.path.startsWith(root) && /^$|^[\\/]/.test(here.path.slice(root.replace(/[\\/]$/, "").length));
  const others = all.filter((root) => !isInside(root));
  const held = document.activeElement !== null && around.contains(document.activeElement);
  around.replaceChildren(
    el("p", { class: "quiet", role: "status" }, texts.songs.inside(here.files)),
    ...(here.parent === null ? [] : [step(texts.songs.up, here.parent, texts.songs.up, true)]),
    ...here.folders.map((folder) => step(nameOf(folder.name), folder.path, isolated(folder.name))),
    ...others.map((root) => step(nameOf(root), root, isolated(root))),
  );
  if (held) around.querySelector("button")?.focus();
}
