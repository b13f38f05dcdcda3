"""What a result changes in tags: names are written and removed, and what people did stays."""

from pathlib import Path

import pytest

from singerid.identify.result import Candidate, Named, Result
from singerid.tags.fields import ENTRIES, LIBRARY, TagError, TextTags
from singerid.tags.plan import names_of, plan, reason_of


class Memory(TextTags):
    """Tags that no file holds."""

    def __init__(self, *performers: str) -> None:
        self.kept = {"PERFORMER": list(performers)}

    def texts(self, key):
        return self.kept.get(key, [])

    def set_texts(self, key, texts):
        self.kept[key] = texts

    def fields(self):
        return self.kept

    def restore(self, fields):
        self.kept = fields

    def others(self):
        return None

    def save(self, original: Path, copy: Path) -> None:
        raise AssertionError("there is no file")


def known(*names):
    return Result("a.mp3", "known", tuple(Named(name, 0.9, 5.0) for name in names), 5, 9, ())


UNKNOWN = Result("a.mp3", "unknown", (), 5, 9, ())


def applied(tags, result, library="mine", **options):
    change, edit = plan(tags, result, library, **options)
    if change.is_due:
        edit(tags)
    return change


def test_names_are_added_once():
    tags = Memory("Bob (piano)")
    change = applied(tags, known("Ann"))
    assert (change.status, change.added, change.removed) == ("would write", ("Ann (vocals)",), ())
    assert tags.texts("PERFORMER") == ["Bob (piano)", "Ann (vocals)"]
    assert (tags.own(ENTRIES), tags.own(LIBRARY)) == (["Ann"], ["mine"])
    assert applied(tags, known("Ann")).status == "up to date"


def test_a_singer_whom_somebody_named_already_is_not_added():
    tags = Memory("ann (lead vocals)")
    assert applied(tags, known("Ann")).added == ()
    assert tags.texts("PERFORMER") == ["ann (lead vocals)"]


def test_what_was_written_goes_when_it_is_no_longer_heard_and_the_rest_stays():
    tags = Memory("Eve (vocals)")
    applied(tags, known("Ann", "Bob"))
    change = applied(tags, known("Bob", "Cy"))
    assert (change.added, change.removed) == (("Cy (vocals)",), ("Ann (vocals)",))
    assert tags.texts("PERFORMER") == ["Eve (vocals)", "Bob (vocals)", "Cy (vocals)"]


def test_what_a_person_removed_comes_back_only_by_force():
    tags = Memory()
    applied(tags, known("Ann"))
    tags.set_texts("PERFORMER", [])
    change = applied(tags, known("Ann"))
    assert change.added == ()
    assert "somebody removed Ann" in change.note
    assert applied(tags, known("Ann"), force=True).added == ("Ann (vocals)",)


def test_where_nobody_is_named_only_the_own_librarys_names_go():
    tags = Memory()
    applied(tags, known("Ann"), "theirs")
    assert applied(tags, UNKNOWN, "mine").status == "nothing to write"
    assert applied(tags, UNKNOWN, "theirs").removed == ("Ann (vocals)",)
    assert tags.texts("PERFORMER") == []
    assert tags.own(ENTRIES) == []


@pytest.mark.parametrize("name", ["a\0b", "caf\udce9"])
def test_a_name_that_tags_cannot_hold_is_refused(name):
    with pytest.raises(TagError, match="tags cannot hold the name"):
        names_of(known(name))


def test_the_reason_names_a_likely_singer():
    assert reason_of(UNKNOWN) == "nobody whom the library knows"
    doubtful = Result("a.mp3", "ambiguous", (), 5, 9, (), candidates=(Candidate("Ann", 0.5, 0.6),))
    assert reason_of(doubtful) == "not sure enough: perhaps Ann"
