"""The results of a step as plain values: dicts, lists, arrays, texts and numbers."""

import csv
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open
from safetensors.numpy import load_file

Reader = Callable[["Done"], Mapping[str, Any]]
TIMES = re.compile(r"about [\d:]+ left")  # of `reproduce`
NO_RESULTS = ("seconds", "singerid_version")  # columns and keys about how a result was made


@dataclass(frozen=True)
class Done:
    """A step that one of the versions has done.

    Attributes:
        folder: folder in which it ran.
        exit_code: exit code of the process.
        stdout: its output.
        stderr: its messages.
        names: paths of tracks by their id in a store.
        places: folders, and the name that stands for each in a result.
    """

    folder: Path
    exit_code: int
    stdout: str
    stderr: str
    names: Mapping[str, str] = field(default_factory=dict)
    places: Mapping[str, str] = field(default_factory=dict)

    def plain(self, value: Any) -> Any:
        """A value without the parts that differ between folders and runs."""
        if isinstance(value, dict):
            return {self.plain(k): self.plain(v) for k, v in value.items() if k not in NO_RESULTS}
        if isinstance(value, list):
            return [self.plain(item) for item in value]
        return self._plain_text(value) if isinstance(value, str) else value

    def outcome(self, json_output: bool) -> dict[str, Any]:
        """Exit code, and the output if it is JSON."""
        told = {"output": self.plain(parsed(self.stdout))} if json_output else {}
        return {"exit code": self.exit_code} | told

    def messages(self, json_output: bool) -> list[str]:
        """The messages to a person, line by line."""
        lines = [*([] if json_output else self.stdout.splitlines()), *self.stderr.splitlines()]
        return [self._plain_text(line) for line in lines]

    def _plain_text(self, text: str) -> str:
        for place in sorted(self.places, key=len, reverse=True):
            text = text.replace(place, self.places[place])
        return TIMES.sub("about TIME left", text)


def parsed(text: str) -> Any:
    """The content of JSON or JSON Lines; the text itself if it is neither."""
    if not text:
        return None
    try:
        return json.loads(text)
    except ValueError:
        pass
    try:
        return [json.loads(line) for line in text.splitlines()]
    except ValueError:
        return text


def track_names(folder: Path) -> dict[str, str]:
    """Paths of tracks by their id, as far as the indices of the stores in a folder contain them.

    An index of another format is no error: then results are named by the ids themselves.
    """
    names: dict[str, str] = {}
    for index in sorted((folder / "stores").glob("*/index.jsonl")):
        for line in index.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                entry = json.loads(line)
                names[entry["id"]] = entry["path"]
            except (ValueError, KeyError, TypeError):
                continue
    return names


def stored(store: str) -> Reader:
    """Features and F0 of a store: a result for each condition and tracker, with one array per track."""

    def read(done: Done) -> dict[str, Any]:
        root = done.folder / store
        results: dict[str, Any] = {}
        for path in sorted([*root.glob("features/**/*.npy"), *root.glob("f0/**/*.npz")]):
            kind = path.parent.relative_to(root).as_posix().removeprefix("features/")
            track = done.names.get(path.stem, path.stem)
            results.setdefault(kind, {})[track] = _arrays(path)
        return results

    return read


def run(folder: str) -> Reader:
    """The results of training: all states, the epochs, the split."""

    def read(done: Done) -> dict[str, Any]:
        root = done.folder / folder
        states = sorted((root / "states").glob("*.safetensors"))
        return {
            "weights": {path.stem: dict(sorted(load_file(path).items())) for path in states},
            "headers": {path.stem: _header(path) for path in states},
            "metrics": _numbers(done, root / "metrics.csv"),
            "split": done.plain(_json(root / "split.json")),
        }

    return read


def embeddings(folder: str) -> Reader:
    """The vectors that `embed` writes."""
    return lambda done: {"vectors": _arrays(done.folder / folder / "embeddings.npz")}


def array(file: str) -> Reader:
    """One array in a file."""
    return lambda done: {"array": _arrays(done.folder / file)}


def corpus(folder: str) -> Reader:
    """The bytes of a synthetic corpus, as digests."""

    def read(done: Done) -> dict[str, Any]:
        root = done.folder / folder
        files = sorted(path for path in root.rglob("*") if path.is_file())
        return {
            "files": {
                path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
                for path in files
            }
        }

    return read


def tables(folder: str) -> Reader:
    """The tables of `reproduce`, and the weights of its runs, which show more than two digits do."""

    def read(done: Done) -> dict[str, Any]:
        root = done.folder / folder
        weights = sorted(root.glob("runs/*/states/best_f1.safetensors"))
        return {
            "csv": _numbers(done, root / "tables.csv"),
            "markdown": done.plain(_text(root / "tables.md").splitlines()),
            "weights": {path.parts[-3]: dict(sorted(load_file(path).items())) for path in weights},
        }

    return read


def _arrays(path: Path) -> Any:
    """The array of a .npy, or the arrays of a .npz by name; a text if the file cannot be read."""
    try:
        loaded = np.load(path, allow_pickle=False)
        return dict(loaded) if isinstance(loaded, np.lib.npyio.NpzFile) else loaded
    except (OSError, ValueError) as error:
        return f"cannot be read: {type(error).__name__}"


def _header(path: Path) -> Any:
    with safe_open(path, framework="numpy") as file:
        return {name: parsed(text) for name, text in (file.metadata() or {}).items()}


def _numbers(done: Done, path: Path) -> Any:
    """The rows of a CSV file, numbers as numbers."""
    rows = csv.DictReader(_text(path).splitlines())
    return done.plain([{name: _number(cell) for name, cell in row.items()} for row in rows])


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _json(path: Path) -> Any:
    return parsed(_text(path))


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else "there is no such file"
