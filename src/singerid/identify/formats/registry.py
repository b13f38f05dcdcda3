"""Formats by name: a new format is one module and one line here."""

from singerid.identify.formats.format import Format
from singerid.registry import Registry

_HERE = "singerid.identify.formats"

FORMATS: Registry[Format] = Registry(
    "format",
    {
        "table": f"{_HERE}.table:TABLE",
        "json": f"{_HERE}.json:JSON",
        "csv": f"{_HERE}.csv:CSV",
        "rttm": f"{_HERE}.rttm:RTTM",
        "audacity": f"{_HERE}.audacity:AUDACITY",
        "jams": f"{_HERE}.jams:JAMS",
        "webvtt": f"{_HERE}.webvtt:WEBVTT",
        "m3u8": f"{_HERE}.m3u8:M3U8",
        "svg": f"{_HERE}.picture:SVG",
        "png": f"{_HERE}.picture:PNG",
    },
)
