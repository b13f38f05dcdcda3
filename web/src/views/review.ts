// One question at a time: five seconds play, and a person says who it is.
import { address, get, post } from "../api";
import { el, isTyping, latest, nameOf, refill } from "../dom";
import { live } from "../live";
import { icon } from "../parts/icons";
import { askForName } from "../parts/naming";
import { complain, tell } from "../parts/notices";
import { clipButton, hush, type Clip } from "../parts/sound";
import { link, type View } from "../router";
import { percent, texts } from "../texts";
import type { Question, Review, ReviewAnswer } from "../types";

const said = texts.review;
const CLIP_S = 5;
const REST_MS = 1000;
const KEYS: Record<string, ReviewAnswer> = { y: "yes", n: "no", s: "someone_else", k: "skip", "0": "nobody" };
const KEYS_KEPT = "singerid.keys"; // whether keys answer: people who use speech input may not want it

export async function openReview(): Promise<View> {
  const mayAnswer = live.state?.writable !== false;
  let review = await get<Review>("/review");
  let clip: Clip | null = null;
  let isBusy = false;
  let isBehind = false; // The library changed while an answer was given.
  let isResting = false; // The question has just changed, and not by this person's answer.
  let rest = 0;
  const latestOne = latest((id: string | undefined) => get<Review>("/review", { id }));
  const progress = el("progress", { class: "wide", "aria-label": said.title });
  const told = el("p", { class: "quiet" });
  const spoken = el("p", { class: "unseen", role: "status" });
  const card = el("section", { class: "card question" });
  const keys = el("input", { type: "checkbox", id: "keys", checked: localStorage.getItem(KEYS_KEPT) !== "off" });
  keys.addEventListener("change", () => localStorage.setItem(KEYS_KEPT, keys.checked ? "on" : "off"));

  const drawCounts = (): void => {
    const { answered, left } = review;
    progress.max = Math.max(1, answered + left);
    progress.value = answered;
    told.textContent = said.left(answered, left);
  };
  const draw = (): void => {
    clip?.stop();
    drawCounts();
    const { question } = review;
    clip = question ? clipOf(question) : null;
    refill(card, ...(question ? asked(question, clip, mayAnswer ? answer : null) : finished()));
  };

  /** The question has changed under a person's hand: for a moment, no press counts as an answer. */
  const restAWhile = (): void => {
    const buttons = [...card.querySelectorAll("button.answer")];
    isResting = true;
    for (const button of buttons) button.setAttribute("aria-disabled", "true");
    clearTimeout(rest);
    rest = window.setTimeout(() => {
      isResting = false;
      for (const button of buttons) button.removeAttribute("aria-disabled");
    }, REST_MS);
  };

  async function answer(kind: ReviewAnswer): Promise<void> {
    const { question } = review;
    if (!question || isBusy || isResting || !mayAnswer) return;
    if (kind === "yes" && question.singer === null) kind = "someone_else";
    isBusy = true;
    try {
      const singer = kind === "someone_else" ? await whoElse(question) : null;
      if (kind === "someone_else" && singer === null) return;
      review = await post<Review>("/review", { id: question.id, answer: kind, singer: singer ?? question.singer });
      draw();
      spoken.textContent = `${said.kept[kind]} ${headline(review.question)}`;
      // The buttons are new: keyboards and screen readers go on at the question.
      card.querySelector<HTMLElement>("h2")?.focus({ preventScroll: true });
      void clip?.play();
      await live.refresh();
    } catch (error) {
      complain(error);
      isBehind = true; // Somebody else may have answered it.
    } finally {
      isBusy = false;
      if (isBehind) void refresh().catch(complain);
    }
  }

  const typed = (event: KeyboardEvent): void => {
    if (!keys.checked || isTyping() || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    const kind = KEYS[event.key.toLowerCase()];
    const isOnBody = !(document.activeElement instanceof HTMLButtonElement || document.activeElement instanceof HTMLAnchorElement || document.activeElement instanceof HTMLInputElement);
    if (kind) {
      event.preventDefault();
      void answer(kind);
    } else if (event.key === " " && isOnBody) {
      event.preventDefault();
      clip?.button.click();
    }
  };
  document.addEventListener("keydown", typed);
  draw();
  const refresh = async (): Promise<void> => {
    // While the shown question is open, it stays: a person may be listening to it.
    const now = await latestOne(review.question?.id);
    isBehind = isBusy; // The reply to an answer that is being given brings the next question.
    if (now === null || isBusy) return;
    const before = review.question;
    const isSame = before !== null && now.question !== null && stays(before, now.question);
    review = isSame ? { ...now, question: before } : now;
    if (isSame || (before === null && now.question === null)) {
      drawCounts();
      return;
    }
    draw();
    spoken.textContent = headline(now.question);
    if (now.question === null) return;
    if (before !== null) tell(said.next);
    restAWhile();
  };
  return {
    title: said.title,
    element: el(
      "div",
      { class: "view review" },
      el("header", { class: "view-head" }, el("h1", {}, said.title), told),
      progress,
      spoken,
      card,
      mayAnswer && el("label", { class: "check keys" }, keys, said.keys, " ", el("span", { class: "quiet" }, said.keysHint)),
    ),
    refresh,
    leave: () => {
      clearTimeout(rest);
      document.removeEventListener("keydown", typed);
      hush();
    },
  };
}

const headline = (question: Question | null): string => (question === null ? said.done : question.singer === null ? said.who : said.is(question.singer));

/** Whether the shown question can stay: it is open, and its answers still mean the same. */
function stays(shown: Question, now: Question): boolean {
  if (shown.id !== now.id || shown.song.present !== now.song.present) return false;
  // A singer who is no longer likely may have been renamed or forgotten.
  return shown.singer === null || [now.singer, ...now.candidates.map((one) => one.singer)].includes(shown.singer);
}

function clipOf(question: Question): Clip | null {
  if (!question.song.present) return null;
  const start = question.clip?.start_s ?? 0;
  const span = question.clip ?? { start_s: start, end_s: start + CLIP_S };
  return clipButton(address(`/recordings/${encodeURIComponent(question.id)}/sound`), question.song.name, span, "huge");
}

function asked(question: Question, clip: Clip | null, answer: ((kind: ReviewAnswer) => Promise<void>) | null): HTMLElement[] {
  const { song } = question;
  const likely = question.candidates.filter((one) => one.singer !== question.singer && (one.probability ?? 0) > 0.01);
  return [
    clip?.button ?? el("p", { class: "note" }, icon("warn"), el("span", {}, texts.notHere)),
    el("h2", { tabindex: "-1" }, headline(question)),
    el("p", { class: "about" }, song.id === null ? nameOf(song.name) : el("a", { href: link(`song/${song.id}`) }, nameOf(song.name))),
    ...(question.group ? [el("p", { class: "chip still" }, said.group(question.group.size))] : []),
    answer ? answersTo(question, answer) : el("p", { class: "note" }, icon("warn"), el("span", {}, said.readOnly)),
    ...(question.why ? [el("p", { class: "quiet why" }, question.why)] : []),
    ...(likely.length
      ? [el("p", { class: "quiet" }, `${texts.naming.perhaps}: `, ...likely.flatMap((one, at) => [at ? ", " : "", nameOf(one.singer), ` ${percent(one.probability)}`]))]
      : []),
  ];
}

function answersTo(question: Question, answer: (kind: ReviewAnswer) => Promise<void>): HTMLElement {
  const button = (kind: ReviewAnswer, style: string, label: string, key: string): HTMLElement =>
    el(
      "button",
      { type: "button", class: `button answer ${style}`, "data-key": kind, "aria-keyshortcuts": key, onclick: () => void answer(kind) },
      el("span", {}, label),
      el("kbd", { "aria-hidden": "true" }, key),
    );
  return el(
    "div",
    { class: "answer-row", role: "group", "aria-label": headline(question) },
    ...(question.singer === null
      ? [button("someone_else", "main", texts.songPage.name, "S")]
      : [button("yes", "main", said.yes, "Y"), button("no", "", said.no, "N"), button("someone_else", "", said.someone, "S")]),
    button("skip", "", said.skip, "K"),
    button("nobody", "", said.nobody, "0"),
  );
}

function whoElse(question: Question): Promise<string | null> {
  const others = question.candidates.map((one) => one.singer).filter((name) => name !== question.singer);
  return askForName(texts.naming.title, { perhaps: others });
}

function finished(): HTMLElement[] {
  return [
    el("div", { class: "empty-art", "aria-hidden": "true" }, icon("check")),
    el("h2", { tabindex: "-1" }, said.done),
    el("p", { class: "quiet" }, said.doneText),
  ];
}
