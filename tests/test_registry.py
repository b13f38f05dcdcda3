"""Registries: listing names imports nothing, entries are imported on use, wrong names get similar ones."""

import subprocess
import sys

import pytest

from singerid.data.datasets.registry import DATASETS
from singerid.encoders.registry import ENCODERS
from singerid.identify.formats import FORMATS
from singerid.models.pretrained import PRETRAINED
from singerid.models.registry import MODELS
from singerid.registry import Registry, UnknownNameError
from singerid.sound.melody.trackers import TRACKERS
from singerid.sound.separation.separators import SEPARATORS

REGISTRIES = (MODELS, PRETRAINED, ENCODERS, SEPARATORS, TRACKERS, DATASETS, FORMATS)


@pytest.mark.parametrize("registry", REGISTRIES, ids=lambda registry: registry.what)
def test_every_registry_keeps_the_contract(registry):
    assert len(registry) == len(list(registry)) > 0
    for name, entry in registry.items():
        assert name == name.lower().strip()
        assert name in registry
        assert registry[name] is entry
        with pytest.raises(ValueError, match="exists already; choose another name"):
            registry.register(name, entry)
        with pytest.raises(
            UnknownNameError, match=f"unknown {registry.what} '{name}x'; near names: .*{name}"
        ):
            registry[f"{name}x"]


def test_restored_removes_registered_entries():
    registry = Registry("shape", {"circle": 1})
    with registry.restored():
        registry.register("square", 4)
        assert list(registry) == ["circle", "square"]
    assert list(registry) == ["circle"]


def test_names_cost_no_import():
    script = (
        "import sys\n"
        "from singerid.sound.separation.separators import SEPARATORS\n"
        "from singerid.sound.melody.trackers import TRACKERS\n"
        "from singerid.data.datasets.registry import DATASETS\n"
        "from singerid.identify.formats import FORMATS\n"
        "print(*SEPARATORS, *TRACKERS, *DATASETS, *FORMATS)\n"
        "assert not {'torch', 'librosa', 'scipy', 'rich'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert {"repet", "pyin", "artist20", "json"} <= set(done.stdout.split())
