"""A run: one network trained on one split, and the folder that holds all of it.

RUN/config.json          everything needed to repeat it
RUN/split.json           paths of the tracks in train, valid and test
RUN/states/*.safetensors best_loss, best_accuracy, best_f1 and last; each is a whole model
RUN/metrics.csv          one line per epoch
RUN/curves.svg           a plot of these
RUN/scores.json          results of evaluations and of an audit, see `singerid.evaluation.record`
RUN/README.md            the model card, see `singerid.evaluation.card`
RUN/resume.safetensors   the point from which training resumes after an interruption

An exported run, in a folder or on a model hub, has no split and no store, and only the reported state:

RUN/config.json          with the SHA-256 of the weights
RUN/model.safetensors    the weights, best_f1
RUN/README.md            the model card
"""

import json
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from singerid.config import REPORTED_STATE, AudioCondition, StateName
from singerid.data.splits import Split, read_split
from singerid.errors import SingeridError
from singerid.listening.predict import predict_clips, predict_pieces
from singerid.models.registry import count_parameters
from singerid.models.spec import InputSpec, model_spec
from singerid.models.weights import load_model_file
from singerid.runs.config import FORMAT, READABLE, RunConfig, config_from_json, config_to_json
from singerid.runs.part import Part, PartName, part_of, paths_of
from singerid.store.reader import Store
from singerid.system.devices import CPU
from singerid.system.files import file_hash, read_json, write_json
from singerid.system.hub import ANOTHER, HubFiles, is_hub, open_hub

T = TypeVar("T")

CONFIG = "config.json"
EXPORTED_WEIGHTS = "model.safetensors"


