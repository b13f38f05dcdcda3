// Views by the part of the address behind "#": #/songs?decision=known
import { ApiError } from "./api";
import { texts } from "./texts";

export interface View {
  title: string;
  element: HTMLElement;
  /** Called when the library changed. */
  refresh?: () => Promise<void> | void;
  /** Called when another view takes its place. */
  leave?: () => void;
}

export interface Place {
  view: string;
  id: string;
  words: URLSearchParams;
}

/** Whether trying again may help: the server is away, was started again, or is busy. */
const mayPass = (error: unknown): boolean => error instanceof ApiError && (error.status === 0 || error.status === 401 || error.status >= 500);
const GONE = new Set([400, 404, 410]); // for an unknown name the server answers 400

export type Opener = (place: Place) => Promise<View>;

export function link(view: string, words: Record<string, string | number> = {}): string {
  const text = new URLSearchParams(Object.entries(words).map(([key, value]) => [key, String(value)])).toString();
  return `#/${view}${text ? `?${text}` : ""}`;
}

export function placeOf(hash: string): Place {
  const [path = "", words = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  const [view = "", id = ""] = path.split("/", 2);
  return { view: view || "songs", id, words: new URLSearchParams(words) };
}

/** Keep the choices of a person in the address, without a new view and without a step in the history. */
export function keepInAddress(view: string, words: Record<string, string>): void {
  const kept = Object.fromEntries(Object.entries(words).filter(([, value]) => value !== ""));
  history.replaceState(null, "", link(view, kept));
}

/** What a view shows may be gone, by an undo or by another window: then go to the list of its kind. */
export async function orElsewhere(work: Promise<void>, hash: string): Promise<void> {
  const from = location.hash;
  try {
    await work;
  } catch (error) {
    if (!(error instanceof ApiError && GONE.has(error.status))) throw error;
    if (location.hash === from) location.hash = hash;
  }
}

export class Router {
  current: View | null = null;
  private turn = 0;

  constructor(
    private readonly main: HTMLElement,
    private readonly openers: Record<string, Opener>,
    private readonly moved: (place: Place) => void,
    private readonly broken: (error: unknown) => HTMLElement,
  ) {}

  start(): void {
    window.addEventListener("hashchange", () => void this.go(true));
    void this.go(false);
  }

  /** Show the view that the address names; if a person went there, the focus moves to its heading. */
  async go(byPerson: boolean): Promise<void> {
    const turn = ++this.turn;
    const place = placeOf(location.hash);
    this.moved(place);
    this.main.setAttribute("aria-busy", "true");
    let view: View;
    try {
      const opener = this.openers[place.view];
      if (!opener) throw new Error(texts.errors.nowhere);
      view = await opener(place);
    } catch (error) {
      view = { title: texts.errors.broken, element: this.broken(error) };
      if (mayPass(error)) view.refresh = () => this.go(false);
    }
    if (turn !== this.turn) {
      view.leave?.(); // Another view was opened meanwhile.
      return;
    }
    this.current?.leave?.();
    this.current = view;
    document.title = texts.page(view.title);
    this.main.replaceChildren(view.element);
    this.main.removeAttribute("aria-busy");
    if (!byPerson) return;
    window.scrollTo(0, 0);
    const heading = view.element.querySelector<HTMLElement>("h1");
    heading?.setAttribute("tabindex", "-1");
    heading?.focus({ preventScroll: true });
  }
}
