"""Making a store on a Ray cluster: workers read and extract, the machine with the command keeps the index.

All machines must see the recordings and the store under the same paths. The arrays are those that are made
without a cluster, and the store itself says what it has: run again, the command goes on.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from singerid.errors import Failure, SingeridError
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
    """Opens in a worker what it extracts by.

    Attributes:
        work: what is to be done, without what has to be opened.
        tools: what has to be.
        origins: which versions and weights that are, as the machine with the command has them.
        device: where workers compute: "auto", "cpu", "cuda".
    """

    work: Extraction
    tools: Tools
    origins: tuple[str, ...]
    device: str

    def __call__(self) -> Extraction:
        """Open it; raises SingeridError where it cannot be, or is another than there."""
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
    """Where recordings are read and extracted in place of this machine's processes.

    Attributes:
        spread: over which cluster, and how.
        tools: what workers open.
        device: where they compute: "auto", "cpu", "cuda".
    """

    spread: Spread
    tools: Tools
    device: str = "auto"

    def extracted(
        self, jobs: Sequence[Job], work: Extraction
    ) -> Iterator[tuple[Job, Extracted | Failure | WorkerDied]]:
        """Yield each job with what was made of it, in the order in which they are ready.

        Args:
            jobs: what is to be made.
            work: how, as it is opened on this machine.

        Raises:
            SingeridError: the cluster or a machine of it fails or does not see what it has to; it is named,
                and what was made stays.
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
