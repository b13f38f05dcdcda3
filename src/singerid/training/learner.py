"""A network that learns: its initial weights, its steps on the device, and the randomness of each epoch.

Within an epoch the host never waits for a result of a GPU: it reads no value back, no shape depends on a
value, and all that it sends comes from pinned memory. test_learner.py checks this.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import f1_score
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from singerid.config import CompileChoice, TrainingConfig
from singerid.data.augment import augment, check_strengths
from singerid.data.clips import Batch, Clips
from singerid.errors import SingeridError
from singerid.listening.predict import predictions
from singerid.models.registry import MODELS, build_model
from singerid.runs.config import RunConfig
from singerid.sound.features import frames_to_seconds
from singerid.system.devices import has_tf32
from singerid.system.ranks import ALONE, Ranks


def sequence(seed: int, epoch: int, *purpose: int) -> int:
    """A different seed for every purpose in every epoch of every run, in [0, 2**63)."""
    return int(np.random.SeedSequence((seed, epoch, *purpose)).generate_state(1, np.uint64)[0] >> 1)


def seed_epoch(seed: int, epoch: int, rank: int = 0) -> None:
    """Seed torch's global generators, which dropout draws from; each process gets a different seed."""
    torch.manual_seed(sequence(seed, epoch, 0, rank) if rank else sequence(seed, epoch, 0))


def generator_of(seed: int, epoch: int, device: torch.device) -> torch.Generator:
    """The generator that augmentation draws from."""
    return torch.Generator(device).manual_seed(sequence(seed, epoch, 1))


def check_training(settings: TrainingConfig, device: torch.device) -> None:
    """Raise SingeridError for settings that cannot be used to train on the device."""
    for name in ("clip_seconds", "learning_rate"):
        value = getattr(settings, name)
        if not (math.isfinite(value) and value > 0):
            raise SingeridError(f"`{name}` must be a positive number, not {value}")
    if settings.epochs < 1 or settings.batch_size < 1:
        raise SingeridError("`epochs` and `batch_size` must be at least 1")
    try:
        check_strengths(settings.augment_strengths)
    except ValueError as error:
        raise SingeridError(f"augment_strengths: {error}") from error
    if settings.precision == "tf32" and not has_tf32(device):
        raise SingeridError(
            f"`precision='tf32'`: {device} has no TF32 (NVIDIA GPUs have it since Ampere); leave it out"
        )


def fresh_model(config: RunConfig) -> nn.Module:
    """The network with its initial weights, which its seed determines."""
    spec, inputs = config.spec, MODELS[config.model].inputs
    if ("melody" in inputs) != (spec.melody is not None):
        needs = "reads no melody" if spec.melody else "needs a melody"
        raise SingeridError(f"model {config.model} {needs}; see `melody`, or choose another `model`")
    if "mel" not in inputs and config.training.augment != "none":
        raise SingeridError(
            f"`augment` changes spectrograms, which {config.model} does not read; leave it out"
        )
    torch.manual_seed(config.training.seed)
    try:
        model = build_model(config.model, len(config.singers), **config.options)
    except (TypeError, ValueError) as error:
        raise SingeridError(f"model {config.model}: {error}; see `option` and `width`") from error
    smallest, has = getattr(model, "smallest_frames", 1), spec.features.n_mels
    if spec.window_frames < smallest:
        seconds = frames_to_seconds(smallest, spec.features)
        raise SingeridError(
            f"model {config.model} needs clips of at least {seconds:.2f} s; raise `clip_seconds`"
        )
    n_mels = getattr(model, "n_mels", has)
    if n_mels != has:
        raise SingeridError(f"model {config.model} reads {n_mels} mel bands, the store has {has}")
    return model


COMPILED_STEPS = 20_000
"""Steps that repay compiling on a GPU, about a minute (estimated: milliseconds a step, not measured)."""


def adam(model: nn.Module, settings: TrainingConfig, device: torch.device) -> torch.optim.Optimizer:
    """Adam for a network that is on its device; on a GPU as one kernel, which reads no value back."""
    fused = True if device.type == "cuda" else None
    return torch.optim.Adam(
        model.parameters(), lr=settings.learning_rate, eps=settings.adam_epsilon, fused=fused
    )


def compiling_pays(choice: CompileChoice, device: torch.device, steps: int) -> bool:
    """Whether to compile for so many steps; on a CPU only on request, because it changes the weights."""
    return choice == "yes" or (choice == "auto" and device.type == "cuda" and steps >= COMPILED_STEPS)


