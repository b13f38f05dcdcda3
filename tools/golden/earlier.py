"""Runs of the base, read by the checkout: run folders of earlier versions must stay usable."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from golden.intended import EARLIER
from golden.steps import RUNS, Step


@dataclass(frozen=True)
class Earlier:
    """A step by which the checkout reads a run of the base, and the step of the base that it must equal."""

    step: Step
    equals: str


def earlier_runs(steps: Sequence[Step], base: Path, checkout: Path, given: str) -> list[Earlier]:
    """Steps in which the checkout uses copies of the base's runs: evaluate, embed, identify, train on.

    Args:
        steps: the steps of both versions.
        base: folder of the base's results.
        checkout: folder of the checkout's results, with its own stores.
        given: a text that changes when the base's runs change.
    """
    by_name = {step.name: step for step in steps}
    found = []
    for name, trained in RUNS.items():
        run, store = f"runs/{name}", ("--store", str(checkout / "stores" / trained.store))
        evaluate, embed, identify = (by_name[f"{what}/{name}"] for what in ("evaluate", "embed", "identify"))
        first = _of_earlier(evaluate, (*evaluate.arguments, *store), given)
        first = replace(first, makes=(run,), copies=((str(base / run), run),))  # others wait for the copy
        second = _of_earlier(embed, (*embed.arguments, *store), given, first.name)
        third = _of_earlier(identify, identify.arguments, given, first.name)
        found += [Earlier(first, evaluate.name), Earlier(second, embed.name), Earlier(third, identify.name)]
    longer = by_name["train/longer"]
    own = _of_earlier(longer, ("train", str(checkout / "stores/stems"), *longer.arguments[2:]), given)
    own = replace(own, copies=((str(base / "runs/fgnl"), "runs/longer"),))
    return [*found, Earlier(own, longer.name)]


def _of_earlier(step: Step, arguments: tuple[str, ...], given: str, *after: str) -> Step:
    return replace(step, name=f"{EARLIER}/{step.name}", arguments=arguments, after=after, given=given)
