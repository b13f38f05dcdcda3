"""What stands beside the database for people to read: README.md, and the calibration with its picture."""

import json
from contextlib import suppress
from pathlib import Path

from singerid.library.calibrate import Calibration, read_calibration
from singerid.library.core import LibraryCore
from singerid.system.files import atomic_write, write_json
from singerid.text import counted, printable

_README, _JSON, PICTURE = "README.md", "calibration.json", "calibration.svg"


def write_pages(core: LibraryCore) -> None:
    """Write them from the database, and remove those that it has nothing for."""
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
    write_json(core.path / _JSON, calibration.to_json())  # last: it says which picture that is


def _written(path: Path) -> str:
    """The id of the calibration that was written last; "": none, or it cannot be read."""
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
    """What a person who finds the folder should know, in Markdown."""
    contents = core.contents
    settings = contents.settings
    counts = dict.fromkeys(contents.names, 0)
    for at in contents.enrolled:
        counts[contents.recordings[at].singer or 0] += 1
    lines = [
        "# A library of voices",
        "",
        "Made by singerid. `library.sqlite3` holds all of it; this file and those beside it are written",
        "from that. It holds voiceprints, which are biometric data: keep it to yourself, and enroll people",
        "who agree.",
        "",
    ]
    if settings is not None:
        heard = f"{settings.audio}, vocals by {settings.separator}" if settings.separator else settings.audio
        lines += [f"{counted(len(counts), 'singer')}; encoder {settings.encoder}; hears the {heard}.", ""]
    lines += [
        f"- {_markdown(name)}: {counted(counts[number], 'recording')}"
        for number, name in contents.names.items()
    ]
    lines += ["", "## What its decisions are worth", ""]
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
    """What a calibration says, in plain words."""
    c = calibration
    told = worth(c)
    told += [
        f"More like {printable(one.named)} than like {printable(one.singer)}: "
        f"{counted(one.songs, 'song')} by {printable(one.singer)}."
        for one in c.confused
    ]
    told += [
        f"{printable(first)} and {printable(second)} sound like one singer (for example "
        f"{_names(songs)}); if they are: singerid library merge."
        for first, second, songs in c.alike
    ]
    told += [
        f"{printable(singer)} sounds like two voices; the other one is that of {_names(songs)}. If it is: "
        "singerid library split."
        for singer, songs in c.two_voices
    ]
    told += [
        f"{printable(path)} is enrolled as {printable(singer)} and sounds like {printable(other)}."
        for path, singer, other in c.doubtful
    ]
    if c.too_little:
        told.append(f"Have little to be known by (3 recordings, a minute of voice): {_names(c.too_little)}.")
    return told


def worth(calibration: Calibration) -> list[str]:
    """What its decisions are worth, without a word of who is mistaken for whom."""
    c = calibration
    enrolled = f"{counted(c.enrolled_songs, 'song')} by {counted(c.enrolled_singers, 'enrolled singer')}"
    told = [
        f"Of {enrolled}, each left out with its album, {c.right} are named right, {c.wrong} wrongly, "
        f"{c.ambiguous} are called ambiguous (FNIR {c.fnir:.1%}).",
        f"Of {counted(c.stranger_songs, 'song')} by {counted(c.stranger_singers, 'stranger')} "
        "(the library's own singers, each left out in turn, and those given as strangers), "
        f"{c.strangers_named} would be given a name, {c.strangers_ambiguous} are called ambiguous.",
    ]
    if c.is_kept:
        told.append(
            f"Of songs by people who are not in the library at most {c.bound:.1%} are given a name "
            "(true of 95 libraries in 100)."
        )
    else:
        more = counted(max(0, c.needed - c.stranger_singers), "more singer")
        told.append(
            f"That at most {c.wanted:.1%} of strangers' songs are given a name cannot be promised: "
            f"{counted(c.stranger_singers, 'stranger')} support at most {c.bound:.1%}. "
            f"{more} would do, enrolled or given as strangers."
        )
    told.append(
        f"What the probabilities cost: {c.cllr[0]:.2f} bits, {c.cllr[1]:.2f} at best (Cllr; 0 is perfect, "
        "1 says nothing)."
    )
    if c.one_album:
        told.append(
            f"Have one album each, of which songs were left out, which is easier: {_names(c.one_album)}."
        )
    return told


def _names(names: tuple[str, ...]) -> str:
    return ", ".join(map(printable, names))
