// What the server tells on its own: the library's state, its jobs, and that something changed.
import { get } from "./api";
import { debounced } from "./dom";
import type { Job, State } from "./types";

type Listener = () => void;

export class Live {
  state: State | null = null;
  jobs = new Map<number, Job>();
  isConnected = true;
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
    const source = new EventSource("/api/v1/events");
    // A burst of changes, as a folder being heard makes, is one look at the server.
    const changed = debounced(() => void this.changed(), 300);
    source.addEventListener("job", (event) => this.take(JSON.parse(String(event.data)) as Job));
    source.addEventListener("library", changed);
    source.addEventListener("open", () => {
      if (this.isConnected) return;
      this.isConnected = true;
      this.tell("connection");
      void this.refreshJobs();
      changed();
    });
    source.addEventListener("error", () => {
      if (this.isConnected) {
        this.isConnected = false;
        this.tell("connection");
      }
    });
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
