"""Attention blocks and networks in plain torch, independent of files, audio and configurations."""

from singerid.nn.crnn import CRNN
from singerid.nn.excitation import CBAM, SCSE, MoSE, SqueezeExcitation
from singerid.nn.fgnl import FGNL1d, FGNL2d, FGNL3d
from singerid.nn.non_local import NonLocal1d, NonLocal2d, NonLocal3d
from singerid.nn.smoothing import GaussianSmoothing, Smoothing
from singerid.nn.surgery import insert

__all__ = [
    "CBAM",
    "CRNN",
    "SCSE",
    "FGNL1d",
    "FGNL2d",
    "FGNL3d",
    "GaussianSmoothing",
    "MoSE",
    "NonLocal1d",
    "NonLocal2d",
    "NonLocal3d",
    "Smoothing",
    "SqueezeExcitation",
    "insert",
]
