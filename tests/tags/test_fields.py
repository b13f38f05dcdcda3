"""Performers as they stand in tags."""

import pytest

from singerid.tags.fields import Performer


@pytest.mark.parametrize(
    ("text", "name", "part"),
    [
        ("Nina Simone (vocals)", "Nina Simone", "vocals"),
        ("Nina Simone", "Nina Simone", ""),
        ("Sunn O))) (guitar)", "Sunn O)))", "guitar"),
        ("Prince (The Artist) (lead vocals)", "Prince (The Artist)", "lead vocals"),
        ("Prince (The Artist)", "Prince", "The Artist"),
        ("two\nlines (vocals)", "two\nlines", "vocals"),
        ("nobody ()", "nobody ()", ""),
        ("", "", ""),
    ],
)
def test_a_performer_is_read_and_written(text, name, part):
    found = Performer.read(text)
    assert found == Performer(name, part)
    assert str(found) == text


def test_a_singer_in_any_vocal_part_is_a_singer():
    for part in ("vocals", "Lead Vocals", "background vocal", ""):
        assert Performer("Nina Simone", part).sings_as("  NINA  simone")
    assert not Performer("Nina Simone", "piano").sings_as("Nina Simone")
    assert not Performer("Nina Simone").sings_as("Nina")
