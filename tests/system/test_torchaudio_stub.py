"""A package that imports torchaudio, if torchaudio is missing, broken or works."""

import subprocess
import sys
from pathlib import Path

import pytest

PACKAGES = {
    "user": "import torchaudio\nimport user.part\n",
    "user/part": "import torchaudio as seen\n",
    "needy": "import surely_not_installed\n",
}
TORCHAUDIO = {
    "missing": "raise ModuleNotFoundError(\"No module named 'torchaudio'\", name='torchaudio')",
    "broken": "raise OSError('libcudart.so: cannot open shared object file')",
    "whole": "whole = True",
}


@pytest.fixture
def run(tmp_path: Path):
    """Runs a program in a separate process, with the packages above and a torchaudio."""

    def run(torchaudio: str, program: str) -> str:
        for name, text in (PACKAGES | {"torchaudio": TORCHAUDIO[torchaudio]}).items():
            file = tmp_path / (f"{name}.py" if "/" in name else f"{name}/__init__.py")
            file.parent.mkdir(exist_ok=True)
            file.write_text(text)
        head = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        head += "from singerid.system.torchaudio_stub import import_without_torchaudio as load\n"
        done = subprocess.run(
            [sys.executable, "-c", head + program], capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    return run


@pytest.mark.parametrize("kind", ["missing", "broken"])
def test_an_empty_stand_in_is_there_only_during_the_import(run, kind):
    program = """
import importlib.util
user = load("user.part", "x")
print(user.__name__, hasattr(user.seen, "whole"), "torchaudio" in sys.modules)
try:
    import torchaudio
except (ImportError, OSError) as error:
    print(type(error).__name__)
"""
    error = "ModuleNotFoundError" if kind == "missing" else "OSError"
    assert run(kind, program).split("\n") == ["user.part False False", error]


def test_the_real_one_is_used_where_it_loads(run):
    program = "user = load('user.part', 'x'); print(user.seen.whole, sys.modules['torchaudio'].whole)"
    assert run("whole", program) == "True True"


@pytest.mark.parametrize("kind", ["broken", "whole"])
def test_a_package_that_is_not_installed_is_named_with_the_extra(run, kind):
    program = """
from singerid.errors import SingeridError
try:
    load("surely_not_installed.part", "vocals")
except SingeridError as error:
    print(error)
try:
    load("needy", "vocals")
except ModuleNotFoundError as error:
    print(error.name)
print(hasattr(sys.modules.get("torchaudio"), "whole"))
"""
    assert run(kind, program).split("\n") == [
        "surely_not_installed is not installed; install it: pip install 'singerid[vocals]'",
        "surely_not_installed",
        str(kind == "whole"),
    ]


def test_a_module_that_is_there_already_is_given_at_once(run):
    program = """
import types
sys.modules["user"] = there = types.ModuleType("user")
print(load("user", "x") is there)
"""
    assert run("broken", program) == "True"
