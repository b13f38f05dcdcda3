"""Layering: a folder imports only folders above it in the list, and `singerid.nn` imports torch alone.

And each source file has its test.
"""

import ast
import subprocess
import sys
from pathlib import Path, PurePosixPath

import pytest

import singerid
from mirror import REACHED_AS, SOURCE, TESTED_BY, TESTS, mirrors_of, reaches

# From the ground up: what a line names may import what the lines before it name, and itself.
HOUSE = (
    "version",
    "text",
    "errors",
    "registry",
    "plugins",
    "nn",
    "config",
    "system",
    "sound",
    "figures",
    "data",
    "store",
    "models",
    "listening",
    "runs",
    "encoders",
    "preparation",
    "evaluation",
    "training",
    "identify",
    "library",
    "analysis",
    "reproduce",
    "tags",
    "web",
    "identifier",
    "identifier_on_ray",
    "demo",
    "doctor",
    "export",
    "export_hub",
    "cli",
    "__main__",
)


def room(module: str) -> int:
    """The place of a module's folder, or of a module that lies in no folder, in the list."""
    name = module.split(".")[0]
    assert name in HOUSE, f"singerid.{module} has no room: add {name!r} to HOUSE in {Path(__file__).name}"
    return HOUSE.index(name)


def module_name(path: Path) -> str:
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def is_module(name: str) -> bool:
    place = SOURCE.parent.joinpath(*name.split("."))
    return place.is_dir() or place.with_suffix(".py").exists()


def imports(path: Path) -> set[str]:
    """Modules of singerid that the file imports anywhere, inside functions too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                public = f"singerid.{singerid._PUBLIC.get(alias.name)}" if node.module == "singerid" else None
                found.add(name if is_module(name) else public or node.module)
    return {name.removeprefix("singerid.") for name in found if name.startswith("singerid.")}


FILES = sorted(path for path in SOURCE.rglob("*.py") if path != SOURCE / "__init__.py")


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_a_folder_imports_only_folders_above_it(path: Path) -> None:
    own = module_name(path)
    for imported in imports(path):
        assert room(imported) <= room(own), f"{own} imports {imported}, whose folder is below its own"
        if own.startswith("nn"):
            assert imported.startswith("nn"), f"{own} imports {imported}: nn knows torch only"


def test_no_file_imports_itself_by_way_of_others() -> None:
    """Within a folder, too, there is one direction."""
    # A package's own `__init__`, which gathers what its files define, is imported with each of them.
    above = {
        own: {name for name in imports(path) if not own.startswith(f"{name}.")}
        for own, path in zip(map(module_name, FILES), FILES, strict=True)
    }
    for start in above:
        seen: set[str] = set()
        waiting = [start]
        while waiting:
            for imported in above.get(waiting.pop(), ()):
                assert imported != start, f"{start} imports itself by way of others"
                if imported not in seen:
                    seen.add(imported)
                    waiting.append(imported)


def test_networks_need_torch_alone() -> None:
    """Whatever else is installed, `import singerid.nn` loads none of it."""
    loaded = "{name.partition('.')[0] for name in sys.modules}"
    code = f"import sys, torch; before = {loaded}; import singerid.nn; print({loaded} - before)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "{'singerid'}"


# A package's `__init__` passes on what its files define.
SOURCES = [PurePosixPath(path.relative_to(SOURCE).as_posix()) for path in FILES if path.name != "__init__.py"]
TEST_FILES = {PurePosixPath(path.relative_to(TESTS).as_posix()) for path in TESTS.rglob("test_*.py")}


def test_every_source_file_has_its_test() -> None:
    for source in SOURCES:
        named = mirrors_of(source) & TEST_FILES
        told = [table[str(source)] for table in (TESTED_BY, REACHED_AS) if str(source) in table]
        assert named or told, (
            f"{source} has no test: add tests/{source.with_name(f'test_{source.name}')}, "
            "or say in tests/mirror.py which test it has"
        )
        assert len(told) + bool(named) == 1, f"{source}: one entry in tests/mirror.py, or a test of its name"
    left = {*TESTED_BY, *REACHED_AS} - set(map(str, SOURCES))
    assert not left, f"tests/mirror.py names {left}, which are not there"


def test_a_test_of_another_name_imports_what_it_tests() -> None:
    for source, test in TESTED_BY.items():
        assert PurePosixPath(test) in TEST_FILES, f"{source}: there is no tests/{test}"
        assert reaches(TESTS / test, SOURCE / source), f"tests/{test} imports nothing that imports {source}"
    for source, (test, word) in REACHED_AS.items():
        assert PurePosixPath(test) in TEST_FILES, f"{source}: there is no tests/{test}"
        text = (TESTS / test).read_text(encoding="utf-8")
        assert word in text, f"tests/{test} does not say {word}, which runs {source}"


def test_no_test_file_is_empty_and_none_has_the_name_of_another() -> None:
    for test in TEST_FILES:
        text = (TESTS / test).read_text(encoding="utf-8")
        assert "def test_" in text, f"tests/{test} tests nothing"
    assert len({test.name for test in TEST_FILES}) == len(TEST_FILES)
