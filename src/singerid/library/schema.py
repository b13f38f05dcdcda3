"""The schema of a library's database, and the triggers that make its changes undoable.

While `journal_now` names an entry, every change in a table of `JOURNALED` is recorded in `changes` with the
row as it was before: that is all that `undo` needs. Vectors and back ends are never changed, so they are not
recorded: vectors are deleted with their recording, and back ends stay until nothing refers to them.
"""

from collections.abc import Iterator

FORMAT = 2
"""`PRAGMA user_version` of a library. A newer singerid has a greater one; an older library is updated."""

# A name or a path may hold bytes that are not valid UTF-8; they are written unchanged (`database.text`).
_TABLES = """
CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE singers (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    folded TEXT NOT NULL UNIQUE            -- what spellings of one name have in common
);
CREATE TABLE voices (                      -- groups of recordings of somebody unnamed: "voice 3"
    id INTEGER PRIMARY KEY AUTOINCREMENT
);
CREATE TABLE recordings (
    id TEXT PRIMARY KEY,                   -- random
    role TEXT NOT NULL CHECK (role IN ('enrolled', 'heard', 'stranger')),
    singer INTEGER REFERENCES singers (id),
    voice INTEGER REFERENCES voices (id) ON DELETE SET NULL,
    stranger TEXT NOT NULL DEFAULT '',     -- of strangers: who, so that songs of one count as one singer's
    album TEXT NOT NULL DEFAULT '',
    exemplar INTEGER NOT NULL DEFAULT 0,   -- of its singer's exemplars the one that it belongs to; 0: none
    fingerprint TEXT NOT NULL,             -- of its sound (`sound.fingerprint`)
    scheme INTEGER NOT NULL,               -- the way in which that was made
    seconds REAL NOT NULL,
    voice_seconds REAL NOT NULL,
    warning TEXT NOT NULL DEFAULT '',
    CHECK ((role = 'enrolled') = (singer IS NOT NULL))
);
CREATE TABLE statements (                  -- what a person said of a recording
    recording TEXT NOT NULL REFERENCES recordings (id) ON DELETE CASCADE,
    singer INTEGER NOT NULL REFERENCES singers (id) ON DELETE CASCADE,
    is_them INTEGER NOT NULL CHECK (is_them IN (0, 1)),
    PRIMARY KEY (recording, singer)
);
CREATE TABLE rejections (                  -- a person said that a recording is not of this voice
    recording TEXT NOT NULL REFERENCES recordings (id) ON DELETE CASCADE,
    voice INTEGER NOT NULL REFERENCES voices (id) ON DELETE CASCADE,
    PRIMARY KEY (recording, voice)
);
CREATE TABLE places (                      -- where a recording was last found: a cache, not journaled
    path TEXT PRIMARY KEY,
    recording TEXT NOT NULL REFERENCES recordings (id) ON DELETE CASCADE,
    size INTEGER NOT NULL,
    changed_ns INTEGER NOT NULL
);
CREATE TABLE voiceless (                   -- sounds in which nobody sings: they need not be heard again
    fingerprint TEXT NOT NULL,
    scheme INTEGER NOT NULL,
    PRIMARY KEY (fingerprint, scheme)
);
CREATE TABLE vectors (
    recording TEXT NOT NULL REFERENCES recordings (id) ON DELETE CASCADE,
    sound TEXT NOT NULL CHECK (sound IN ('mixture', 'vocals')),
    vector BLOB NOT NULL,                  -- (D,) float32, little-endian, of unit length
    PRIMARY KEY (recording, sound)
);
CREATE TABLE fresh (                       -- vectors that `migrate` has made so far
    recording TEXT NOT NULL REFERENCES recordings (id) ON DELETE CASCADE,
    sound TEXT NOT NULL,
    vector BLOB NOT NULL,
    voice_seconds REAL NOT NULL,
    PRIMARY KEY (recording, sound)
);
CREATE TABLE waiting (                     -- recordings whose sound `migrate` did not find: no vectors
    recording TEXT PRIMARY KEY REFERENCES recordings (id) ON DELETE CASCADE
);
CREATE TABLE back_ends (
    id TEXT NOT NULL,                      -- random; all of one fit have the same
    sound TEXT NOT NULL,
    mean BLOB NOT NULL,                    -- (D,) float32
    whitening BLOB NOT NULL,               -- (D, D) float32; empty: none
    PRIMARY KEY (id, sound)
);
CREATE TABLE calibrations (id TEXT PRIMARY KEY, content TEXT NOT NULL  /* JSON */);
CREATE TABLE journal (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    command TEXT NOT NULL,
    at TEXT NOT NULL,
    can_undo INTEGER NOT NULL DEFAULT 1
);
CREATE TABLE changes (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    entry INTEGER NOT NULL REFERENCES journal (id) ON DELETE CASCADE,
    part TEXT NOT NULL,                    -- a table
    key TEXT NOT NULL,                     -- JSON: the row's primary key
    before TEXT                            -- JSON: the row as it was; NULL: there was none
);
CREATE TABLE journal_now (entry INTEGER NOT NULL);
CREATE INDEX recordings_by_singer ON recordings (singer);
CREATE INDEX recordings_by_voice ON recordings (voice);
CREATE INDEX recordings_by_fingerprint ON recordings (fingerprint);
CREATE INDEX places_by_recording ON places (recording);
CREATE INDEX statements_by_singer ON statements (singer);
CREATE INDEX changes_by_entry ON changes (entry);
"""

