// Thousands of rows; only those in sight are in the page, and they are fetched as a person scrolls.
import { el } from "../dom";

const BLOCK = 200; // rows fetched at once
const AROUND = 12; // rows drawn above and below those in sight
const MOST_BLOCKS = 20; // kept in memory
const PAUSE_MS = 2000; // before a block that failed is asked for again; doubled after each failure
const LONGEST_PAUSE_MS = 60_000;

export interface Rows {
  element: HTMLElement;
  /** Fetch the rows again, with a new filter or after a change; the scroll position stays. */
  reload: () => Promise<void>;
  leave: () => void;
}

interface Source<Row, Page extends { total: number; rows: Row[] }> {
  /** Rows from `offset` on, and how many there are in all. */
  fetch: (offset: number, limit: number) => Promise<Page>;
  draw: (row: Row) => HTMLElement[];
  columns: readonly string[];
  label: string;
  failed: (error: unknown) => void;
  /** Called with each answer, unless a newer one has overtaken it. */
  counted: (page: Page) => void;
}

export function windowedRows<Row, Page extends { total: number; rows: Row[] }>(source: Source<Row, Page>): Rows {
  const head = el(
    "div",
    { role: "row", class: "song-row head" },
    ...source.columns.map((column) => el("span", { role: "columnheader" }, column)),
  );
  const body = el("div", { role: "rowgroup", class: "rows" });
  const element = el("div", { role: "table", "aria-label": source.label, class: "table" }, el("div", { role: "rowgroup" }, head), body);
  const blocks = new Map<number, Row[]>();
  const drawn = new Map<number, HTMLElement>();
  const asked = new Set<number>();
  let total = 0;
  let generation = 0;
  let frame = 0;
  let pause = PAUSE_MS;
  let later = 0;

  const height = (): number => parseFloat(getComputedStyle(element).getPropertyValue("--row")) || 64;

  function inSight(): [number, number] {
    const top = -body.getBoundingClientRect().top / height();
    const first = Math.max(0, Math.floor(top) - AROUND);
    return [first, Math.min(total, Math.ceil(top + window.innerHeight / height()) + AROUND)];
  }

  async function need(block: number): Promise<void> {
    if (blocks.has(block) || asked.has(block)) return;
    asked.add(block);
    const mine = generation;
    try {
      const answer = await source.fetch(block * BLOCK, BLOCK);
      asked.delete(block);
      if (mine !== generation) return;
      keep(block, answer.rows);
      total = answer.total;
      pause = PAUSE_MS;
      source.counted(answer);
      draw();
    } catch (error) {
      if (mine === generation) failed(error);
      else asked.delete(block);
    }
  }

  /** A block that failed counts as asked for during a pause: a server in trouble is not asked again and again. */
  function failed(error: unknown): void {
    if (pause === PAUSE_MS) source.failed(error); // The error is shown only once.
    clearTimeout(later);
    later = window.setTimeout(() => {
      asked.clear();
      draw();
    }, pause);
    pause = Math.min(2 * pause, LONGEST_PAUSE_MS);
  }

  function keep(block: number, rows: Row[]): void {
    blocks.set(block, rows);
    const [oldest] = blocks.keys();
    if (blocks.size > MOST_BLOCKS && oldest !== undefined) blocks.delete(oldest);
  }

  function draw(): void {
    body.style.height = `${total * height()}px`;
    element.setAttribute("aria-rowcount", String(total + 1));
    const [first, end] = inSight();
    for (const [at, row] of drawn) {
      // The row with the focus stays, or a keyboard user would lose the place.
      if ((at < first || at >= end) && !row.contains(document.activeElement)) {
        row.remove();
        drawn.delete(at);
      }
    }
    for (let at = first; at < end; at += 1) {
      const row = blocks.get(Math.floor(at / BLOCK))?.[at % BLOCK];
      if (row === undefined) void need(Math.floor(at / BLOCK));
      else if (!drawn.has(at)) place(at, source.draw(row));
    }
  }

  function place(at: number, cells: HTMLElement[]): void {
    const row = el("div", { role: "row", class: "song-row", "aria-rowindex": at + 2 }, ...cells);
    row.style.setProperty("--at", String(at));
    drawn.set(at, row);
    // In order, for the keyboard and for screen readers.
    const next = [...drawn.keys()].filter((other) => other > at).sort((a, b) => a - b)[0];
    body.insertBefore(row, next === undefined ? null : (drawn.get(next) ?? null));
  }

  const soon = (): void => {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(draw);
  };
  window.addEventListener("scroll", soon, { passive: true });
  window.addEventListener("resize", soon);

  async function reload(): Promise<void> {
    const mine = ++generation;
    const block = Math.floor(inSight()[0] / BLOCK);
    const answer = await source.fetch(block * BLOCK, BLOCK);
    if (mine !== generation) return;
    const focused = [...drawn].find(([, row]) => row.contains(document.activeElement))?.[0];
    blocks.clear();
    asked.clear();
    clearTimeout(later);
    pause = PAUSE_MS;
    total = answer.total;
    source.counted(answer);
    keep(block, answer.rows);
    for (const row of drawn.values()) row.remove();
    drawn.clear();
    draw();
    if (focused !== undefined) drawn.get(focused)?.querySelector("a")?.focus({ preventScroll: true });
  }

  return {
    element,
    reload,
    leave: () => {
      generation += 1;
      clearTimeout(later);
      window.removeEventListener("scroll", soon);
      window.removeEventListener("resize", soon);
    },
  };
}