class Learner:
    """A network with its optimizer.

    Args:
        model: the network, on the device. It is changed in place.
        optimizer: of its parameters.
        settings: how to train.
        device: where the network is.
        ranks: the processes that learn together, each from its part of every batch. All make the same calls.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        settings: TrainingConfig,
        device: torch.device,
        ranks: Ranks = ALONE,
    ) -> None:
        self._model, self._settings, self._device, self._ranks = model, settings, device, ranks
        self._fabric = _fabric(device, settings, ranks)
        self._plain = self._network = self._fabric.setup_module(model)
        self._optimizer = self._fabric.setup_optimizers(optimizer)

    def compile(self, clips: Clips) -> None:
        """Use the compiled network for full batches, if a trial step through it works.

        The trial step uses the first clips and changes nothing. Smaller batches and validation use the
        network as it is, because compiling for them would take longer than it saves.

        Raises:
            Exception: whatever the compiler raises; the network is then used as it is.
        """
        before = {name: tensor.clone() for name, tensor in self._model.state_dict().items()}
        network = self._fabric.setup_module(torch.compile(self._model, dynamic=False)).train()
        try:
            batch = next(clips.batches(self._settings.batch_size, self._device))
            self._fabric.backward(self._loss(network, batch))
            self._network = network
        finally:
            self._optimizer.zero_grad()
            self._model.load_state_dict(before)

    def epoch(self, clips: Clips, number: int, on_step: Callable[[], None] = lambda: None) -> Tensor:
        """Learn from all clips once.

        Args:
            clips: to learn from.
            number: of the epoch; the randomness depends on it and on the seed alone.
            on_step: called after each step.

        Returns:
            The sum of the losses of all clips, (), on the device; of all processes together.
        """
        settings, device, ranks = self._settings, self._device, self._ranks
        seed_epoch(settings.seed, number, ranks.number)
        self._plain.train()
        self._network.train()
        total = torch.zeros((), device=device)
        generator = generator_of(settings.seed, number, device)
        for batch in clips.batches(settings.batch_size, device, shuffle=(settings.seed, number), ranks=ranks):
            first, *others = batch.inputs
            changed = augment(first, settings.augment, generator, settings.augment_strengths, batch.part)
            batch = replace(batch, inputs=(changed, *others))
            full = len(batch.labels) == settings.batch_size
            loss = self._loss(self._network if full else self._plain, batch)
            self._optimizer.zero_grad()
            self._fabric.backward(loss if batch.part is None else loss * _weight(batch, ranks))
            self._optimizer.step()
            total += loss.detach() * _counted(batch, ranks)
            on_step()
        return ranks.sum_of(total)

    def validate(self, clips: Clips) -> tuple[float, float, float]:
        """Loss, accuracy and weighted F1 of clips, in exact float32 except with bf16-mixed."""
        if self._ranks.count == 1:
            return measures(self._plain.eval(), clips, self._device)
        self._model.eval()
        for buffer in self._model.buffers():  # batch norm's statistics are those of the first process
            self._ranks.of_first(buffer)
        return measures(self._by_itself, clips, self._device, self._ranks)

    def _by_itself(self, *inputs: Tensor) -> Tensor:
        """The network's logits, without communication: the other processes may have fewer batches."""
        precision = self._fabric.strategy.precision
        with precision.forward_context():
            logits: Tensor = precision.convert_output(self._model(*precision.convert_input(inputs)))
        return logits

    def _loss(self, network: nn.Module, batch: Batch) -> Tensor:
        logits = network(*batch.inputs)
        return cross_entropy(logits, batch.labels) + penalty(self._model, logits, self._settings)


def _weight(batch: Batch, ranks: Ranks) -> float:
    """Weight of a loss with which the mean of the processes' gradients is that over the whole batch."""
    return ranks.count * _counted(batch, ranks) / batch.part[1] if batch.part else 1.0


def _counted(batch: Batch, ranks: Ranks) -> float:
    """Number of clips that a process counts for; if each has the whole batch, its share of that."""
    own = len(batch.labels)
    return own / ranks.count if batch.part and own == batch.part[1] else own


def measures(
    model: Callable[..., Tensor], clips: Clips, device: torch.device, ranks: Ranks = ALONE
) -> tuple[float, float, float]:
    """Loss, accuracy and weighted F1 of clips by a model in evaluation mode; ranks share the clips."""
    parts = [
        (probabilities.argmax(1), probabilities.gather(1, batch.labels[:, None])[:, 0], batch.index)
        for probabilities, batch in predictions(model, clips, device, ranks=ranks)
    ]
    named, right = _gathered(parts, len(clips), ranks)
    loss = -np.log(np.maximum(right, np.finfo(np.float32).tiny)).mean()
    f1 = f1_score(clips.labels, named, average="weighted", zero_division=0)
    return float(loss), float((named == clips.labels).mean()), float(f1)


def _gathered(
    parts: list[tuple[Tensor, Tensor, Tensor]], count: int, ranks: Ranks
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Predicted class and probability of the true class, (clips,), for the clips of all processes."""
    named, right, index = (torch.cat(each) for each in zip(*parts, strict=True))
    if ranks.count > 1:
        found = torch.full((2, count), -1.0, dtype=torch.float64, device=index.device)
        found[:, index] = torch.stack((named.double(), right.double()))
        named, right = ranks.largest_of(found)
    return named.cpu().numpy().astype(np.int64), right.cpu().numpy().astype(np.float32)


def penalty(model: nn.Module, logits: Tensor, settings: TrainingConfig) -> Tensor | float:
    """What Keras's regularisers of the last layer add to the loss (`TrainingConfig.output_l2`, `output_l1`).

    The layer's output is taken to be the logits, because the absolute sum of probabilities is always 1.
    """
    if not (settings.output_l2 or settings.output_l1):
        return 0.0
    kernel: Tensor = model.get_submodule("output").weight  # type: ignore[assignment]
    return settings.output_l2 * kernel.square().sum() + settings.output_l1 * logits.abs().sum() / len(logits)


def _fabric(device: torch.device, settings: TrainingConfig, ranks: Ranks) -> Any:
    from lightning_fabric import Fabric

    where: Any = [device.index] if device.type == "cuda" else 1
    many: dict[str, Any] = {}
    if ranks.count > 1:
        from lightning_fabric.plugins.environments.lightning import LightningEnvironment
        from lightning_fabric.strategies.ddp import DDPStrategy

        where = ranks.devices
        # The process group exists already (`singerid.system.launching`); ignore a cluster's own settings.
        many = {"strategy": DDPStrategy(), "num_nodes": ranks.nodes, "plugins": [LightningEnvironment()]}
    # TF32 is a way to multiply float32 (`gpu_arithmetic`), not a type that tensors are converted to.
    precision = "32-true" if settings.precision == "tf32" else settings.precision
    fabric = Fabric(accelerator=device.type, devices=where, precision=precision, **many)
    fabric.launch()
    return fabric
