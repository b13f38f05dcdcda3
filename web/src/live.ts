// What the server tells on its own: the library's state, its jobs, and that something changed.
import { ApiError, get } from "./api";
import { debounced } from "./dom";
import { texts } from "./texts";
import type { Job, State } from "./types";

const RETRY_MS = 3000;

type Listener = () => void;

export class Live {
  state: State | null = null;
  jobs = new Map<number, Job>();
  /** Why the server is not heard; "": it is. */
  trouble = "";
  private listeners: Record<"state" | "jobs" | "library" | "connection", Set<Listener>> = {
    state: new Set(),
    jobs: new Set(),
    library: new Set(),
    connection: new Set(),
  };
  private ended = new Set<(job: Job) => void>();

  on(what: keyof Live["listeners"], listener: Listener): void {
    this.listeners[what].add(listener);
  }

  onEnd(listener: (job: Job) => void): void {
    this.ended.add(listener);
  }

  private tell(what: keyof Live["listeners"]): void {
    for (const listener of this.listeners[what]) listener();
  }

  async start(): Promise<void> {
    await this.refresh();
    await this.refreshJobs();
    this.listen();
  }

  private listen(): void {
    const source = new EventSource("/api/v1/events");
    // A burst of changes, as a folder being heard makes, is one look at the server.
    const changed = debounced(() => void this.changed(), 300);
    source.addEventListener("job", (event) => this.take(JSON.parse(String(event.data)) as Job));
    source.addEventListener("library", changed);
    source.addEventListener("open", () => {
      if (!this.trouble) return;
      this.trouble = "";
      this.tell("connection");
      void this.refreshJobs().catch(() => undefined);
      changed();
    });
    source.addEventListener("error", () => {
      // The browser itself tries again, unless the server refused.
      if (source.readyState === EventSource.CLOSED) window.setTimeout(() => this.listen(), RETRY_MS);
      void this.ask();
    });
  }

  /** Find out why nothing is heard. */
  private async ask(): Promise<void> {
    let trouble: string = texts.errors.noServer;
    try {
      await get<State>("/state");
      return; // A stream may end; it begins again by itself.
    } catch (error) {
      if (error instanceof ApiError) trouble = error.message;
    }
    if (trouble === this.trouble) return;
    this.trouble = trouble;
    this.tell("connection");
  }

  /** Look at the state again, and have the view do so. */
  async changed(): Promise<void> {
    try {
      await this.refresh();
    } catch {
      return; // The connection's own message is there already.
    }
    this.tell("library");
  }

  async refresh(): Promise<void> {
    this.state = await get<State>("/state");
    this.tell("state");
  }

  private async refreshJobs(): Promise<void> {
    const { jobs } = await get<{ jobs: Job[] }>("/jobs");
    for (const job of jobs) {
      if (this.jobs.has(job.id) || isOpen(job)) this.take(job);
    }
  }

  /** Take a job as it is now. */
  take(job: Job): void {
    const before = this.jobs.get(job.id);
    if (isOpen(job)) {
      this.jobs.set(job.id, job);
    } else {
      this.jobs.delete(job.id);
      if (before) for (const listener of this.ended) listener(job);
    }
    this.tell("jobs");
  }
}

function isOpen(job: Job): boolean {
  return job.state === "waiting" || job.state === "running";
}

export const live = new Live();
