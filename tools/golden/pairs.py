"""Both versions run their steps, and the results are paired for comparison."""

import difflib
import importlib.util
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from golden.comparing import Comparison, Difference, compare
from golden.earlier import Earlier, earlier_runs
from golden.intended import EARLIER, Intended, changed_arguments, intended_for
from golden.places import Side
from golden.reading import Done, Reader, track_names
from golden.running import done, identity, run_steps
from golden.steps import CORPUS, RUNS, Material, Step, all_steps, needed

GROUPS = (
    *("synth", "features", "doctor", "train", "evaluate", "identify", "embed", "audit", "attention"),
    *("export", "models", "tables", EARLIER),
)
SONGS = 2  # real ones, for the pretrained network
MISSING = "nothing to read"  # stands for a result that does not exist
Table = Mapping[str, Intended]


@dataclass(frozen=True)
class Pair:
    """One step, done by the base and by the checkout; `name` is the name of its results."""

    name: str
    step: Step
    base: Done
    checkout: Done

    def results(self, table: Table) -> Iterator[Comparison]:
        """All results of the step, compared."""
        base, checkout = self.base.outcome(self.step.json), self.checkout.outcome(self.step.json)
        yield self._with_refusal(compare(self.name, base, checkout, intended_for(self.name, table)))
        for read in self.step.reads:
            theirs, ours = _read(read, self.base), _read(read, self.checkout)
            for part in dict.fromkeys((*theirs, *ours)):
                name = f"{self.name}/{part}"
                there, here = theirs.get(part, MISSING), ours.get(part, MISSING)
                yield compare(name, there, here, intended_for(name, table))

    def messages(self) -> list[str]:
        """Lines that show how the messages differ."""
        before, now = self.base.messages(self.step.json), self.checkout.messages(self.step.json)
        lines = difflib.unified_diff(before, now, lineterm="", n=0)
        return [line for line in lines if not line.startswith(("---", "+++", "@@"))]

    def _with_refusal(self, comparison: Comparison) -> Comparison:
        """The comparison, with the checkout's error message if it ended with another exit code."""
        if self.base.exit_code == self.checkout.exit_code:
            return comparison
        said = self.checkout.plain(self.checkout.stderr.strip().splitlines()[-1:])
        refusal = Difference("standard error", "".join(said) or "says nothing")
        return replace(comparison, differences=(refusal, *comparison.differences))


@dataclass(frozen=True)
class Both:
    """The two versions.

    Attributes:
        base: the earlier commit.
        checkout: the checkout in its current state.
        table: changes that are intended.
        jobs: processes at a time.
    """

    base: Side
    checkout: Side
    table: Table
    jobs: int

    def pairs(self, groups: Sequence[str], tables: str) -> list[Pair]:
        """Run the steps of some groups that are not done yet, and pair their results."""
        onnx = importlib.util.find_spec("onnxruntime") is not None
        steps = all_steps(self._material(), tables, onnx)
        chosen = [step for step in steps if step.group in groups]
        earlier = self._earlier(steps) if EARLIER in groups else []
        self._run(steps, chosen, earlier)
        by_name = {step.name: step for step in steps}
        found = [(self.checkout, step, step) for step in chosen]
        found += [(self._reader, by_name[each.equals], each.step) for each in earlier]
        return [
            Pair(step.name, step, self._done(self.base, equals), self._done(side, step))
            for side, equals, step in found
        ]

    def _earlier(self, steps: Sequence[Step]) -> list[Earlier]:
        given = identity(self.base, needed(steps, [f"train/{name}" for name in RUNS]))
        return earlier_runs(steps, self.base.folder, self.checkout.folder, given)

    def _run(self, steps: Sequence[Step], chosen: Sequence[Step], earlier: Sequence[Earlier]) -> None:
        """Run what is not done: the base's steps, the checkout's, and those that use the base's runs."""
        names = [step.name for step in chosen]
        equals = [each.equals for each in earlier]
        stores = [step.name for step in steps if step.group == "features"] if earlier else []
        run_steps(self.base, needed(steps, names + equals), self.jobs, must_end_well=True)
        run_steps(self.checkout, self._as_wanted(needed(steps, names + stores)), self.jobs)
        run_steps(self._reader, self._as_wanted([each.step for each in earlier]), self.jobs)

    @property
    def _reader(self) -> Side:
        """The checkout, with a second folder for copies of the base's runs."""
        return replace(self.checkout, folder=self.checkout.folder.with_name("earlier"))

    def _as_wanted(self, steps: Sequence[Step]) -> list[Step]:
        """The steps with the arguments that the checkout needs."""
        return [
            replace(step, arguments=changed_arguments(step.arguments, intended_for(step.name, self.table)))
            for step in steps
        ]

    def _material(self) -> Material:
        """The input of both, made once by the base."""
        home = self.base.folder.parent
        corpus, others = home / "corpus", home / "others"
        program = Path(__file__).with_name("material.py").read_text(encoding="utf-8")
        sing = Step("material/corpus", ("synth", str(corpus), *CORPUS.split()), makes=(str(corpus),))
        write = Step(
            "material/others", (str(corpus), str(others)), (sing.name,), makes=(str(others),), program=program
        )
        run_steps(self.base, [sing, write], jobs=1, must_end_well=True)
        return Material(corpus, others, *outside())

    def _done(self, side: Side, step: Step) -> Done:
        names = track_names(self.checkout.folder) | track_names(self.base.folder)
        return done(side, step, names, self._places())

    def _places(self) -> dict[str, str]:
        """Folders, and the common name that stands for each in results."""
        places = {}
        for side in (self.base, self.checkout, self._reader):
            places[str(side.folder)] = "WORK"
            places[str(side.tree)] = "TREE"
            places[str(side.python.parent.parent)] = "ENVIRONMENT"
        return places | {str(self.base.folder.parent): "MATERIAL"}


def outside() -> tuple[Path | None, tuple[Path, ...]]:
    """Weights of the pretrained network and songs for it; (None, ()) without outside test data."""
    folder = Path(os.environ.get("SINGERID_TEST_DATA") or "nowhere").resolve()
    weights = folder / "weights" / "hsieh_artist20_crnn.pth"
    if not weights.is_file():
        return None, ()
    return weights, tuple(sorted((folder / "songs").rglob("*.mp3"))[:SONGS])


def _read(read: Reader, done: Done) -> Mapping[str, Any]:
    """The results of a step, as far as they can be read: a step that failed may have few."""
    try:
        return read(done)
    except (OSError, ValueError, KeyError, SafetensorError):
        return {}
