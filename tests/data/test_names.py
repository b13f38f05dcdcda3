"""Names of singers: which spellings are one name, and which names get a notice."""

import pytest

from singerid.data.names import clean_name, notices_of


def test_blanks_are_one_and_line_breaks_are_characters() -> None:
    assert clean_name(" \u3000The\u00a0 Beatles\t") == "The Beatles"
    assert clean_name("\nAnn\r\n") == "\nAnn\r\n"


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (("Ann", "Ann\u200b"), r"'Ann' and 'Ann\u200b'"),
        (("\ufeffann", "ann", "ANN"), r"'ANN' and 'ann' and '\ufeffann'"),
        (("علی\u200cرضا", "علی\u200cرضا "), None),  # in both names, so it makes no difference
        (("AC/DC\u200b", "ac dc"), "'AC/DC\u200b' and 'ac dc'"),
        (("Ann", "Ann\n"), r"'Ann' and 'Ann\n'"),
    ],
)
def test_names_that_differ_in_invisible_characters_get_a_notice(names: tuple[str], told: str | None) -> None:
    notices = notices_of(map(clean_name, names))
    if told is None:
        assert notices == ()
    else:
        (notice,) = notices
        start = "singers that differ in case, Unicode form or invisible characters only: "
        assert notice.startswith(f"{start}{told}: they count as different singers")


def test_names_of_nobody_get_a_notice() -> None:
    (notice,) = notices_of(["Ann", "[Various Artists]", "群星", "<unknown>"])
    assert notice.startswith("'<unknown>', '[Various Artists]', '群星': not the name of one singer")
