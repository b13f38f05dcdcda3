// Elements without markup: data reaches the page as text and as attributes, never as HTML.

export type Child = Node | string | number | null | undefined | false;
type Value = string | number | boolean | null | undefined | ((event: never) => void);
export type Props = Record<string, Value>;

const PRESSED = new Set(["button", "a", "dialog"]);
const drawn = new WeakMap<Element, number>(); // when each of these elements was made
const PLACE_PX = 24; // a finger that taps twice moves a little
const PAIR_MS = 1000;
const HASTE_MS = 500;

/** An element with its attributes, listeners (`onclick`: ...) and children. */
export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  props: Props = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (typeof value === "function") element.addEventListener(key.slice(2), value as EventListener);
    else element.setAttribute(key, value === true ? "" : String(value));
  }
  element.append(...children.filter(isThere));
  if (PRESSED.has(tag)) drawn.set(element, performance.now());
  return element;
}

/**
 * A click presses only what a person could see before it. The second half of a double click, or a hasty second click,
 * does not reach a button that was drawn at that place after the first click. This does not apply to keys.
 */
export function guardClicks(): void {
  let before = { x: NaN, y: NaN, time: -Infinity };
  const guard = (event: MouseEvent): void => {
    if (event.detail === 0 || !event.isTrusted || !(event.target instanceof Element)) return;
    const { clientX: x, clientY: y, target } = event;
    const time = performance.now();
    // A click on the dialog itself, beside its content, closes it.
    const pressed = target.closest("button, a[href]") ?? (target instanceof HTMLDialogElement ? target : null);
    const since = (pressed && drawn.get(pressed)) ?? -Infinity;
    const isPlaceTaken = Math.hypot(x - before.x, y - before.y) < PLACE_PX && since > before.time;
    const isHasty = event.detail > 1 || (time - before.time < PAIR_MS && time - since < HASTE_MS);
    before = { x, y, time };
    if (!isPlaceTaken || !isHasty) return;
    event.preventDefault();
    event.stopImmediatePropagation();
  };
  window.addEventListener("click", guard, { capture: true });
}

function isThere(child: Child): child is Node | string {
  return child !== null && child !== undefined && child !== false && child !== "";
}

/** An element for a name, whose text direction does not affect the text beside it. */
export function nameOf(text: string, props: Props = {}): HTMLElement {
  return el("bdi", { dir: "auto", ...props }, shown(text));
}

/** A name within a sentence, isolated by characters: attributes and plain strings can hold it too. */
export function isolated(text: string): string {
  return `\u2068${shown(text)}\u2069`;
}

/** A name without the characters that would change the direction or the lines of the text around it. */
function shown(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu, "\ufffd");
}

/**
 * Put new children in place of the old. A child that has the focus and is also one of the new children is not touched,
 * nor the text that is being typed in it. Otherwise the focus goes to the new element with the same `data-key`.
 */
export function refill(parent: HTMLElement, ...children: Child[]): void {
  const wanted = children.filter(isThere);
  const focused = parent.contains(document.activeElement) ? (document.activeElement as HTMLElement) : null;
  const at = wanted.findIndex((child) => child instanceof Element && child.parentNode === parent && child.contains(focused));
  const stays = wanted[at];
  if (focused && stays instanceof Element) {
    for (const old of [...parent.childNodes]) if (old !== stays) old.remove();
    stays.before(...wanted.slice(0, at));
    stays.after(...wanted.slice(at + 1));
    return;
  }
  const key = focused?.dataset["key"];
  parent.replaceChildren(...wanted);
  if (key === undefined) return;
  const again = [...parent.querySelectorAll<HTMLElement>("[data-key]")].find((at) => at.dataset["key"] === key);
  again?.focus({ preventScroll: true });
}

/** Whether letters typed now are meant for a field or a dialog. */
export function isTyping(): boolean {
  const at = document.activeElement;
  if (document.querySelector("dialog[open]")) return true;
  if (at instanceof HTMLInputElement) return !["checkbox", "radio", "button", "range"].includes(at.type);
  return at instanceof HTMLTextAreaElement || at instanceof HTMLSelectElement;
}

/** A function that runs once things have been quiet for a while. */
export function debounced(run: () => void, wait: number): () => void {
  let timer = 0;
  return () => {
    clearTimeout(timer);
    timer = window.setTimeout(run, wait);
  };
}

/** Answers may overtake each other: gives null for an answer if a newer one was asked for meanwhile. */
export function latest<Words extends unknown[], Answer>(ask: (...words: Words) => Promise<Answer>): (...words: Words) => Promise<Answer | null> {
  let turn = 0;
  return async (...words) => {
    const mine = ++turn;
    const answer = await ask(...words);
    return mine === turn ? answer : null;
  };
}
