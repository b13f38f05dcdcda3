"""Pictures: matplotlib figures, and how they are saved. Matplotlib's global state is not changed."""

from singerid.figures.attention import AttentionPicture, draw_attention
from singerid.figures.audit import EstimateGroup, EstimateKind, EstimateRow, draw_estimates
from singerid.figures.calibration import draw_calibration
from singerid.figures.curves import draw_curves
from singerid.figures.lanes import Lane, draw_lanes
from singerid.figures.planes import Plane, draw_planes
from singerid.figures.saving import check_figure_name, figure_bytes, figure_svg, save_figure, svg_document
from singerid.figures.scores import RivalLevel, draw_confusions, draw_rivals
from singerid.figures.timeline import draw_timeline

__all__ = [
    "AttentionPicture",
    "EstimateGroup",
    "EstimateKind",
    "EstimateRow",
    "Lane",
    "Plane",
    "RivalLevel",
    "check_figure_name",
    "draw_attention",
    "draw_calibration",
    "draw_confusions",
    "draw_curves",
    "draw_estimates",
    "draw_lanes",
    "draw_planes",
    "draw_rivals",
    "draw_timeline",
    "figure_bytes",
    "figure_svg",
    "save_figure",
    "svg_document",
]
