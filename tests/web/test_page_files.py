"""The built page: as new as its sources, small, of one piece, and with nothing from elsewhere."""

import gzip
import hashlib
import json
import re
from pathlib import Path

SOURCES = Path(__file__).parents[2] / "web"
BUILT = Path(__file__).parents[2] / "src" / "singerid" / "web" / "static"
MOST_BYTES = 400_000  # of the whole page, compressed
NAMESPACES = {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xhtml"}
# What is built from, apart from src/: web/vite.config.ts counts the same way.
BESIDE = ("index.html", "package-lock.json", "package.json", "tsconfig.json", "vite.config.ts")


def digest_of_sources() -> str:
    inner = [path.relative_to(SOURCES).as_posix() for path in (SOURCES / "src").rglob("*") if path.is_file()]
    digest = hashlib.sha256()
    # As JavaScript sorts: by UTF-16 code units, which for these names is by code points.
    for name in sorted((*BESIDE, *inner)):
        digest.update(name.encode() + b"\0" + (SOURCES / name).read_bytes() + b"\0")
    return digest.hexdigest()


def built_files() -> list[Path]:
    return [path for path in BUILT.rglob("*") if path.is_file()]


def test_the_built_page_is_as_new_as_its_sources() -> None:
    said = json.loads((BUILT / "sources.json").read_text(encoding="utf-8"))
    assert said == {"sha256": digest_of_sources()}, "the page was built from other sources: run `make web`"


def test_the_whole_page_is_small() -> None:
    total = sum(len(gzip.compress(path.read_bytes())) for path in built_files())
    assert 10_000 < total < MOST_BYTES


def test_everything_that_the_page_names_lies_beside_it() -> None:
    page = (BUILT / "index.html").read_text(encoding="utf-8")
    named = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(named) == 3, named  # script, styles, icon
    for address in named:
        assert (BUILT / address).is_file(), f"{address} is missing: run `make web`"


def test_nothing_points_elsewhere() -> None:
    """No file of the page asks another machine for anything; a namespace is a name, not an address."""
    for path in built_files():
        if path.suffix == ".md":
            continue  # licences name their projects
        found = set(re.findall(r"https?://[^\s\"'`)]+", path.read_text(encoding="utf-8")))
        assert found <= NAMESPACES, f"{path.name} names {found}"


def test_every_script_and_style_waits_for_the_nonce() -> None:
    page = (BUILT / "index.html").read_text(encoding="utf-8")
    for tag in re.findall(r"<(?:script|link rel=\"stylesheet\")[^>]*>", page):
        assert 'nonce="__NONCE__"' in tag
    assert not re.search(r"<script[^>]*>[^<]", page), "a script stands in the page itself"
    assert not re.search(r"\s(?:style|on[a-z]+)=", page)


def test_the_licences_of_what_is_bundled_lie_beside() -> None:
    package = json.loads((SOURCES / "package.json").read_text(encoding="utf-8"))
    licences = (BUILT / "licences.md").read_text(encoding="utf-8")
    assert package["dependencies"]
    for name, version in package["dependencies"].items():
        assert f"{name} - {version}" in licences
    assert "Redistributions in binary form must reproduce" in licences


def test_versions_are_exact() -> None:
    package = json.loads((SOURCES / "package.json").read_text(encoding="utf-8"))
    for name, version in {**package["dependencies"], **package["devDependencies"]}.items():
        assert re.fullmatch(r"\d+\.\d+\.\d+", version), f"{name} {version} is no exact version"


def test_data_never_becomes_markup() -> None:
    """Names of files and singers reach the page as text: there is no way in for markup."""
    ways = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|createContextualFragment|DOMParser"
    )
    sources = sorted((SOURCES / "src").rglob("*.ts"))
    assert len(sources) > 15
    for path in sources:
        assert not ways.search(path.read_text(encoding="utf-8")), path.name


def names_of_texts(source: str) -> list[tuple[str, ...]]:
    """The names within `texts`, as ("songs", "title"); the file's indentation tells what is within what."""
    found: list[tuple[str, ...]] = []
    group = ""
    for line in source[source.index("export const texts") :].splitlines()[1:]:
        if name := re.match(r"  (\w+)(?:: \{$|,$|: )", line):
            group = name[1]
            found.append((group,))
        elif name := re.match(r"    (\w+): ", line):
            found.append((group, name[1]))
    return found


def unused_texts(texts: str, others: list[str]) -> list[str]:
    """Names that no source names: as texts.song.title, or as said.title after `said = texts.song`."""
    named: set[tuple[str, ...]] = set()
    for source in [texts, *others]:
        short = re.search(r"\bconst said = texts\.(\w+);", source)
        for path in re.findall(r"\btexts\.(\w+(?:\.\w+)?)", source):
            named.add(tuple(path.split(".")))
        if short:
            named.update((short[1], name) for name in re.findall(r"\bsaid\.(\w+)", source))
    # `texts.decisions[one]` names all that are in it.
    whole = {path[0] for path in named if len(path) == 1}
    groups = {path[0] for path in named if len(path) == 2}
    used = named | {(group,) for group in groups}
    return [
        ".".join(name)
        for name in names_of_texts(texts)
        if name not in used and not (len(name) == 2 and name[0] in whole and name[0] not in groups)
    ]


def test_every_text_of_the_page_is_said_somewhere() -> None:
    texts = (SOURCES / "src" / "texts.ts").read_text(encoding="utf-8")
    others = [path.read_text(encoding="utf-8") for path in sorted((SOURCES / "src").rglob("*.ts"))]
    assert len(names_of_texts(texts)) > 200
    assert not unused_texts(texts, others)
    assert unused_texts(
        texts.replace('    title: "Songs",', '    title: "Songs",\n    idle: "Idle",'), others
    ) == ["songs.idle"]
