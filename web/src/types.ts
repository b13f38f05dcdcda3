// What the server says: the shapes of /api/v1.

export type Decision = "known" | "ambiguous" | "unknown" | "no_voice";
export type Counts = Record<Decision, number>;

export interface Named {
  singer: string;
  probability: number | null;
  seconds: number;
}

export interface Song {
  id: number;
  path: string;
  name: string;
  decision: Decision;
  singers: Named[];
  probability: number | null;
  seconds: number;
  voice_seconds: number;
  said: boolean;
  warning?: string;
  present: boolean;
  stale: boolean;
  /** Changes when the file behind the id changes; "" if the file is not there. */
  version: string;
}

export interface Turn {
  start_s: number;
  end_s: number;
  singers?: string[];
  unknown?: number[];
  probability?: number | null;
}

export interface Candidate {
  singer: string;
  score: number;
  probability: number | null;
}

export interface Answer {
  candidates?: Candidate[];
  timeline?: Turn[];
  needs?: number | null;
  calibrated?: boolean;
  short?: boolean;
}

export interface Near {
  path: string;
  singer: string;
  score: number;
  recording: string | null;
}

export interface SongDetail extends Song {
  result: Answer;
  playable: "file" | "converted" | "";
  nearest: Near[];
}

export interface SongPage {
  total: number;
  counts: Counts;
  songs: Song[];
}

export interface Peaks {
  seconds: number;
  peaks: number[];
}

export interface Entry {
  number: number;
  command: string;
  at: string;
  can_undo: boolean;
  recordings: number;
  singers: number;
}

export type JobKind = "hear" | "calibrate" | "discover" | "migrate";

export interface Job {
  id: number;
  kind: JobKind;
  state: "waiting" | "running" | "done" | "failed" | "cancelled";
  done: number;
  total: number;
  message: string;
}

export interface State {
  library: {
    name: string;
    path: string;
    singers: number;
    recordings: number;
    calibration: unknown;
    changed_since_calibration: boolean | number;
  };
  songs: Counts & { total: number };
  roots: string[];
  limits: { upload_bytes: number; seconds: number; uploads_at_once: number };
  undo: Entry | null;
  version: string;
  /** A warning: the disk is full, or something that should follow a kept correction failed; "": none. */
  notice: string;
  writable: boolean;
}

export interface SingerCard {
  name: string;
  recordings: number;
  seconds: number;
  fit: number | null;
  clip: { recording: string; start_s: number } | null;
}

export interface Recording {
  id: string;
  path: string;
  name: string;
  album: string;
  present: boolean;
  seconds: number;
  voice_seconds: number;
  fit: number | null;
  said: boolean;
}

export interface SingerDetail {
  name: string;
  recordings: Recording[];
  alike: { name: string; score: number }[];
}

export interface Question {
  /** The id of the recording that the question is about. */
  id: string;
  /** Its id is null if the song was grouped but is not in the list of songs. */
  song: Omit<Song, "id"> & { id: number | null };
  singer: string | null;
  group: { number: number; size: number } | null;
  clip: { start_s: number; end_s: number } | null;
  candidates: { singer: string; probability: number | null }[];
  why: string;
}

export interface Review {
  question: Question | null;
  left: number;
  answered: number;
}

export type ReviewAnswer = "yes" | "no" | "someone_else" | "skip" | "nobody";

export interface VoiceSong {
  recording: string;
  name: string;
  path: string;
  seconds: number;
  present: boolean;
  clip: { start_s: number; end_s: number } | null;
}

export interface Voices {
  groups: { number: number; songs: VoiceSong[] }[];
  alone: number;
  discovered: boolean;
}

export interface Trust {
  calibrated: boolean;
  words: string[];
  promise: { at: string } | null;
  confusions: { a: string; b: string; songs: number; alike: boolean }[];
  little: { name: string; why: string }[];
  two_voices: { name: string; songs: string[] }[];
  picture: boolean;
  audit: string[] | null;
}

export interface Folders {
  path: string;
  parent: string | null;
  folders: { name: string; path: string }[];
  files: number;
}

export interface TagReport {
  changes: { path: string; status: string; added?: string[]; removed?: string[]; note?: string }[];
  summary: string;
  held_back: string;
}
