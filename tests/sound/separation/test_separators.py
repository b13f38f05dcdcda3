"""Separators by name: what each needs, and which options it refuses."""

from pathlib import Path

import pytest

from singerid.errors import SingeridError
from singerid.sound.separation.separators import open_separator


def test_options_that_a_separator_has_no_use_for_are_refused(tmp_path: Path) -> None:
    (tmp_path / "vocals").mkdir()
    for name in ("repet", "stems"):
        with pytest.raises(SingeridError, match=f"`weights`: {name} has none; "):
            open_separator(name, tree=tmp_path, stems=tmp_path, weights=tmp_path)
    for name in ("repet", "open-unmix", "umxl", "spleeter"):
        with pytest.raises(SingeridError, match=f"`stems_dir`: {name} reads no stems; "):
            open_separator(name, tree=tmp_path, stems=tmp_path)


def test_stems_need_their_folder(tmp_path: Path) -> None:
    with pytest.raises(SingeridError, match="`stems_dir`"):
        open_separator("stems", tree=tmp_path)


def test_a_separator_has_the_name_it_was_opened_by(tmp_path: Path) -> None:
    (tmp_path / "vocals").mkdir()
    assert open_separator("repet").name == "repet"
    assert open_separator("stems", tree=tmp_path, stems=tmp_path).name == "stems"


@pytest.mark.parametrize("name", ["open-unmix", "umxl"])
def test_without_network_and_weights_one_line_says_where_they_are(name, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("SINGERID_CACHE", str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")  # even if there is a network, it is not reached
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with pytest.raises(SingeridError, match=r"cannot be downloaded from .*zenodo.*as `weights`") as error:
        open_separator(name)
    assert "\n" not in str(error.value)
