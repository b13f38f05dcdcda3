"""A model hub for tests, on this machine: the routes, headers and errors that huggingface_hub needs."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import unquote, urlsplit

TOKEN = "hf_let_me_in"
NO_REPOSITORY = (401, "RepoNotFound", "Repository not found")


@dataclass
class Repository:
    """One repository of the hub.

    Attributes:
        commits: contents of files by name, by commit.
        revisions: commits by the names of branches and tags.
        access: "public", or "private" or "gated", which need `TOKEN`.
    """

    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    revisions: dict[str, str] = field(default_factory=dict)
    access: str = "public"

    def files(self, revision: str) -> tuple[str, dict[str, bytes]] | None:
        commit = self.revisions.get(revision, revision)
        return (commit, self.commits[commit]) if commit in self.commits else None


@dataclass
class Hub:
    """The running hub.

    Attributes:
        url: its address.
        cache: folder for the cache of huggingface_hub.
        repositories: repositories by name.
        asked: requests so far: (method, path).
        broken: by the name of a file, answers to send, one after the other, instead of its content: an HTTP
            status, or a number of bytes after which the connection ends.
    """

    url: str
    cache: Path
    repositories: dict[str, Repository] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    broken: dict[str, list[int]] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """Variables that make huggingface_hub use this hub, and nothing of the user's own."""
        return {
            "HF_ENDPOINT": self.url,
            "HF_HOME": str(self.cache),
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_TOKEN": "",
            "HF_TOKEN_PATH": str(self.cache / "token"),
        }

    @property
    def files_asked(self) -> set[str]:
        """Names of the files whose content was requested."""
        return {
            path.rsplit("/", 1)[1] for method, path in self.asked if method == "GET" and "/resolve/" in path
        }

    def upload(self, name: str, content: Path | Mapping[str, bytes], access: str = "public") -> str:
        """Add a commit with the files of a folder, or with `content`, as main; returns its hash."""
        if isinstance(content, Path):
            content = {
                path.relative_to(content).as_posix(): path.read_bytes()
                for path in content.rglob("*")
                if path.is_file()
            }
        repository = self.repositories.setdefault(name, Repository())
        repository.access = access
        every = b"".join(key.encode() + value for key, value in sorted(content.items()))
        commit = hashlib.sha1(every).hexdigest()
        repository.commits[commit] = dict(content)
        repository.revisions["main"] = commit
        return commit


@contextmanager
def running(cache: Path) -> Iterator[Hub]:
    """Run a hub on this machine."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        hub = Hub(f"http://127.0.0.1:{server.server_port}", cache)
        server.hub = hub
        Thread(target=server.serve_forever, daemon=True).start()
        yield hub
        server.shutdown()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        hub: Hub = self.server.hub
        path = unquote(urlsplit(self.path).path)
        hub.asked.append((self.command, path))
        try:
            if path.startswith("/api/models/"):
                self._api(hub, path.removeprefix("/api/models/"))
            else:
                organisation, name, kind, rest = path.removeprefix("/").split("/", 3)
                assert kind == "resolve"
                self._resolve(hub, f"{organisation}/{name}", rest)
        except (AssertionError, ValueError):
            self._refuse(404, "", "Not found")

    def _open(self, hub: Hub, name: str) -> Repository | None:
        """A repository that this client may read; None if not, after an answer that says so."""
        repository = hub.repositories.get(name)
        may = self.headers.get("authorization") == f"Bearer {TOKEN}"
        if repository is None or (repository.access == "private" and not may):
            self._refuse(*NO_REPOSITORY)
            return None
        if repository.access == "gated" and not may:
            self._refuse(403, "GatedRepo", f"Access to model {name} is restricted")
            return None
        return repository

    def _resolve(self, hub: Hub, name: str, rest: str) -> None:
        repository = self._open(hub, name)
        if repository is None:
            return
        revision = next((each for each in repository.revisions if rest.startswith(f"{each}/")), "")
        revision = revision or rest.split("/", 1)[0]
        found, file = repository.files(revision), rest.removeprefix(f"{revision}/")
        if found is None:
            self._refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
            return
        commit, files = found
        if file not in files:
            self._refuse(404, "EntryNotFound", "Entry not found", commit)
            return
        self._content(hub, commit, file, files[file])

    def _content(self, hub: Hub, commit: str, file: str, content: bytes) -> None:
        ending = len(content)
        if self.command == "GET" and hub.broken.get(file):
            broken = hub.broken[file].pop(0)
            if broken >= 400:
                self._refuse(broken, "", "Out of order")
                return
            ending = broken
        first = 0
        if said := self.headers.get("range", ""):
            first = int(said.removeprefix("bytes=").partition("-")[0])
        self.send_response(206 if said else 200)
        if said:
            self.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
        self.send_header("X-Repo-Commit", commit)
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(content) - first))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content[first:ending])
            self.close_connection = ending < len(content)

    def _api(self, hub: Hub, path: str) -> None:
        """Answer with the facts about a repository, or with the list of files of a commit."""
        organisation, name, *rest = path.split("/", 3)
        repository = self._open(hub, f"{organisation}/{name}")
        if repository is None:
            return
        found = repository.files(rest[1] if rest else "main")
        if found is None:
            self._refuse(404, "RevisionNotFound", "Invalid rev id")
            return
        commit, files = found
        told: object = [
            {"type": "file", "path": file, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
            for file, content in sorted(files.items())
        ]
        if not rest or rest[0] == "revision":
            siblings = [{"rfilename": file} for file in sorted(files)]
            told = {"id": f"{organisation}/{name}", "sha": commit, "siblings": siblings, "private": False}
        self._send(200, json.dumps(told).encode(), {"Content-Type": "application/json"})

    def _refuse(self, status: int, code: str, message: str, commit: str = "") -> None:
        headers = {"X-Error-Code": code, "X-Error-Message": message, "X-Repo-Commit": commit}
        self._send(status, message.encode(), {key: value for key, value in headers.items() if value})

    def _send(self, status: int, content: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)
