"""The house: a file imports only from its own level or below (and identify never imports training)."""

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "singerid"

LEVELS = {
    0: "errors files pages console config devices downloads figures.* parallel voting counts metrics "
    "significance mel memory nn.* without_torchaudio",
    1: "audio features builders models data.*",
    2: "extract.* runs parts new_run interop pretrained trained",
    3: "training.* evaluation identify baseline audit.* export embedding attention comparison",
    4: "experiments.* report identification_report tables audit_report card demo doctor",
    5: "cli.*",
}
LEVEL_OF = {name: level for level, names in LEVELS.items() for name in names.split()}


def module_name(path: Path) -> str:
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def level(module: str) -> int:
    for name in (module, module.split(".")[0] + ".*"):
        if name in LEVEL_OF:
            return LEVEL_OF[name]
    raise AssertionError(f"singerid.{module} has no level: add it to LEVELS in {Path(__file__).name}")


def imports(path: Path) -> set[str]:
    """Modules of singerid that the file imports anywhere, inside functions too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            found |= {
                f"{node.module}.{alias.name}"
                if (SOURCE.parent / (node.module + "." + alias.name).replace(".", "/"))
                .with_suffix(".py")
                .exists()
                else node.module
                for alias in node.names
            }
    return {name.removeprefix("singerid.") for name in found if name.startswith("singerid.")}


FILES = sorted(path for path in SOURCE.rglob("*.py") if path != SOURCE / "__init__.py")


@pytest.mark.parametrize("path", FILES, ids=lambda path: module_name(path))
def test_imports_stay_at_or_below_their_level(path: Path) -> None:
    own = module_name(path)
    for imported in imports(path):
        assert level(imported) <= level(own), (
            f"{own} (level {level(own)}) imports {imported} ({level(imported)})"
        )
        if own.startswith("nn"):
            assert imported.startswith("nn"), f"{own} imports {imported}: nn knows torch only"
        if own == "identify":
            assert not imported.startswith("training")
