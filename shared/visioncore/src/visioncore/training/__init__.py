"""One training loop for every method: precision, accumulation, EMA, schedules, exact resume, several processes."""

from __future__ import annotations

from .config import LoopConfig
from .held_out import hold_out
from .loop import fit
from .loss_terms import TrainingDiverged
from .run import FitResult, Loss, Validate
from .sampling import SampleSource
from .schedule import warmup_cosine

__all__ = [
    "FitResult",
    "LoopConfig",
    "Loss",
    "SampleSource",
    "TrainingDiverged",
    "Validate",
    "fit",
    "hold_out",
    "warmup_cosine",
]