# The tables that each later format has added.
_LATER = {
    2: """
CREATE TABLE nobody (                      -- a person said that nobody sings in a sound
    fingerprint TEXT NOT NULL,
    scheme INTEGER NOT NULL,
    PRIMARY KEY (fingerprint, scheme)
);
CREATE TABLE answers (                     -- what the library last said of a file: a cache
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    path TEXT NOT NULL UNIQUE,
    recording TEXT REFERENCES recordings (id) ON DELETE SET NULL,
    size INTEGER NOT NULL,
    changed_ns INTEGER NOT NULL,
    heard_at TEXT NOT NULL,                -- ISO 8601, UTC
    state TEXT NOT NULL,                   -- of the library that said it
    decision TEXT NOT NULL,
    content TEXT NOT NULL                  -- JSON, as `identify --json`
);
CREATE TABLE jobs (                        -- long work that was asked for, in order
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    arguments TEXT NOT NULL,               -- JSON
    state TEXT NOT NULL CHECK (state IN ('waiting', 'running', 'done', 'failed', 'cancelled')),
    done INTEGER NOT NULL DEFAULT 0,
    total INTEGER NOT NULL DEFAULT 0,      -- 0: not known yet
    message TEXT NOT NULL DEFAULT '',
    made_at TEXT NOT NULL,
    ended_at TEXT NOT NULL DEFAULT ''
);
CREATE INDEX answers_by_recording ON answers (recording);
"""
}

JOURNALED: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "settings": (("key",), ("value",)),
    "singers": (("id",), ("name", "folded")),
    "voices": (("id",), ()),
    "recordings": (
        ("id",),
        (
            *("role", "singer", "voice", "stranger", "album", "exemplar", "fingerprint", "scheme", "seconds"),
            *("voice_seconds", "warning"),
        ),
    ),
    "statements": (("recording", "singer"), ("is_them",)),
    "rejections": (("recording", "voice"), ()),
    "nobody": (("fingerprint", "scheme"), ()),
}
"""Tables whose changes can be undone: their key columns, and the other columns."""


_JOURNALED_SINCE = {"nobody": 2}  # all other tables since format 1


def statements(since: int = 0) -> Iterator[str]:
    """The SQL statements that bring a database up to date.

    Args:
        since: the format of the database; 0: it is empty.
    """
    scripts = [_TABLES] * (since < 1) + [_LATER[number] for number in range(max(since, 1) + 1, FORMAT + 1)]
    for script in scripts:
        yield from (part for part in script.split(";\n") if part.strip())
    for table, (key, rest) in JOURNALED.items():
        if _JOURNALED_SINCE.get(table, 1) <= since:
            continue
        old = ", ".join(f"'{column}', OLD.{column}" for column in (*key, *rest))
        for event, row, before in (
            ("INSERT", "NEW", "NULL"),
            ("UPDATE", "OLD", f"json_object({old})"),
            ("DELETE", "OLD", f"json_object({old})"),
        ):
            names = ", ".join(f"{row}.{column}" for column in key)
            noted = f"SELECT entry, '{table}', json_array({names}), {before} FROM journal_now"
            if event == "UPDATE":  # if the key changes, there was no row with the new key before
                new = ", ".join(f"NEW.{column}" for column in key)
                noted += (
                    f" UNION ALL SELECT entry, '{table}', json_array({new}), NULL FROM journal_now "
                    f"WHERE json_array({new}) <> json_array({names})"
                )
            yield (
                f"CREATE TRIGGER {table}_{event.lower()} AFTER {event} ON {table}\n"
                "WHEN EXISTS (SELECT 1 FROM journal_now)\n"
                f"BEGIN INSERT INTO changes (entry, part, key, before) {noted}; END"
            )
    yield f"PRAGMA user_version = {FORMAT}"
