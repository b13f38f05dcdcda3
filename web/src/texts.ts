// All texts of the page, in one place. Names within sentences are isolated (dom.ts).
import { isolated } from "./dom";
import type { Decision, Entry, Job } from "./types";

const counted = (count: number, noun: string, nouns = `${noun}s`): string =>
  `${count.toLocaleString("en")} ${count === 1 ? noun : nouns}`;

export const percent = (share: number | null | undefined): string =>
  share === null || share === undefined ? "" : `${Math.round(share * 100)} %`;

export function clock(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const rest = String(whole % 60).padStart(2, "0");
  const minutes = Math.floor(whole / 60) % 60;
  return whole < 3600 ? `${minutes}:${rest}` : `${Math.floor(whole / 3600)}:${String(minutes).padStart(2, "0")}:${rest}`;
}

export function length(seconds: number): string {
  if (seconds < 90) return counted(Math.round(seconds), "second");
  if (seconds < 5400) return counted(Math.round(seconds / 60), "minute");
  return `${(seconds / 3600).toFixed(1)} hours`;
}

const decisions: Record<Decision, string> = {
  known: "Named",
  ambiguous: "Not sure",
  unknown: "Unknown",
  no_voice: "No voice",
};

const kinds: Record<Job["kind"], string> = {
  hear: "Listening to songs",
  calibrate: "Calibrating",
  discover: "Grouping unnamed voices",
  migrate: "Hearing everything again",
};

const commands: Record<string, string> = {
  enroll: "enrolling",
  say: "what you said",
  rename: "renaming a singer",
  merge: "merging two singers",
  split: "splitting a singer",
  calibrate: "calibrating",
  discover: "grouping unnamed voices",
  import: "an import",
  forget: "forgetting a singer",
  undo: "an undo",
  migrate: "hearing everything again",
  check: "a check",
};