@dataclass(frozen=True)
class Run:
    """A run folder, opened for reading.

    It remembers what it opened: its split, its store and its networks are opened once. After more training,
    open the run again.
    """

    path: Path
    config: RunConfig
    elsewhere: bool = False  # its store was given for this time only, see `over`
    learned: InputSpec | None = None  # what its network learned on, if it hears other audio now
    hub: HubFiles | None = None  # its files on a model hub, if it was opened by an address there
    # What was opened; shared with the runs that `over` and `hearing` return.
    _memory: dict[tuple[Hashable, ...], Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def open(cls, path: Path | str) -> "Run":
        """Open a run.

        Args:
            path: its folder, or its address on a model hub: hf:ORG/NAME or hf:ORG/NAME@REVISION.

        Raises:
            SingeridError: there is no run, or a run of another version; or it cannot be downloaded.
        """
        if is_hub(path):
            return cls._on_hub(path)
        path = Path(path)
        return cls(path, _read_config(path, "train one: singerid train STORE RUN"))

    @classmethod
    def _on_hub(cls, address: Path | str) -> "Run":
        """Download the configuration first, and the weights only if it is that of an exported run."""
        files = open_hub(address, CONFIG)
        with _named(files):
            run = cls(files.folder, _read_config(files.folder, ANOTHER), hub=files)
        if not run.config.exported:
            raise SingeridError(f"{files.asked}: holds a run that was not exported; {ANOTHER}")
        files.fetch(EXPORTED_WEIGHTS)
        return run

    @property
    def name(self) -> str:
        """Its folder, or its address on a hub with the commit."""
        return self.hub.address if self.hub else str(self.path)

    @classmethod
    def create(cls, path: Path, config: RunConfig, split: Split, store: Store | None = None) -> "Run":
        """Begin a run: write its split and configuration; raises SingeridError if that fails.

        Args:
            path: its folder.
            config: everything needed to repeat it.
            split: of its store.
            store: the store itself, if it is open already.
        """
        write_json(path / "split.json", split.to_json())
        write_json(path / "config.json", config_to_json(config))
        memory: dict[tuple[Hashable, ...], Any] = {("split",): split}
        if store is not None:
            memory["store", config.store] = store
        return cls(path, config, _memory=memory)

    def _once(self, key: tuple[Hashable, ...], open_it: Callable[[], T]) -> T:
        if key not in self._memory:
            self._memory[key] = open_it()
        opened: T = self._memory[key]
        return opened

    @property
    def split(self) -> Split:
        """The split of the run; raises SingeridError for an exported run, which has none."""
        if self.config.exported:
            raise SingeridError(self._without("split"))
        return self._once(("split",), lambda: read_split(self.path / "split.json"))

    @property
    def store(self) -> Store:
        """The store the run was trained on, wherever it is now (see `over`).

        Raises:
            SingeridError: it no longer exists there, or its features were made in another way; or the run is
                an exported one.
        """
        if self.config.exported and not self.elsewhere:
            raise SingeridError(self._without("store"))
        return self._once(("store", self.config.store), self._open_store)

    def _without(self, what: str) -> str:
        return (
            f"{self.name}: is an exported run, which can name singers but has no {what}; use the run that it "
            "was exported from"
        )

    def _open_store(self) -> Store:
        if not Path(self.config.store).exists():
            raise SingeridError(
                f"{self.path}: its store {self.config.store} is not there any more; say where it is now with "
                "`store`, or make it again: singerid prepare TREE STORE"
            )
        spec = self.config.spec
        # Vectors were made from sound: how the log-mel spectrograms beside them are made does not matter.
        return Store.open(self.config.store, spec.log_mel if spec.encoder is None else None)

    @property
    def changed(self) -> bool:
        """Whether the store's recordings differ from those that the run was trained with."""
        return self.store.identity != self.config.store_identity

    def over(self, store: Path | str | None) -> "Run":
        """The run with its store in another folder; None: in the folder that it was trained from.

        Raises:
            SingeridError: there is no such folder.
        """
        if store is None:
            return self
        store = Path(store)
        if not store.is_dir():
            raise SingeridError(f"{store}: no such folder; `store` takes the folder of a store")
        return replace(self, config=replace(self.config, store=str(store.resolve())), elsewhere=True)

    def hearing(self, audio: AudioCondition | None) -> "Run":
        """The run listening to another audio condition; None: to the one that it hears already.

        Raises:
            SingeridError: it would hear one sound instead of two, or two instead of one.
        """
        if audio is None:
            return self
        spec = self.config.spec
        heard = replace(self.config, spec=spec.hearing(audio, self.path))
        return replace(self, config=heard, learned=self.learned or spec)

    def as_learned(self) -> "Run":
        """The run listening to the audio condition that it learned on."""
        if self.learned is None:
            return self
        return replace(self, config=replace(self.config, spec=self.learned), learned=None)

    def state_path(self, state: StateName = REPORTED_STATE) -> Path:
        """Path of a state of the network."""
        if self.config.exported and state == REPORTED_STATE:
            return self.path / EXPORTED_WEIGHTS
        return self.path / "states" / f"{state}.safetensors"

    def digest(self, state: StateName = REPORTED_STATE) -> str:
        """SHA-256 of a state's file: it identifies the weights that a score belongs to.

        Raises:
            SingeridError: the file cannot be read.
        """
        return self._once(("digest", state), lambda: self._hash(state))

    def _hash(self, state: StateName) -> str:
        path = self.state_path(state)
        if self.config.exported and state != REPORTED_STATE:
            raise SingeridError(
                f"{self.name}: is an exported run, which has only the state {REPORTED_STATE}, not {state}"
            )
        try:
            digest = file_hash(path)
        except OSError as error:
            again = self._again if self.config.exported else "run the same `singerid train` again"
            raise SingeridError(f"{path}: cannot be read ({error.strerror}); {again}") from error
        if self.config.exported not in ("", digest):
            raise SingeridError(
                f"{self.name}: its {EXPORTED_WEIGHTS} is damaged, or its {CONFIG} belongs to another run; "
                f"{self._again}"
            )
        return digest

    @property
    def _again(self) -> str:
        """The remedy if the weights of an exported run are missing or damaged."""
        if self.hub is None:
            return "export the run again"
        return (
            f"delete {self.hub.kept} to have it downloaded again, or ask the people who uploaded it to "
            "upload it again"
        )

    def network(self, device: torch.device = CPU, state: StateName = REPORTED_STATE) -> nn.Module:
        """The network in one of its kept states, in evaluation mode on a device; loaded once.

        Every call returns the same object. To change a network, take one from `load_network`.

        Raises:
            SingeridError: the state is missing, damaged or does not fit.
        """

        def load() -> nn.Module:
            self.digest(state)  # so that it is the digest of the file that is read now
            return self.load_network(state).to(device)

        return self._once(("network", state, device), load).eval()

    def load_network(self, state: StateName = REPORTED_STATE) -> nn.Module:
        """A new copy of the network, on the CPU, which may be changed; raises SingeridError as `network`."""
        path = self.state_path(state)
        if self.config.exported:
            self.digest(state)
        elif not path.exists():
            raise SingeridError(
                f"{path}: is missing; run the same `singerid train` command again, "
                "which goes on where it stopped"
            )
        with _named(self.hub):
            model = load_model_file(path)
        spec, config = model_spec(model), self.config
        said = {"model": config.model, "singers": len(config.singers), "options": plain(config.options)}
        built = {"model": spec.name, "singers": spec.singers, "options": plain(spec.options)}
        for what, value in said.items():
            if built[what] != value:
                raise SingeridError(
                    f"{path}: has {what} {built[what]}, its run's config.json {value}; "
                    "one of them belongs to another run"
                )
        return model

    @property
    def parameters(self) -> tuple[int, int]:
        """Numbers of all and of trainable parameters of its network, as `count_parameters` counts them."""
        opened = (network for key, network in self._memory.items() if key[:1] == ("network",))
        return count_parameters(next(opened, None) or self.load_network())

    def part(self, name: PartName = "test", condition: str | None = None) -> Part:
        """Tracks and clips of a part of the split, or of all ("all"), as the run reads them.

        Args:
            name: of the part.
            condition: what the clips are cut from, see `part_of`.

        Raises:
            SingeridError: as `part_of`.
        """
        return part_of(self.store, paths_of(self.split, name), self.config, condition)

    def predict_pieces(
        self, part: Part, device: torch.device = CPU, state: StateName = REPORTED_STATE
    ) -> Iterator[NDArray[np.float32]]:
        """Yield the rows of `predict`, in order, in pieces that fit into memory."""
        return predict_pieces(self.network(device, state), part.clips, device)

    def predict(
        self, part: Part, device: torch.device = CPU, state: StateName = REPORTED_STATE
    ) -> NDArray[np.float32]:
        """Probabilities (clips, singers) of the clips of a part; raises SingeridError as `network`."""
        return predict_clips(self.network(device, state), part.clips, device)


@contextmanager
def _named(hub: HubFiles | None) -> Iterator[None]:
    """Put the address on a hub before errors within: a path in the hub's cache tells a user little."""
    try:
        yield
    except SingeridError as error:
        if hub is None:
            raise
        raise SingeridError(f"{hub.asked}: {error}") from error


def _read_config(path: Path, remedy: str) -> RunConfig:
    """The configuration in a run's folder; raises SingeridError as `Run.open`."""
    if not (path / CONFIG).is_file():
        if path.is_file():
            raise SingeridError(f"{path}: is a file; give the folder of a run or a library")
        raise SingeridError(
            f"{path}: is neither a library nor a run (it has no {CONFIG}); make a library: singerid enroll "
            f"LIBRARY --as NAME FILES; or {remedy}"
        )
    content = read_json(path / CONFIG, remedy)
    if not isinstance(content, dict) or "model" not in content:
        raise SingeridError(f"{path}: its {CONFIG} is not that of a run; {remedy}")
    if content.get("format") not in READABLE:
        raise SingeridError(
            f"{path}: is a run of format {content.get('format')}, this singerid reads {FORMAT}; "
            "use the version of singerid that made it, or train again"
        )
    try:
        return config_from_json(content)
    except (KeyError, TypeError, ValueError) as error:
        raise SingeridError(f"{path}: its {CONFIG} is damaged ({error}); {remedy}") from error


def load_model(path: Path | str, state: StateName = REPORTED_STATE) -> nn.Module:
    """The network of a run, or of a file written by `save_model`; evaluation mode, on the CPU.

    Args:
        path: the run's folder, its address on a hub (see `Run.open`), or the file.
        state: which of a run's kept states.

    Raises:
        SingeridError: there is no network, or it is damaged.
    """
    if is_hub(path) or Path(path).is_dir():
        return Run.open(path).load_network(state)
    return load_model_file(path)


def plain(value: Any) -> Any:
    """A value as it comes back from JSON: tuples become lists.

    >>> plain({"pool": (2, 2)})
    {'pool': [2, 2]}
    """
    return json.loads(json.dumps(value, default=_as_json))


def _as_json(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else asdict(value)
