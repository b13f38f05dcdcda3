"""What a library's decisions are worth: its calibration in words, numbers and a picture."""

from typing import Annotated, Any

from fastapi import APIRouter
from fastapi.responses import FileResponse
from pydantic import BaseModel, ConfigDict, Field

from singerid.library.calibrate import DEFAULT_FPIR, Calibration
from singerid.library.library import Library
from singerid.library.pages import PICTURE, worth
from singerid.web.api.asking import ask
from singerid.web.api.state import OfDesk
from singerid.web.audit import audit_of_encoder
from singerid.web.desk import NotThereError

router = APIRouter(prefix="/trust", tags=["trust"])
_LITTLE = "fewer than 3 recordings, or less than a minute of voice"


class Calibrate(BaseModel):
    """The share of strangers' songs that may be given a name."""

    model_config = ConfigDict(extra="forbid")
    fpir: Annotated[float, Field(gt=0, lt=1)] = DEFAULT_FPIR


@router.get("")
def trust(at: OfDesk) -> dict[str, Any]:
    """The calibration, who is confused with whom, who needs more recordings, and the encoder's audit."""
    with at.library() as library:
        found = library.calibration
        notice = library.notice if library.core.contents.settings else ""
        # The page has a button for the command at the end of the notice.
        words = [notice.rpartition(": singerid ")[0] or notice] if notice else []
        return {
            "calibrated": found is not None,
            "words": words + (worth(found) if found else []),
            "promise": _promise(found) if found else None,
            "confusions": _confusions(found) if found else [],
            "little": _little(library, found),
            "two_voices": [
                {"name": name, "songs": list(songs)} for name, songs in (found.two_voices if found else ())
            ],
            "picture": (library.path / PICTURE).is_file(),
            "audit": audit_of_encoder(library),
        }


def _promise(found: Calibration) -> dict[str, Any]:
    return {
        "wanted": found.wanted,
        "bound": found.bound,
        "kept": found.is_kept,
        "strangers": found.stranger_singers,
        "songs": found.stranger_songs,
        "needed": found.needed,
        "fnir": found.fnir,
        "at": found.at,
    }


def _confusions(found: Calibration) -> list[dict[str, Any]]:
    """Singers whose songs sound like another's; with `alike` true, two singers who sound like one."""
    told: list[dict[str, Any]] = [
        {"a": one.singer, "b": one.named, "songs": one.songs, "alike": False} for one in found.confused
    ]
    return told + [
        {"a": first, "b": second, "songs": len(songs), "alike": True} for first, second, songs in found.alike
    ]


def _little(library: Library, found: Calibration | None) -> list[dict[str, Any]]:
    if found is not None:
        names = [name for name in found.too_little if name in library.singers]
    else:
        names = [row["singer"] for row in library.overview() if not row["recordings"]]
    return [{"name": name, "why": _LITTLE if found else "no recording"} for name in names]


@router.get("/picture.svg")
def picture(at: OfDesk) -> FileResponse:
    """The scores of the calibration and its threshold."""
    path = at.folder / PICTURE
    if not path.is_file():
        raise NotThereError("the library is not calibrated: calibrate it first")
    return FileResponse(path, media_type="image/svg+xml")


@router.post("/calibrate")
def calibrate(at: OfDesk, body: Calibrate) -> dict[str, Any]:
    """Calibrate, as a job."""
    return ask(at, "calibrate", {"fpir": body.fpir})
