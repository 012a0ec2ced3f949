"""One training loop for every method: precision, accumulation, EMA, schedules, exact resume, several processes."""

from __future__ import annotations

from .config import LoopConfig
from .held_out import hold_out, tell_shared
from .loop import fit
from .loss_terms import TrainingDiverged
from .parameter_groups import Share
from .run import FitResult, Loss, OptimizerOf, Validate
from .run_record import describe_run
from .sampling import SampleSource
from .schedule import warmup_cosine
from .validation import mean_losses

__all__ = [
    "FitResult",
    "LoopConfig",
    "Loss",
    "OptimizerOf",
    "SampleSource",
    "Share",
    "TrainingDiverged",
    "Validate",
    "describe_run",
    "fit",
    "hold_out",
    "mean_losses",
    "tell_shared",
    "warmup_cosine",
]
