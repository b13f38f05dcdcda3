"""Running cells on a Ray cluster: each is a task of its own, on a GPU where the cluster has some.

Ray schedules the cells and retries those whose worker or machine died; they then go on after their last
complete epoch. All machines must see STORE and OUT under the same paths and have singerid installed.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from singerid.errors import Failure
from singerid.models.registry import MODELS, ModelEntry
from singerid.reproduce.cell import CellJob, CellOutcome, attempt
from singerid.system.ray_cluster import LOCAL, cluster, import_ray

RETRIES = 3  # for a run whose worker died


def run_on_cluster(
    jobs: Sequence[CellJob], address: str = LOCAL, on_connect: Callable[[int], None] = lambda slots: None
) -> Iterator[CellOutcome]:
    """Hand jobs to a Ray cluster; yield each outcome when it is done, in any order.

    Args:
        jobs: what to run; `threads` is the number of CPUs that each asks for, by default one.
        address: "local" starts a cluster on this machine, "auto" finds the one that runs on this machine,
            "HOST:PORT" and "ray://HOST:PORT" are clusters elsewhere.
        on_connect: called with the number of jobs that the cluster runs at a time.

    Raises:
        SingeridError: Ray is not installed, or there is no cluster at the address.
    """
    import_ray()
    if not jobs:
        return
    with cluster(address) as ray:
        resources = ray.cluster_resources()
        needs = needs_of(resources, jobs[0])
        on_connect(slots_of(resources, needs))
        yield from _run(ray, jobs, needs)


def _run(ray: Any, jobs: Sequence[CellJob], needs: dict[str, int]) -> Iterator[CellOutcome]:
    task = ray.remote(_work).options(max_retries=RETRIES, **needs)
    running = {task.remote(job, MODELS[job.cell.network]): job for job in jobs}
    while running:
        (ready, *_), _ = ray.wait(list(running))
        cell = running.pop(ready).cell
        try:
            yield cell, ray.get(ready)
        except ray.exceptions.RayError as error:
            text = str(error).strip().splitlines()[0]
            yield (
                cell,
                Failure(cell.name, f"its worker died {RETRIES + 1} times ({text}); is memory too small?"),
            )


def needs_of(resources: dict[str, float], job: CellJob) -> dict[str, int]:
    """Resources that a task asks for, at most what the cluster has: otherwise it would wait for ever."""
    cpus = {"num_cpus": max(1, min(job.threads or 1, int(resources.get("CPU", 1))))}
    return cpus | ({"num_gpus": 1} if resources.get("GPU", 0) >= 1 and job.device != "cpu" else {})


def slots_of(resources: dict[str, float], needs: dict[str, int]) -> int:
    """Number of tasks with these needs that run at a time; at least one.

    >>> slots_of({"CPU": 16.0, "GPU": 4.0}, {"num_cpus": 8, "num_gpus": 1})
    2
    """
    names = {"num_cpus": "CPU", "num_gpus": "GPU"}
    return max(1, min(int(resources.get(names[name], 0)) // amount for name, amount in needs.items()))


def _work(job: CellJob, entry: ModelEntry) -> Failure | None:
    """Run a job in the worker, which has not loaded the plugins of the process that sent it."""
    if job.cell.network not in MODELS:
        MODELS.register(job.cell.network, entry)
    return attempt(job)
