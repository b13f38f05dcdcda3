"""Files beside the database for people to read: README.md, and the calibration with its picture."""

import json
from contextlib import suppress
from pathlib import Path

from singerid.library.calibrate import Calibration, read_calibration
from singerid.library.core import LibraryCore
from singerid.system.files import atomic_write, write_json
from singerid.text import counted, printable

_README, _JSON, PICTURE = "README.md", "calibration.json", "calibration.svg"


def write_pages(core: LibraryCore) -> None:
    """Write the files from the database; remove calibration files if there is no calibration."""
    if not core.database.writable:
        return
    calibration = read_calibration(core)
    with atomic_write(core.path / _README, "w") as file:
        file.write(readme(core, calibration))
    if calibration is None:
        for name in (_JSON, PICTURE):
            with suppress(OSError):
                (core.path / name).unlink(missing_ok=True)
        return
    if (core.path / PICTURE).exists() and _written(core.path / _JSON) == calibration.id:
        return
    _draw(core.path / PICTURE, calibration)
    write_json(core.path / _JSON, calibration.to_json())  # last: its id says which calibration was drawn


def _written(path: Path) -> str:
    """The id of the calibration that was written last; "": none was written, or it cannot be read."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    return str(found.get("id", "")) if isinstance(found, dict) else ""


def _draw(path: Path, calibration: Calibration) -> None:
    from singerid.figures import draw_calibration, save_figure

    scores = calibration.scores
    figure = draw_calibration(scores["right"], scores["wrong"], scores["strangers"], calibration.rule.needed)
    save_figure(figure, path)


def readme(core: LibraryCore, calibration: Calibration | None) -> str:
    """The text of README.md, for a person who finds the folder."""
    contents = core.contents
    settings = contents.settings
    counts = dict.fromkeys(contents.names, 0)
    for at in contents.enrolled:
        counts[contents.recordings[at].singer or 0] += 1
    lines = [
        "# A library of voices",
        "",
        "Made by singerid. `library.sqlite3` holds all data; the other files are written from it. It holds",
        "voiceprints, which are biometric data: keep this folder private, and enroll only people who agree.",
        "",
    ]
    if settings is not None:
        heard = f"{settings.audio}, vocals by {settings.separator}" if settings.separator else settings.audio
        lines += [f"{counted(len(counts), 'singer')}; encoder {settings.encoder}; hears the {heard}.", ""]
    lines += [
        f"- {_markdown(name)}: {counted(counts[number], 'recording')}"
        for number, name in contents.names.items()
    ]
    lines += ["", "## How good its decisions are", ""]
    if calibration is None:
        lines.append("It is not calibrated: `singerid library calibrate FOLDER`.")
    else:
        lines += [f"- {sentence}" for sentence in sentences(calibration)]
        lines += ["", f"![Scores, and the threshold]({PICTURE})"]
    return "\n".join(lines) + "\n"


def _markdown(name: str) -> str:
    escaped = printable(name)
    for sign in "\\`*_[]<>#|":
        escaped = escaped.replace(sign, f"\\{sign}")
    return escaped


def sentences(calibration: Calibration) -> list[str]:
    """The results of a calibration as sentences."""
    c = calibration
    told = worth(c)
    told += [
        f"{counted(one.songs, 'song')} by {printable(one.singer)} sound{'s' * (one.songs == 1)} more like "
        f"{printable(one.named)}."
        for one in c.confused
    ]
    told += [
        f"{printable(first)} and {printable(second)} sound like one singer (for example "
        f"{_names(songs)}); if they are the same person: singerid library merge."
        for first, second, songs in c.alike
    ]
    told += [
        f"{printable(singer)} sounds like two voices; the second voice sings in {_names(songs)}. If they are "
        "two people: singerid library split."
        for singer, songs in c.two_voices
    ]
    told += [
        f"{printable(path)} is enrolled as {printable(singer)} but sounds like {printable(other)}."
        for path, singer, other in c.doubtful
    ]
    if c.too_little:
        told.append(
            f"Too little material (less than 3 recordings or a minute of voice): {_names(c.too_little)}."
        )
    return told


def worth(calibration: Calibration) -> list[str]:
    """How good the decisions are, as sentences that do not say who is mistaken for whom."""
    c = calibration
    enrolled = f"{counted(c.enrolled_songs, 'song')} by {counted(c.enrolled_singers, 'enrolled singer')}"
    unknown = c.enrolled_songs - c.right - c.wrong - c.ambiguous
    told = [
        f"Of {enrolled}, each left out with its album, {c.right} get the right name, {c.wrong} get a wrong "
        f"name, {c.ambiguous} are ambiguous, and {unknown} "
        f"{'is' if unknown == 1 else 'are'} taken for a stranger's (not named right: FNIR {c.fnir:.1%}).",
        f"Of {counted(c.stranger_songs, 'song')} by {counted(c.stranger_singers, 'stranger')} "
        "(the library's own singers, each left out in turn, and any that were given as strangers), "
        f"{c.strangers_named} would get a name, and {c.strangers_ambiguous} are ambiguous.",
    ]
    if c.is_kept:
        told.append(
            f"Of songs by people who are not in the library, at most {c.bound:.1%} get a name (this holds "
            "for 95 of 100 libraries)."
        )
    else:
        more = counted(max(0, c.needed - c.stranger_singers), "more singer")
        told.append(
            f"It cannot be promised that at most {c.wanted:.1%} of strangers' songs get a name: with only "
            f"{counted(c.stranger_singers, 'stranger')} it may be up to {c.bound:.1%}. "
            f"{more} would be enough, enrolled or given as strangers."
        )
    told.append(
        f"Cost of the probabilities (Cllr): {c.cllr[0]:.2f} bits, {c.cllr[1]:.2f} at best (0 is perfect, "
        "1 says nothing)."
    )
    if c.one_album:
        told.append(
            "Singers with one album, where only single songs were left out, which is easier to get right: "
            f"{_names(c.one_album)}."
        )
    return told


def _names(names: tuple[str, ...]) -> str:
    return ", ".join(map(printable, names))
