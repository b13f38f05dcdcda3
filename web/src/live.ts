// What the server sends by itself: the library's state, its jobs, and that something changed.
import { ApiError, get } from "./api";
import { debounced } from "./dom";
import { texts } from "./texts";
import type { Job, State } from "./types";

const RETRY_MS = 3000;
const MOST_OVER = 200;

type Listener = () => void;

export class Live {
  state: State | null = null;
  jobs = new Map<number, Job>();
  /** Why the server cannot be reached; "" if it can. */
  trouble = "";
  /** Resolves once the state was asked for; if that failed, `state` is still null. */
  readonly begun: Promise<void>;
  private begin: () => void = () => undefined;
  private source: EventSource | null = null;
  private openings = 0;
  private again = 0;
  /** Jobs that have ended. The news of an end may overtake an answer that says the job waits. */
  private over = new Map<number, { job: Job; isTold: boolean }>();
  private listeners: Record<"state" | "jobs" | "library" | "connection", Set<Listener>> = {
    state: new Set(),
    jobs: new Set(),
    library: new Set(),
    connection: new Set(),
  };
  private ended = new Set<(job: Job) => void>();

  constructor() {
    this.begun = new Promise((resolve) => {
      this.begin = resolve;
    });
  }

  on(what: keyof Live["listeners"], listener: Listener): void {
    this.listeners[what].add(listener);
  }

  onEnd(listener: (job: Job) => void): void {
    this.ended.add(listener);
  }

  private tell(what: keyof Live["listeners"]): void {
    for (const listener of this.listeners[what]) listener();
  }

  start(): void {
    void this.catchUp();
    this.listen();
    // A browser opens at most six connections to a server: a hidden page must not hold one of them.
    document.addEventListener("visibilitychange", () => (document.hidden ? this.rest() : this.listen()));
  }

  private rest(): void {
    clearTimeout(this.again);
    this.source?.close();
    this.source = null;
  }

  private listen(): void {
    if (this.source || document.hidden) return;
    const source = new EventSource("/api/v1/events");
    this.source = source;
    // Many changes in a short time, as when a folder is heard, cause one request to the server.
    const changed = debounced(() => void this.changed(), 300);
    source.addEventListener("job", (event) => this.take(JSON.parse(String(event.data)) as Job));
    source.addEventListener("library", changed);
    source.addEventListener("open", () => {
      this.openings += 1;
      void this.begun.then(() => this.catchUp());
    });
    source.addEventListener("error", () => {
      // The browser tries again by itself, unless the server refused.
      if (source.readyState === EventSource.CLOSED && this.source === source) {
        this.source = null;
        window.setTimeout(() => this.listen(), RETRY_MS);
      }
      void this.ask();
    });
  }

  /** Ask for what may have been missed, again and again until the server answers. */
  private async catchUp(): Promise<void> {
    clearTimeout(this.again);
    const before = this.state;
    try {
      await this.refresh();
      await this.refreshJobs();
    } catch (error) {
      this.troubled(error);
      clearTimeout(this.again);
      if (!document.hidden) this.again = window.setTimeout(() => void this.catchUp(), RETRY_MS);
      return;
    } finally {
      this.begin();
    }
    const wasTroubled = this.trouble !== "";
    this.troubled(null);
    // At the start, the view has just asked by itself.
    const isNews = before !== null && JSON.stringify(before) !== JSON.stringify(this.state);
    if (wasTroubled || this.openings > 1 || isNews) this.tell("library");
  }

  /** Find out why no news comes. A stream may just have ended; then it begins again by itself. */
  private async ask(): Promise<void> {
    try {
      await get<State>("/state");
      if (this.trouble) await this.catchUp();
    } catch (error) {
      this.troubled(error);
    }
  }

  private troubled(error: unknown): void {
    const trouble = error === null ? "" : error instanceof ApiError ? error.message : texts.errors.noServer;
    if (trouble === this.trouble) return;
    this.trouble = trouble;
    this.tell("connection");
  }

  /** Ask for the state again, and let the view refresh itself. */
  async changed(): Promise<void> {
    try {
      await this.refresh();
    } catch {
      return; // A message about the connection is shown already.
    }
    this.tell("library");
  }

  async refresh(): Promise<void> {
    this.state = await get<State>("/state");
    this.begin();
    this.tell("state");
  }

  private async refreshJobs(): Promise<void> {
    const { jobs } = await get<{ jobs: Job[] }>("/jobs");
    for (const job of jobs) {
      if (this.jobs.has(job.id) || isOpen(job)) this.take(job);
    }
  }

  /** Note the present state of a job. */
  take(job: Job): void {
    const end = this.over.get(job.id) ?? (isOpen(job) ? null : { job, isTold: false });
    if (end === null) {
      this.jobs.set(job.id, job);
    } else {
      const isOurs = this.jobs.delete(job.id) || isOpen(job); // it was shown, or would be now
      this.keepEnd(end);
      if (isOurs && !end.isTold) {
        end.isTold = true;
        for (const listener of this.ended) listener(end.job);
      }
    }
    this.tell("jobs");
  }

  private keepEnd(end: { job: Job; isTold: boolean }): void {
    this.over.set(end.job.id, end);
    const [oldest] = this.over.keys();
    if (this.over.size > MOST_OVER && oldest !== undefined) this.over.delete(oldest);
  }
}

function isOpen(job: Job): boolean {
  return job.state === "waiting" || job.state === "running";
}

export const live = new Live();
