"""What a folder holds."""

from pathlib import Path


def files(folder: Path) -> dict[str, bytes]:
    """The bytes of all files below a folder, by their paths from there."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
