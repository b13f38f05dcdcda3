// The frame around every view: the views' names, undo, work in progress, messages.
import { post, remove } from "./api";
import { el, nameOf, refill } from "./dom";
import { live } from "./live";
import { icon, type IconName } from "./parts/icons";
import { attempt, complain, notices, tell } from "./parts/notices";
import { canPlay } from "./parts/sound";
import { showHistory } from "./parts/history";
import { link, type Place } from "./router";
import { texts } from "./texts";
import type { Entry, Job } from "./types";

const VIEWS = ["songs", "singers", "review", "voices", "trust"] as const;
const UNDO_REST_MS = 500; // time to read what the next press would take back
const HOME: Record<string, (typeof VIEWS)[number]> = { song: "songs", singer: "singers" };

export const main = el("main", { id: "main", tabindex: "-1" });
const library = el("p", { class: "library" });
const banners = el("div", { class: "banners", role: "status" });
const undoPart = el("div", { class: "undo" });
const jobPart = el("div", { class: "jobs", role: "group", "aria-label": texts.jobs.region });
const links = new Map<string, HTMLAnchorElement>();
let isUndoing = false; // Kept here, because the button is drawn again meanwhile.

export function shell(): HTMLElement {
  for (const view of VIEWS) {
    const inner = [icon(view satisfies IconName), el("span", {}, texts.nav[view])];
    links.set(view, el("a", { href: link(view) }, ...inner));
  }
  const skip = el("button", { type: "button", class: "skip", onclick: () => main.focus() }, texts.skip);
  const word = el("a", { class: "word", href: link("songs") }, "singerid");
  live.on("state", drawState);
  live.on("jobs", drawJobs);
  live.on("connection", drawState);
  live.onEnd((job) => void tellEnd(job));
  return el(
    "div",
    { class: "shell" },
    skip,
    el("header", { class: "top" }, el("div", { class: "brand" }, word, library)),
    el("nav", { class: "views", "aria-label": texts.views }, ...links.values()),
    banners,
    main,
    el("footer", { class: "dock" }, undoPart, jobPart),
    notices,
  );
}

export function markView(place: Place): void {
  const current = HOME[place.view] ?? place.view;
  for (const [view, anchor] of links) {
    if (view === current) anchor.setAttribute("aria-current", "page");
    else anchor.removeAttribute("aria-current");
  }
}

function drawState(): void {
  const { state } = live;
  const isWritable = state?.writable !== false;
  const messages = [
    live.trouble,
    state?.notice ?? "",
    isWritable ? "" : texts.errors.readOnly,
    canPlay() ? "" : texts.errors.noSound,
  ].filter(Boolean);
  banners.replaceChildren(...messages.map((text) => el("p", {}, icon("warn"), text)));
  document.body.classList.toggle("read-only", !isWritable);
  if (!state) return;
  library.replaceChildren(nameOf(state.library.name, { title: state.library.path }));
  drawUndo(state.undo, state.writable);
}

function drawUndo(entry: Entry | null, isWritable: boolean): void {
  const history = el("button", { type: "button", class: "quiet-button", "data-key": "history" }, texts.undo.history);
  history.addEventListener("click", () => void showHistory().catch(complain));
  if (!entry || !entry.can_undo || !isWritable) {
    refill(undoPart, el("span", { class: "quiet" }, texts.undo.nothing), history);
    return;
  }
  const what = texts.undo.what(entry);
  const rests = isUndoing ? "true" : null;
  const button = el("button", { type: "button", class: "button small", "data-key": "undo", "aria-disabled": rests }, icon("undo"), texts.undo.label);
  button.addEventListener("click", () => void undoOne(entry));
  refill(undoPart, button, el("span", { class: "what", "data-number": entry.number }, what), history);
}

/** Take back what the button names, and nothing that was done meanwhile; one press is one step. */
async function undoOne(shown: Entry): Promise<void> {
  if (isUndoing) return;
  isUndoing = true;
  drawState();
  try {
    const { undone } = await post<{ undone: Entry[] }>("/undo", { count: 1, latest: shown.number });
    for (const entry of undone) tell(texts.undo.done(texts.undo.what(entry)));
  } catch (error) {
    complain(error);
  }
  await live.changed();
  window.setTimeout(() => {
    isUndoing = false;
    drawState();
  }, UNDO_REST_MS);
}

function drawJobs(): void {
  const jobs = [...live.jobs.values()].sort((a, b) => Number(b.state === "running") - Number(a.state === "running"));
  const [job] = jobs;
  refill(jobPart, ...(job ? jobLine(job, jobs.length - 1) : []));
}

function jobLine(job: Job, others: number): HTMLElement[] {
  const label = `${texts.kinds[job.kind]}`;
  const bar = el("progress", { "aria-label": label, max: Math.max(1, job.total), value: job.total ? job.done : null });
  const told = job.state === "waiting" ? texts.jobs.waiting : texts.jobs.progress(job);
  const cancel = el("button", { type: "button", class: "bare", "aria-label": texts.jobs.cancel(job), "data-key": "cancel" }, icon("close"));
  cancel.addEventListener("click", () => void attempt(cancel, async () => live.take(await remove<Job>(`/jobs/${job.id}`))));
  const words = el("span", { class: "job-words" }, label, " ", el("span", { class: "quiet" }, told));
  return [words, bar, cancel, ...(others ? [el("span", { class: "quiet more" }, texts.jobs.more(others))] : [])];
}

async function tellEnd(job: Job): Promise<void> {
  await live.changed(); // The job may be what Undo now takes back.
  if (job.state === "failed") complain(new Error(texts.jobs.failed(job)));
  else tell(job.state === "done" ? texts.jobs.done(job) : texts.jobs.cancelled(job));
}
