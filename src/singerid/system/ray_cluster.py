"""Connecting to a Ray cluster."""

import logging
from typing import Any

from singerid.errors import SingeridError
from singerid.system.processors import usable_processors
from singerid.text import one_line

LOCAL = "local"
_OBJECT_STORE_BYTES = 100 * 2**20  # of a cluster on this machine: tasks exchange next to nothing


def import_ray() -> Any:
    """The package ray; raises SingeridError where it is not installed."""
    try:
        import ray
    except ImportError as error:
        raise SingeridError(
            "--ray needs Ray, which is not installed: pip install 'singerid[scale]'"
        ) from error
    return ray


def connect(ray: Any, address: str) -> bool:
    """Connect this process to a cluster, unless it is already; whether that was done."""
    if ray.is_initialized():
        return False
    own: dict[str, Any] = {}
    if address == LOCAL:
        own = {"object_store_memory": _OBJECT_STORE_BYTES, "include_dashboard": False}
        own["num_cpus"] = usable_processors()
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **own)
    except (ConnectionError, ValueError, RuntimeError, OSError) as error:
        text = one_line(error)
        raise SingeridError(
            f"--ray {address}: no Ray cluster answers there ({text}); start one (ray start --head) or use "
            f"--ray {LOCAL}"
        ) from error
    return True
