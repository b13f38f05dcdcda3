"""Fonts for names in any script: finds installed fonts that have a figure's characters."""

import logging
import unicodedata
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.text import Text

_SHOWN = 12  # most characters that a message lists
# Fonts that claim to have every character but draw a box, or nothing.
_PLACEHOLDERS = ("last resort", ".lastresort", "adobe blank", "adobe notdef")


def give_fonts(figure: Figure) -> str:
    """Add fallback fonts to the figure's texts for characters that their own font lacks.

    Args:
        figure: the figure; texts whose font has all their characters are not changed.

    Returns:
        The characters that no installed font has, sorted.
    """
    lacking = {text: missing for text in _texts(figure) if (missing := _missing(text))}
    if not lacking:
        return ""
    wanted = set().union(*lacking.values())
    families, left = _families_for(wanted)
    if left and _add_new_fonts():
        families, left = _families_for(wanted)
    for text in lacking:
        text.set_fontfamily([*text.get_fontfamily(), *families])
    return "".join(sorted(left))


def lay_out(figure: Figure) -> None:
    """Make room for a figure's labels, measured in the fonts that will draw them."""
    give_fonts(figure)
    with boxes_accepted():
        figure.tight_layout()


@contextmanager
def boxes_accepted() -> Iterator[None]:
    """Inside this context, Matplotlib does not warn about missing characters or font weights."""
    log = logging.getLogger("matplotlib.font_manager")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", r"Glyph \d+ .*missing from", UserWarning)
            yield
    finally:
        log.setLevel(level)


def boxes_text(missing: str) -> str:
    """A message about characters that no installed font has, with the remedy."""
    shown = " ".join(missing[:_SHOWN]) + (" ..." if len(missing) > _SHOWN else "")
    return (
        f"boxes stand for characters that no installed font has ({shown}); install one that has them, for "
        "example Noto Sans CJK, Noto Sans or Noto Emoji"
    )


def _texts(figure: Figure) -> Iterator[Text]:
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            axis.get_ticklabels()  # creates the labels' texts
    for text in figure.findobj(Text):
        assert isinstance(text, Text)
        if text.get_text():
            yield text


def _missing(text: Text) -> set[str]:
    """Characters of a text that its fonts lack, without those that are never drawn."""
    wanted = {each for each in text.get_text() if unicodedata.category(each) not in ("Cc", "Cf")}
    wanted = {
        each for each in wanted if not "\N{VARIATION SELECTOR-1}" <= each <= "\N{VARIATION SELECTOR-16}"
    }
    for family in text.get_fontfamily():
        if not wanted:
            break
        properties = text.get_fontproperties().copy()
        properties.set_family(family)
        with suppress(ValueError):  # the font does not exist
            wanted -= _had(font_manager.findfont(properties, fallback_to_default=False), wanted)
    return wanted


def _families_for(wanted: Iterable[str]) -> tuple[list[str], set[str]]:
    """Font families that together have the characters, best first; and the characters that none has."""
    left = set(wanted)
    faces: dict[str, Any] = {}  # the plainest face of each family
    for entry in sorted(font_manager.fontManager.ttflist, key=_plainness):
        faces.setdefault(entry.name, entry)
    has = {name: found for name, entry in sorted(faces.items()) if (found := _had(_file_of(entry), left))}
    region = _region(left)
    chosen = []
    while left and has:
        # First the number of characters, then the style: "Noto Sans CJK JP" before "Noto Serif CJK JP".
        best = max(has, key=lambda name: (len(has[name] & left), "Sans" in name, region in name, -len(name)))
        if not has[best] & left:
            break
        chosen.append(best)
        left -= has.pop(best)
    return chosen, left


def _region(characters: Iterable[str]) -> str:
    """The region code in font names ("JP", "KR", "SC") whose Chinese characters suit these characters."""
    names = " ".join(unicodedata.name(each, "") for each in characters)
    if "HIRAGANA" in names or "KATAKANA" in names:
        return "JP"
    return "KR" if "HANGUL" in names else "SC"


def _plainness(entry: Any) -> tuple[bool, int, str]:
    weight = (
        entry.weight if isinstance(entry.weight, int) else font_manager.weight_dict.get(entry.weight, 400)
    )
    return entry.style != "normal", abs(weight - 400), str(entry.fname)


def _file_of(entry: Any) -> Any:
    """The file of a font, with the index of the face in it if this version of Matplotlib supports it."""
    index = getattr(entry, "index", 0)
    return font_manager.FontPath(entry.fname, index) if index else entry.fname


def _had(file: Any, wanted: Iterable[str]) -> set[str]:
    """The characters among `wanted` that a font has."""
    try:
        font = font_manager.get_font(file)
        if font.family_name.lower().startswith(_PLACEHOLDERS):
            return set()
        has = font.get_charmap()
    except (OSError, RuntimeError):  # the font cannot be read
        return set()
    return {each for each in wanted if ord(each) in has}


def _add_new_fonts() -> bool:
    """Add fonts installed since Matplotlib made its list of fonts; returns whether there are any."""
    manager = font_manager.fontManager
    known = {entry.fname for entry in manager.ttflist}
    before = len(manager.ttflist)
    for file in font_manager.findSystemFonts():
        if file not in known:
            with suppress(Exception):  # the file may not be a font at all
                manager.addfont(file)
    return len(manager.ttflist) > before
