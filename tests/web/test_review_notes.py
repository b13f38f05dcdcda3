"""What a server remembers of its review."""

from singerid.web.review_notes import ReviewNotes


def test_skipped_songs_are_in_order_until_the_next_start(tmp_path):
    notes = ReviewNotes.beginning(tmp_path / "serve")
    assert notes.skipped == []
    for one in ("a", "b", "a", "c"):
        notes.skip(one)
    assert notes.skipped == ["b", "a", "c"]
    again = ReviewNotes.beginning(tmp_path / "serve")
    assert again.skipped == []
    again.skip("b")
    assert again.skipped == ["b"]


def test_damaged_notes_are_as_none(tmp_path):
    notes = ReviewNotes.beginning(tmp_path)
    for content in ("", "[1", "[]", '{"skipped": ["a"]}', "{}"):
        notes.path.write_text(content)
        assert notes.skipped == []
        notes.skip("a")
        assert notes.skipped == ["a"]


def test_answers_are_counted(tmp_path):
    notes = ReviewNotes.beginning(tmp_path)
    notes.answered()
    notes.answered()
    assert notes.count == 2
