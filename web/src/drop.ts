// Files that are dropped anywhere on the page are sent to the server and heard.
import { send } from "./api";
import { el, isolated } from "./dom";
import { live } from "./live";
import { icon } from "./parts/icons";
import { complain, tell } from "./parts/notices";
import { texts } from "./texts";
import type { Job } from "./types";

interface Sent {
  job: Job | null;
  refused: { name: string; detail: string }[];
}

/** Send files. Each file that the server refuses is reported, and the rest is heard. */
export async function sendFiles(files: readonly File[]): Promise<void> {
  const limits = live.state?.limits;
  const most = limits?.upload_bytes ?? Infinity;
  const fitting = files.filter((file) => file.size <= most);
  for (const file of files) {
    if (file.size > most) complain(new Error(texts.drop.tooBig(file.name, megabytes(most))));
  }
  if (!fitting.length) return;
  tell(texts.drop.sending(fitting.length));
  const each = Math.max(1, limits?.uploads_at_once ?? 1);
  let heard = 0;
  for (let from = 0; from < fitting.length; from += each) {
    const some = fitting.slice(from, from + each);
    const form = new FormData();
    for (const file of some) form.append("files", file, file.name);
    try {
      const { job, refused } = await send<Sent>("/upload", form);
      heard += some.length - refused.length;
      for (const { name, detail } of refused) complain(new Error(`${isolated(name)}: ${detail}`));
      if (job) live.take(job);
    } catch (error) {
      complain(error);
    }
  }
  if (heard) tell(texts.drop.sent(heard));
}

const megabytes = (bytes: number): string => `${Math.floor(bytes / 1e6).toLocaleString("en")} MB`;

/** Accept files that are dropped anywhere on the page, and say so while they are dragged over it. */
export function catchDrops(): void {
  const veil = el(
    "div",
    { class: "veil", "aria-hidden": "true" },
    el("div", {}, icon("songs"), el("strong", {}, texts.drop.title), el("span", {}, texts.drop.hint)),
  );
  document.body.append(veil);
  let depth = 0; // Each element reports entering and leaving; at 0 the pointer has left the page.
  const show = (isOver: boolean): void => void veil.classList.toggle("shown", isOver);
  window.addEventListener("dragenter", (event) => {
    if (!hasFiles(event)) return;
    depth += 1;
    show(true);
  });
  window.addEventListener("dragleave", (event) => {
    if (!hasFiles(event)) return;
    depth = Math.max(0, depth - 1);
    show(depth > 0);
  });
  window.addEventListener("dragover", (event) => {
    if (hasFiles(event)) event.preventDefault();
  });
  window.addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    depth = 0;
    show(false);
    void sendFiles(filesOf(event));
  });
}

function hasFiles(event: DragEvent): boolean {
  return event.dataTransfer?.types.includes("Files") ?? false;
}

function filesOf(event: DragEvent): File[] {
  const files: File[] = [];
  for (const item of event.dataTransfer?.items ?? []) {
    const file = item.kind === "file" ? item.getAsFile() : null;
    if (!file) continue;
    if (item.webkitGetAsEntry()?.isDirectory) complain(new Error(texts.drop.folder(file.name)));
    else files.push(file);
  }
  return files;
}
