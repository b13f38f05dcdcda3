// Short messages: read by screen readers, shown at the bottom; all but errors disappear by themselves.
import { el } from "../dom";
import { texts } from "../texts";
import { icon } from "./icons";

const SHOWN_MS = 6000;

const polite = el("div", { class: "notices", role: "status", "aria-live": "polite" });
const urgent = el("div", { class: "notices", role: "alert" });
export const notices = el("div", { class: "notice-stack" }, urgent, polite);

function show(into: HTMLElement, kind: string, text: string): void {
  const close = el("button", { type: "button", class: "bare", "aria-label": texts.close }, icon("close"));
  const notice = el("div", { class: `notice ${kind}` }, el("span", {}, text), close);
  close.addEventListener("click", () => notice.remove());
  for (const old of [...into.children].slice(0, -2)) old.remove(); // At most three are shown at once.
  into.append(notice);
  if (kind === "info") window.setTimeout(() => notice.remove(), SHOWN_MS);
}

export const tell = (text: string): void => show(polite, "info", text);

export function complain(error: unknown): void {
  if (error instanceof DOMException && error.name === "AbortError") return;
  show(urgent, "error", error instanceof Error ? error.message : String(error));
}

/** Do something that a person asked for: the button is disabled meanwhile, and an error is shown. */
export async function attempt(button: HTMLElement | null, work: () => Promise<void>): Promise<void> {
  if (button?.getAttribute("aria-disabled") === "true") return;
  button?.setAttribute("aria-disabled", "true");
  try {
    await work();
  } catch (error) {
    complain(error);
  } finally {
    button?.removeAttribute("aria-disabled");
  }
}
