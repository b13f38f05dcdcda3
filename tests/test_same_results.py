"""The golden script finds and names every difference, and allows only the intended ones."""

from pathlib import Path

import numpy as np
import pytest
from golden.comparing import Comparison, compare
from golden.earlier import earlier_runs
from golden.intended import Intended, changed_arguments, intended_for
from golden.pairs import GROUPS
from golden.reading import Done, stored, track_names
from golden.steps import Material, all_steps, needed

ARRAY = np.array([0.5, np.nan, -1.0], np.float32)
STEPS = all_steps(Material(Path("/corpus"), Path("/others"), Path("/weights")), "7", onnx=True)


def changed(bits: int) -> np.ndarray:
    """The array with its first number larger by this many units in the last place."""
    other = ARRAY.copy()
    other.view(np.int32)[0] += bits
    return other


def found(base: object, checkout: object, *wanted: Intended) -> Comparison:
    return compare("result", base, checkout, wanted)


def test_equal_bits_are_equal_and_one_bit_is_not():
    assert found({"a": ARRAY}, {"a": ARRAY.copy()}).verdict == "equal"
    comparison = found({"a": ARRAY}, {"a": changed(1)})
    assert comparison.verdict == "differs"
    told = "a: 1 of 3 numbers, first at [0]: 0.5000000596046448 instead of 0.5"
    assert str(comparison) == f"DIFFERS             result: {told}"
    assert found(np.zeros(2), -np.zeros(2)).verdict == "differs"


@pytest.mark.parametrize(
    ("base", "checkout", "told"),
    [
        ({"a": 1.0}, {"a": 1.0000000001}, "a: 1.0000000001 instead of 1.0"),
        ({"a": [1, 2]}, {"a": [1]}, "a: 1 items instead of 2"),
        ({"a": 1}, {}, "a: is missing"),
        ({}, {"a": {"b": [1, 2]}}, "a: is new, 2 values"),
        ({"a": 1}, {"a": True}, "a: True instead of 1"),
        ({"a": None}, {"a": ""}, "a: '' instead of None"),
        (ARRAY, ARRAY.astype(np.float64), "all of it: type float64 instead of float32"),
        (ARRAY, ARRAY[:2], "all of it: shape (2,) instead of (3,)"),
    ],
)
def test_what_differs_is_named(base, checkout, told):
    comparison = found(base, checkout)
    assert comparison.verdict == "differs"
    assert told in str(comparison)


def test_a_tolerance_is_for_numbers_alone():
    rounding = Intended("other sums", tolerance=1e-6)
    assert found({"a": 0.1, "b": ARRAY}, {"a": 0.1000001, "b": changed(1)}, rounding).verdict == "within"
    assert found({"a": 0.1}, {"a": 0.10001}, rounding).verdict == "differs"
    assert found(ARRAY, changed(1 << 10), rounding).verdict == "differs"
    assert found(ARRAY, np.array([0.5, 0.0, -1.0], np.float32), rounding).verdict == "differs"  # NaN before
    assert found({"singer": "Ana"}, {"singer": "Bob"}, rounding).verdict == "differs"


def test_keys_may_be_renamed_added_removed_and_no_others():
    wanted = Intended("new names", renamed={"old": "new"}, added=("more",), removed=("gone",))
    base = [{"old": 1, "gone": 2}, {"in": {"old": 3}}]
    assert found(base, [{"new": 1, "more": 0}, {"in": {"new": 3}}], wanted).verdict == "equal"
    assert found(base, [{"new": 1, "else": 0}, {"in": {"new": 3}}], wanted).verdict == "differs"
    assert found(base, [{"new": 9}, {"in": {"new": 3}}], wanted).verdict == "differs"


def test_another_form_is_translated():
    wanted = Intended("a list of singers", translate=lambda value: {"singer": value["singers"][0]})
    assert found({"singer": "Ana"}, {"singers": ["Ana"]}, wanted).verdict == "equal"
    assert "cannot be translated (KeyError" in str(found({"singer": "Ana"}, {"who": "Ana"}, wanted))


def test_intended_changes_are_found_by_pattern_and_change_arguments():
    table = {"identify/*": Intended("renamed", arguments={"--separator": "--vocals-by", "--json": ""})}
    assert not intended_for("evaluate/fgnl", table)
    wanted = intended_for("identify/vocals", table)
    assert intended_for("earlier-runs/identify/vocals", table) == wanted
    given = ("identify", "run", "--separator", "repet", "--json")
    assert changed_arguments(given, wanted) == ("identify", "run", "--vocals-by", "repet")


def test_results_say_nothing_of_folders_and_times():
    done = Done(
        Path("/w"), 3, '{"path": "/w/a", "seconds": 1}', "of /w: about 1:02 left", places={"/w": "WORK"}
    )
    assert done.outcome(json_output=True) == {"exit code": 3, "output": {"path": "WORK/a"}}
    assert done.messages(json_output=True) == ["of WORK: about TIME left"]


def test_arrays_are_called_by_the_paths_of_their_tracks_where_an_index_tells_them(tmp_path):
    store = tmp_path / "stores" / "x"
    (store / "features" / "mixture").mkdir(parents=True)
    (store / "index.jsonl").write_text(
        '["another form"]\n{"id": "1f", "path": "ana/song", "more": {}}\n{"id"'
    )
    for id in ("1f", "2e"):
        np.save(store / "features" / "mixture" / f"{id}.npy", ARRAY)
    done = Done(tmp_path, 0, "", "", names=track_names(tmp_path))
    assert set(stored("stores/x")(done)["mixture"]) == {"ana/song", "2e"}


def test_every_step_has_its_own_name_and_a_group_and_waits_for_existing_steps():
    names = [step.name for step in STEPS]
    assert len(set(names)) == len(names)
    assert {step.group for step in STEPS} <= set(GROUPS)
    for step in STEPS:
        before = [each.name for each in needed(STEPS, [step.name])]
        assert {*step.after, step.name} <= set(before)
    for each in earlier_runs(STEPS, Path("/base"), Path("/checkout"), "given"):
        assert each.equals in names
        assert all(source.startswith("/base/") for source, _ in each.step.copies)
