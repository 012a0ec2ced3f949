"""Both networks by their names."""

from .base import ISP
from .chen_lstm import ChenLSTMISP
from .gazeformer import GazeformerISP

__all__ = ["ISP", "ChenLSTMISP", "GazeformerISP"]