export const texts = {
  decisions,
  kinds,
  song: (count: number) => counted(count, "song"),
  singerCount: (count: number) => counted(count, "singer"),
  recording: (count: number) => counted(count, "recording"),
  page: (view: string) => `${view} · singerid`,
  skip: "Skip to the content",
  views: "Views",
  loading: "One moment…",
  close: "Close",
  cancel: "Cancel",
  search: "Search",
  playWhat: (name: string) => `Play ${isolated(name)}`,
  pauseWhat: (name: string) => `Pause ${isolated(name)}`,
  notHere: "The file is no longer where it was. Its answer is kept. To play it, put the file back or add its new folder.",
  notHereShort: "file moved",
  cannotPlay: (name: string) => `${isolated(name)} cannot be played. Its file may have moved, or its sound may be damaged.`,
  nav: { songs: "Songs", singers: "Singers", review: "Review", voices: "Unnamed", trust: "Trust" },

  errors: {
    noServer: "The server does not answer. Start it again with singerid serve; nothing is lost.",
    signedOut: "This browser is not signed in. Open the address that singerid serve printed.",
    status: (status: number) => `The server answered ${status}. Try again; the terminal shows more.`,
    noSound: "This browser has no Web Audio, so nothing can be played here. Reading and correcting work as usual.",
    broken: "This view could not be shown:",
    again: "Try again",
    readOnly: "This library is read-only: songs and answers are shown, but nothing can be corrected.",
    nowhere: "There is no such view.",
  },

  undo: {
    label: "Undo",
    what: (entry: Entry) => {
      const parts = [
        entry.recordings ? counted(entry.recordings, "recording") : "",
        entry.singers ? counted(entry.singers, "singer") : "",
      ].filter(Boolean);
      const what = commands[entry.command] ?? entry.command;
      return parts.length ? `${what} (${parts.join(", ")})` : what;
    },
    nothing: "Nothing to take back",
    done: (what: string) => `Taken back: ${what}`,
    history: "History",
    historyHint: "The latest command comes first. If you take one back, those above it are taken back, too.",
    upTo: (count: number) => (count === 1 ? "Take this back" : `Take back these ${count}`),
    final: "cannot be taken back",
    none: "Nothing has been done yet.",
  },

  jobs: {
    region: "Work in progress",
    waiting: "waiting",
    progress: (job: Job) => (job.total ? `${job.done} of ${job.total}` : ""),
    cancel: (job: Job) => `Cancel: ${kinds[job.kind]}`,
    more: (count: number) => `and ${count} more`,
    done: (job: Job) => job.message || `${kinds[job.kind]}: done`,
    failed: (job: Job) => `${kinds[job.kind]} failed. ${job.message}`,
    cancelled: (job: Job) => `${kinds[job.kind]}: cancelled. What was done so far is kept.`,
  },

  drop: {
    title: "Drop to listen",
    hint: "Songs are heard on this machine and nowhere else.",
    sending: (count: number) => `Sending ${counted(count, "file")}…`,
    sent: (count: number) => `${counted(count, "file")} will be heard.`,
    tooBig: (name: string, most: string) => `${isolated(name)} is larger than ${most}: add its folder instead.`,
    folder: (name: string) => `${isolated(name)} is a folder. Folders are added by their path: choose “Add songs”.`,
  },

  songs: {
    title: "Songs",
    lead: (total: number) => `${counted(total, "song")} heard`,
    add: "Add songs",
    addFiles: "Choose files",
    addFilesHint: "The files are copied into the server’s upload folder, then heard. You can also drop them anywhere on this page.",
    addFolder: "Add a folder by its path",
    addFolderHint: "Nothing is copied. You can add folders inside those that were allowed when the server started.",
    path: "Path of a folder or a file",
    listen: "Listen to this folder",
    up: "Up",
    inside: (count: number) => `${counted(count, "sound file")} directly inside`,
    noRoots: "No folder was allowed when the server started. Start it again with your folder: singerid serve LIBRARY --root FOLDER",
    queued: "Queued. Answers appear as they come.",
    download: "Download",
    downloadHint: "The answers for the songs that are listed now: filter and search apply.",
    formats: [
      ["csv", "CSV", "a table for spreadsheets"],
      ["json", "JSON", "everything, for programs"],
      ["rttm", "RTTM", "who sings when, for diarization tools"],
      ["txt", "Labels", "a label track for Audacity"],
    ] as const,
    all: "All",
    filter: "Decision",
    searchLabel: "Search songs",
    searchHint: "Song, folder or singer",
    sort: "Sort by",
    sorts: { newest: "Newest first", name: "Name", decision: "Decision", probability: "Least sure first" },
    ofSinger: (name: string) => `Songs by ${isolated(name)}`,
    everySinger: "Show songs by everybody",
    columns: ["Song", "Who sings", "Sure", "Length"] as const,
    table: "What was heard",
    emptyTitle: "No songs yet",
    empty: "Drop songs anywhere on this page, or add a folder. singerid listens and says who sings.",
    noneFit: "No song fits this filter.",
    said: "you said so",
    stale: "heard before the library changed",
    found: (count: number) => `${counted(count, "song")} listed`,
  },

  tags: {
    label: "Tags",
    titleAll: "Write singers into the tags of all songs",
    titleOne: "Write who sings into this song’s tags",
    hint: "First see what would change. Files change only when you press “Write these tags”, and you can take that back.",
    dry: "Show what would change",
    write: "Write these tags",
    undoOne: "Take back what was written into this song",
    undoLatest: "Take back what was written last",
    force: "Write although the library is not calibrated for tags",
    nothing: "No tag would change.",
    undone: (count: number) => `The tags of ${counted(count, "file")} are as before.`,
    added: "adds",
    removed: "removes",
  },

  songPage: {
    all: "All songs",
    who: "Who sings",
    sure: (share: string) => `${share} sure`,
    verdict: {
      ambiguous: "Not sure",
      unknown: "Nobody you know",
      no_voice: "Nobody sings",
    } as Record<Decision, string>,
    meter: (score: string, needs: string) => `The closest voice scores ${score}; a name needs ${needs}.`,
    above: (by: string) => `${by} above the score that a name needs`,
    below: (by: string) => `${by} below the score that a name needs`,
    candidates: "Likeliest singers",
    uncalibrated: "The library is not calibrated yet, so these probabilities are general estimates.",
    voice: (voice: string, whole: string) => `${voice} of voice in ${whole}`,
    correct: "Is that right?",
    yes: (name: string) => `Yes, ${isolated(name)}`,
    no: (name: string) => `Not ${isolated(name)}`,
    other: "Somebody else…",
    name: "Name the singer…",
    nobody: "Nobody sings",
    thanks: (name: string) => `Kept: this is ${isolated(name)}.`,
    thanksNot: (name: string) => `Kept: this is not ${isolated(name)}.`,
    thanksNobody: "Kept: nobody sings here.",
    saidIs: "You said so. That outweighs any score, for ever.",
    listen: "Listen",
    wave: "Place in the song",
    spectrogram: "Spectrogram: pitch over time",
    lanesTitle: "Who sings when",
    noLanes: "No voice was heard.",
    stranger: (number: number) => `unknown ${number}`,
    turn: (who: string, from: string, to: string) => `${isolated(who)}, ${from} to ${to}: listen from there`,
    nearest: "Sounds most like",
    nearestHint: "The enrolled recordings whose voice is closest. Play one, then this song, and compare.",
    alike: (score: string) => `similarity ${score}`,
    again: "Hear again",
    stale: "The library has changed since this song was heard.",
    take: "Take out of the list",
    takeTitle: "Take this song out of the list?",
    takeText: "Its answer is removed from the list; what you said about it is kept. Files in your folders stay. If the file was dropped on this page, the server’s copy is removed.",
    gone: "Taken out of the list.",
  },

  naming: {
    title: "Who sings?",
    label: "Singer’s name",
    hint: "A singer of the library, or a new name.",
    perhaps: "Perhaps",
    ok: "That is who sings",
    empty: "Type a name first.",
  },

  singers: {
    title: "Singers",
    lead: (singers: number, recordings: number) =>
      `${counted(singers, "voice")} learned from ${counted(recordings, "recording")}`,
    searchLabel: "Search singers",
    empty: "Nobody is enrolled yet. Open a song and say who sings, or use singerid enroll.",
    none: "No singer has this name.",
    fit: (fit: number) => (fit >= 0.7 ? "one clear voice" : fit >= 0.45 ? "a varied voice" : "very different recordings"),
    noFit: "one recording so far",
    picture: (name: string) => `Mean spectrum of the voice of ${isolated(name)}`,
  },

  singer: {
    all: "All singers",
    songs: "Songs with this voice",
    recordings: "Enrolled recordings",
    recordingsHint: "Choose recordings to split them off into another singer.",
    choose: (name: string) => `Choose ${isolated(name)}`,
    fit: (fit: string) => `fits ${fit}`,
    alike: "Similar voices",
    rename: "Rename…",
    merge: "Merge…",
    split: "Split…",
    forget: "Forget…",
    renameTitle: (name: string) => `Rename ${isolated(name)}`,
    newName: "New name",
    renamed: (name: string) => `Now called ${isolated(name)}.`,
    mergeTitle: (name: string) => `Merge ${isolated(name)} into another singer`,
    into: "Into",
    preview: "Preview",
    mergePreview: (name: string, count: number, into: string) =>
      `${counted(count, "recording")} of ${isolated(name)} would become ${isolated(into)}’s.`,
    mergeScore: (score: string) => `Similarity of the two voices: ${score}.`,
    merged: (name: string, into: string) => `${isolated(name)} is now part of ${isolated(into)}.`,
    splitTitle: (name: string) => `Split ${isolated(name)}`,
    splitChosen: (count: number) => `${counted(count, "chosen recording")} will go to another singer.`,
    splitAuto: "No recording is chosen, so singerid itself divides the recordings into two voices.",
    splitInto: "Name of the other singer",
    splitDone: (moved: number, name: string) => `${counted(moved, "recording")} went to ${isolated(name)}.`,
    forgetTitle: (name: string) => `Forget ${isolated(name)} for ever?`,
    forgetText: (count: string) =>
      `The voice is removed from everything: ${count}, the calibration, groups and the history. This cannot be undone. Your sound files stay. Exports, tags and backups that you made are not changed.`,
    forgetYes: "Forget for ever",
    forgetNo: "Keep this singer",
    forgotten: (name: string) => `${isolated(name)} is forgotten.`,
  },

  review: {
    title: "Review",
    is: (name: string) => `Is this ${isolated(name)}?`,
    who: "Who sings this?",
    group: (size: number) => `One unnamed voice, in ${counted(size, "song")}`,
    yes: "Yes",
    no: "No",
    someone: "Someone else",
    skip: "Skip",
    nobody: "Nobody sings",
    next: "The next question.",
    readOnly: "This library is read-only: you can listen, but answers cannot be kept.",
    left: (answered: number, left: number) => `${counted(answered, "question")} answered, ${left} left`,
    keys: "Answer with keys",
    keysHint: "Y yes · N no · S someone else · K skip · 0 nobody sings · space plays",
    done: "No questions left",
    doneText: "Every song is decided well enough. Add more songs to get new questions.",
    kept: { yes: "Yes.", no: "No.", someone_else: "Named.", skip: "Skipped.", nobody: "Nobody sings." },
  },

  voices: {
    title: "Unnamed voices",
    lead: "Songs by unknown singers, grouped by voice. The biggest groups come first.",
    group: (number: number) => `Voice ${number}`,
    nameIt: "Name this voice",
    nameThis: (number: number) => `Name of voice ${number}`,
    not: "Not the same",
    notThis: (name: string, number: number) => `${isolated(name)} is not voice ${number}`,
    noted: (name: string) => `${isolated(name)} was removed from the group for good.`,
    named: (name: string, count: number) => `${isolated(name)} now has ${counted(count, "more recording")}.`,
    find: "Group the voices",
    again: "Group again",
    notYet: "Unnamed voices have not been grouped yet.",
    none: "No two songs share an unnamed voice.",
    alone: (count: number) => `${counted(count, "more song")} with a voice that matches no other song.`,
    more: (count: number) => `Show ${count} more`,
  },

  trust: {
    title: "Trust",
    lead: "How far the answers can be relied on.",
    calibrated: "Calibrated",
    not: "Not calibrated yet",
    changed: "Much has been enrolled since the calibration. Calibrate again.",
    calibrate: "Calibrate",
    again: "Calibrate again",
    promise: "How many strangers’ songs may be given a name",
    promises: { "0.01": "1 in 100: for writing tags", "0.05": "1 in 20: the usual choice", "0.1": "1 in 10: more names" },
    pictureTitle: "The calibration as a picture",
    picture: "Scores of enrolled singers and of strangers, with the threshold between them",
    confusions: "Singers mistaken for each other",
    noConfusions: "No singer is taken for another.",
    takenFor: "taken for",
    soundsLike: "sounds like",
    apart: (paths: readonly string[]) => `Perhaps sung by somebody else: ${paths.map((path) => isolated(path.split(/[\\/]/).pop() ?? path)).join(", ")}`,
    little: "Singers who need more recordings",
    noLittle: "All singers have enough recordings.",
    two: "Perhaps two voices under one name",
    audit: "The encoder’s audit",
    compare: (name: string) => `Look at ${isolated(name)}`,
  },
} as const;
