"""Telling network drives from local ones."""

import subprocess
import sys
from pathlib import Path

# Names that Linux and macOS give to network file systems.
_NETWORK = (
    *("nfs", "cifs", "smb", "afp", "webdav", "davfs", "9p", "afs", "ceph", "glusterfs", "lustre", "ncpfs"),
    *("fuse.sshfs", "fuse.rclone", "fuse.s3fs", "fuse.glusterfs", "fuse.davfs", "vboxsf", "drvfs"),
)


def is_network_drive(path: Path) -> bool:
    """Whether a folder lies on a network drive, as far as the system tells.

    Machines that share a network drive do not share memory, and often not even file locks.
    """
    path = path.resolve()
    if sys.platform == "win32":
        import ctypes

        remote = 4  # DRIVE_REMOTE of GetDriveTypeW
        kind: int = ctypes.windll.kernel32.GetDriveTypeW(path.anchor)
        return kind == remote
    return _kind_of(path).startswith(_NETWORK)


def _kind_of(path: Path) -> str:
    """The name of the file system that a folder lies on; "" if the system does not tell."""
    mounts = _mounts()
    for folder in (path, *path.parents):
        if str(folder) in mounts:
            return mounts[str(folder)]
    return ""


def _mounts() -> dict[str, str]:
    """The kind of file system of each mount point; if one occurs several times, the last one counts."""
    try:
        with Path("/proc/self/mounts").open(encoding="utf-8", errors="surrogateescape") as file:
            rows = [line.split(" ") for line in file]
        return {_unescaped(row[1]): row[2] for row in rows if len(row) > 2}
    except OSError:
        pass
    try:  # macOS: "//someone@server/share on /Volumes/share (smbfs, nodev, ...)"
        told = subprocess.run(["/sbin/mount"], capture_output=True, text=True, timeout=5).stdout
    except (OSError, subprocess.SubprocessError):
        return {}
    found = {}
    for line in told.splitlines():
        place, bracket, kind = line.partition(" on ")[2].rpartition(" (")
        if bracket:
            found[place] = kind.split(",")[0].rstrip(")")
    return found


def _unescaped(place: str) -> str:
    """Undo the escapes of /proc/self/mounts, where spaces, tabs, newlines and backslashes are octal."""
    for code in ("040", "011", "012", "134"):
        place = place.replace(f"\\{code}", chr(int(code, 8)))
    return place
