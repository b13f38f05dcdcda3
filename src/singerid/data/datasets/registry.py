"""Data sets by name. A new one is a file beside this one and a line here; users add theirs by --plugin."""

from singerid.data.datasets.dataset import DataSet
from singerid.registry import Registry

_HERE = "singerid.data.datasets"

DATASETS: Registry[DataSet] = Registry(
    "data set",
    {
        "artist20": f"{_HERE}.artist20:ARTIST20",
        "artist20-course": f"{_HERE}.artist20_course:ARTIST20_COURSE",
        "vocalset": f"{_HERE}.vocalset:VOCALSET",
    },
    remedy="your own need `plugin=FILE.py`",
)
