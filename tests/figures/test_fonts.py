"""Names in any script: an installed font that has their characters is used; without one, a line says so."""

import os
import subprocess
import sys
import warnings
from pathlib import Path

import matplotlib.image
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib import font_manager
from matplotlib.figure import Figure

from singerid.figures import RivalLevel, draw_confusions, draw_curves, draw_rivals, figure_svg, save_figure
from singerid.figures.fonts import give_fonts

# For private use, far out: no font that may be installed has them.
NAME, OTHER, NOBODYS = "\U0010f1a0\U0010f1a1\U0010f1a2", "\U0010f2a0\U0010f2a1", "\U0010f300"


def make_font(path: Path, family: str, characters: str, style: str = "Regular") -> Path:
    """A font that draws each of these characters as a full square."""
    pen = TTGlyphPen(None)
    pen.moveTo((0, 0))
    for point in ((0, 1000), (1000, 1000), (1000, 0)):
        pen.lineTo(point)
    pen.closePath()
    square, names = pen.glyph(), [".notdef", *(f"u{ord(each):X}" for each in characters)]
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap({ord(each): f"u{ord(each):X}" for each in characters})
    builder.setupGlyf({name: square if name != ".notdef" else TTGlyphPen(None).glyph() for name in names})
    builder.setupHorizontalMetrics(dict.fromkeys(names, (1000, 0)))
    builder.setupHorizontalHeader(ascent=1000, descent=0)
    builder.setupNameTable({"familyName": family, "styleName": style})
    builder.setupOS2(sTypoAscender=1000)
    builder.setupPost()
    path.parent.mkdir(parents=True, exist_ok=True)
    builder.save(path)
    return path


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Makes a font with some characters and registers it with Matplotlib, for one test."""
    monkeypatch.setattr(font_manager.fontManager, "ttflist", list(font_manager.fontManager.ttflist))
    monkeypatch.setattr(font_manager, "findSystemFonts", lambda *_: [])
    clear = getattr(font_manager.fontManager, "_findfont_cached", None)

    def install(family: str, characters: str, style: str = "Regular") -> None:
        font_manager.fontManager.addfont(
            make_font(tmp_path / f"{family}{style}.ttf", family, characters, style)
        )
        if clear is not None:
            clear.cache_clear()

    yield install
    if clear is not None:
        clear.cache_clear()


def with_text(*texts: str) -> Figure:
    figure = Figure(figsize=(4, 2))
    for index, text in enumerate(texts):
        figure.text(0.1, 0.1 + 0.3 * index, text, fontsize=40)
    return figure


def darkness(figure: Figure, path: Path) -> float:
    save_figure(figure, path)
    return float(1 - matplotlib.image.imread(path)[..., :3].mean())


def test_a_font_that_has_the_characters_draws_them(installed, tmp_path, caplog):
    boxes = darkness(with_text(NAME), tmp_path / "boxes.png")
    installed("Squares", NAME)
    caplog.clear()
    save_figure(with_text(NAME), tmp_path / "squares.png")
    assert caplog.messages == []
    assert darkness(with_text(NAME), tmp_path / "squares.png") > 2 * boxes  # full squares are darker


def test_only_what_is_needed_is_added_and_to_those_texts_alone(installed):
    installed("Squares", NAME + OTHER)
    installed("Needless", NAME)
    installed("Unrelated", "ab")
    figure = with_text(f"Ana {NAME}", OTHER, "Ana")
    usual = figure.texts[2].get_fontfamily()
    assert give_fonts(figure) == ""
    assert [text.get_fontfamily() for text in figure.texts] == [
        [*usual, "Squares"],
        [*usual, "Squares"],
        usual,
    ]


def test_several_fonts_share_the_work(installed):
    installed("First Sans", NAME)
    installed("Second Sans", OTHER)
    figure = with_text(NAME + OTHER)
    assert give_fonts(figure) == ""
    assert figure.texts[0].get_fontfamily()[1:] == ["First Sans", "Second Sans"]
    assert give_fonts(with_text(NAME + OTHER + NOBODYS)) == NOBODYS


def test_among_equal_fonts_the_plain_one_of_the_region_is_taken(installed):
    name = f"ひ{NAME}"  # Hiragana: Japanese; a usual machine may have a font of it, but none of the other
    for family in ("Deco Serif JP", "Plain Sans KR", "Plain Sans JP", "Plain Sans SC"):
        installed(family, name)
    figure = with_text(name)
    assert give_fonts(figure) == ""
    assert "Plain Sans JP" in figure.texts[0].get_fontfamily()


def test_an_svg_names_the_font_and_keeps_the_text(installed):
    installed("Squares", NAME)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        svg = figure_svg(with_text(NAME))
    assert NAME in svg
    assert "Squares" in svg


def confusions(name: str) -> Figure:
    return draw_confusions([[2, 0], [1, 3]], [[1, 0], [0, 1]], [name, "Ana"], name)


def rivals(name: str) -> Figure:
    level = RivalLevel("clips", (((2, 0), (1, 3)),) * 2, ((0.5, 0.6),) * 2)
    return draw_rivals([level], [name, "Ana"], ("crnn", name))


@pytest.mark.parametrize("draw", [confusions, rivals, with_text])
@pytest.mark.parametrize("ending", ["png", "pdf", "svg"])
def test_where_no_font_has_them_one_line_says_so(draw, ending, tmp_path, monkeypatch, recwarn, caplog):
    monkeypatch.setattr(font_manager, "findSystemFonts", lambda *_: [])
    save_figure(draw(f"Ana {NAME}"), tmp_path / f"a.{ending}")
    assert [str(each.message) for each in recwarn] == []
    told = caplog.messages  # of Matplotlib, too, which is silent here
    if ending == "svg":  # who shows it may have a font
        assert told == []
        assert NAME in (tmp_path / "a.svg").read_text(encoding="utf-8")
    else:
        (line,) = told
        assert "\n" not in line
        assert line.startswith(f"{tmp_path / 'a'}.{ending}: boxes stand for characters")
        assert all(each in line for each in NAME)
        assert "install" in line


def test_the_warning_does_not_grow_without_end(tmp_path, caplog):
    every = "".join(chr(code) for code in range(0x10F000, 0x10F100))
    save_figure(with_text(every), tmp_path / "a.png")
    assert len(caplog.messages[0]) < 400 + len(str(tmp_path))


def test_what_is_never_drawn_needs_no_font():
    assert give_fonts(with_text("a\u200db\ufe0f\nc\u2066d\u2069")) == ""


def test_figures_of_usual_names_are_as_they_were():
    history = [{"epoch": 1, "loss": 2, "valid_loss": 2.1, "valid_f1": 0.5, "valid_accuracy": 0.5}]
    figure = draw_curves(history, 1, "Beyoncé, Мумий Тролль, Ξ")
    assert "DejaVu Sans" in figure_svg(figure)
    texts = [*figure.axes[0].get_xticklabels(), figure._suptitle]
    assert {tuple(text.get_fontfamily()) for text in texts} == {("sans-serif",)}


def test_no_message_of_a_family_that_lacks_a_weight(installed, tmp_path, caplog, recwarn):
    installed("Squares", NAME)
    figure = with_text(NAME)
    figure.texts[0].set_fontweight("bold")
    save_figure(figure, tmp_path / "a.png")
    assert (caplog.messages, list(recwarn)) == ([], [])


@pytest.mark.skipif(sys.platform != "linux", reason="fonts are installed elsewhere")
def test_a_font_installed_since_matplotlib_listed_them_is_found(tmp_path):
    """As when a user installs a font because of the warning."""
    home = tmp_path / "home"
    home.mkdir()
    places = {"HOME": str(home), "MPLCONFIGDIR": str(tmp_path / "cache")}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
    code = (
        "from matplotlib.figure import Figure; from singerid.figures.fonts import give_fonts\n"
        f"figure = Figure(); figure.text(0, 0, {NAME!r}); print(ascii(give_fonts(figure)))"
    )

    def missing() -> str:
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=kept | places)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.strip()

    assert missing() == ascii(NAME)
    assert list((tmp_path / "cache").glob("fontlist*"))
    make_font(home / ".fonts" / "squares.ttf", "Squares", NAME)
    (home / ".fonts" / "broken.ttf").write_bytes(b"no font")
    assert missing() == "''"
