"""singerid: know who is singing.

Singer identification with the fully generalized non-local (FGNL) network of Kuo, Wei and Lin
(AAAI 2021). Importing this package is fast: torch is loaded only when a name that needs it is used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from singerid.version import __version__

if TYPE_CHECKING:
    from singerid.analysis.audit.audit import audit as audit
    from singerid.config import FeatureConfig as FeatureConfig
    from singerid.config import TrainingConfig as TrainingConfig
    from singerid.encoders.encoder import Encoder as Encoder
    from singerid.encoders.encoder import Voices as Voices
    from singerid.encoders.registry import open_encoder as open_encoder
    from singerid.errors import SingeridError as SingeridError
    from singerid.evaluation.evaluate import evaluate as evaluate
    from singerid.identifier import Identifier as Identifier
    from singerid.identify.result import Result as Result
    from singerid.library.library import Library as Library
    from singerid.listening.listener import Listener as Listener
    from singerid.listening.opening import open_listener as open_listener
    from singerid.listening.waveform import WaveformModel as WaveformModel
    from singerid.models.pretrained import PretrainedEntry as PretrainedEntry
    from singerid.models.pretrained import register_pretrained as register_pretrained
    from singerid.models.registry import ModelEntry as ModelEntry
    from singerid.models.registry import build_model as build_model
    from singerid.models.registry import register_model as register_model
    from singerid.models.spec import InputSpec as InputSpec
    from singerid.models.weights import save_model as save_model
    from singerid.preparation.prepare import find_tracks as find_tracks
    from singerid.preparation.prepare import prepare as prepare
    from singerid.runs.config import SplitConfig as SplitConfig
    from singerid.runs.new import configure as configure
    from singerid.runs.new import make_split as make_split
    from singerid.runs.run import Run as Run
    from singerid.runs.run import load_model as load_model
    from singerid.sound.melody.trackers import open_tracker as open_tracker
    from singerid.sound.separation.separators import open_separator as open_separator
    from singerid.store.reader import Store as Store
    from singerid.training.loop import train as train

# Module -> the public names that it defines.
_MODULES = {
    "analysis.audit.audit": ("audit",),
    "config": ("FeatureConfig", "TrainingConfig"),
    "encoders.encoder": ("Encoder", "Voices"),
    "encoders.registry": ("open_encoder",),
    "errors": ("SingeridError",),
    "evaluation.evaluate": ("evaluate",),
    "identifier": ("Identifier",),
    "identify.result": ("Result",),
    "library.library": ("Library",),
    "listening.listener": ("Listener",),
    "listening.opening": ("open_listener",),
    "listening.waveform": ("WaveformModel",),
    "models.pretrained": ("PretrainedEntry", "register_pretrained"),
    "models.registry": ("ModelEntry", "build_model", "register_model"),
    "models.spec": ("InputSpec",),
    "models.weights": ("save_model",),
    "preparation.prepare": ("find_tracks", "prepare"),
    "runs.config": ("SplitConfig",),
    "runs.new": ("configure", "make_split"),
    "runs.run": ("Run", "load_model"),
    "sound.melody.trackers": ("open_tracker",),
    "sound.separation.separators": ("open_separator",),
    "store.reader": ("Store",),
    "training.loop": ("train",),
}
_PUBLIC = {name: module for module, names in _MODULES.items() for name in names}

__all__ = ["__version__", *sorted(_PUBLIC)]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'singerid' has no attribute {name!r}")
    return getattr(import_module(f"singerid.{_PUBLIC[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_PUBLIC])
