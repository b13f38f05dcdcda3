"""Making a store on a Ray cluster: workers extract, and the machine that runs the command keeps the index.

All machines must see the recordings and the store under the same paths. The arrays are the same as without a
cluster. An interrupted command resumes when it is run again, because the store records what is done.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

from singerid.data.tracks import Track
from singerid.errors import Failure, SingeridError
from singerid.preparation.sources import Source, read_sources_on_cluster
from singerid.preparation.tools import Opened, Tools
from singerid.preparation.worker import Extracted, Extraction, Job
from singerid.sound.length import lengths_on_cluster
from singerid.store.arrays import encoder_part
from singerid.system.devices import CPU, choose_device
from singerid.system.file_names import absolute
from singerid.system.files import writing
from singerid.system.on_ray import each_on_ray
from singerid.system.processes import WorkerDied
from singerid.system.ray_cluster import Spread, cluster, require_machines


@dataclass(frozen=True)
class Extracting:
    """Opens the tools of an extraction in a worker.

    Attributes:
        work: the extraction, without its tools.
        tools: the tools to open.
        origins: their versions and weights on the machine that runs the command.
        device: where workers compute: "auto", "cpu", "cuda".
    """

    work: Extraction
    tools: Tools
    origins: tuple[str, ...]
    device: str

    def __call__(self) -> Extraction:
        """Open the tools; raises SingeridError if one cannot be opened, or its version or weights differ."""
        device = choose_device(self.device)
        opened = self.tools.open(device)
        if opened.origins != self.origins:
            raise SingeridError(
                f"has {', '.join(opened.origins)}, not {', '.join(self.origins)}; "
                "install the same on all machines"
            )
        return replace(
            self.work,
            device=device,
            separator=opened.separator,
            trackers=opened.trackers,
            encoders={encoder_part(one.address, one.identity): one for one in opened.encoders},
        )


@dataclass(frozen=True)
class Elsewhere:
    """A cluster that extracts recordings in place of this machine's processes.

    Attributes:
        spread: the cluster, and how the work is spread over it.
        tools: the tools that workers open.
        device: where workers compute: "auto", "cpu", "cuda".
    """

    spread: Spread
    tools: Tools
    device: str = "auto"

    def connected(self) -> AbstractContextManager[object]:
        """A connection that lasts for several steps: a cluster of this machine starts only once."""
        return cluster(self.spread.address)

    def sources(self, tracks: Sequence[Track], root: Path) -> Iterator[Source | Failure]:
        """The recording of each track, read to its end by the cluster.

        Raises:
            SingeridError: the cluster cannot be used, or a machine of it does not see the folder.
        """
        if not tracks:
            return
        whole = absolute(root)
        with cluster(self.spread.address) as ray:
            require_machines(ray, [whole], [])
            yield from read_sources_on_cluster(ray, tracks, whole)

    def extracted(
        self, jobs: Sequence[Job], work: Extraction
    ) -> Iterator[tuple[Job, Extracted | Failure | WorkerDied]]:
        """Yield each job with its result, in the order in which the results are ready.

        Args:
            jobs: the jobs to do.
            work: the extraction, with its tools as opened on this machine.

        Raises:
            SingeridError: the cluster or a machine of it fails, or does not see the folders that it needs;
                the message names it, and finished results are kept.
        """
        if not jobs:
            return
        given = [path for path in (self.tools.stems, self.tools.weights) if path is not None]
        origins = Opened(work.separator, work.trackers, tuple(work.encoders.values())).origins
        bare = replace(work, root=absolute(work.root), incoming=absolute(work.incoming), device=CPU)
        bare = replace(bare, separator=None, trackers=(), encoders={})
        opening = Extracting(bare, self.tools, origins, self.device)
        with writing(bare.incoming):
            bare.incoming.mkdir(parents=True, exist_ok=True)
        with cluster(self.spread.address) as ray:
            require_machines(ray, [bare.root, bare.incoming, *given], [str(bare.incoming)])
            weights = lengths_on_cluster(ray, [str(bare.root / job.source.track.path) for job in jobs])
            yield from each_on_ray(ray, opening, jobs, weights, self.spread)
