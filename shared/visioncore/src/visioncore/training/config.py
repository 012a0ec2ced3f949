"""Configuration of the training loop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..configs import check_most
from ..errors import InputError

PRECISIONS: Mapping[str, str] = {"float32": "no", "bfloat16": "bf16", "float16": "fp16"}
"""Our names of the precisions and accelerate's."""


@dataclass(frozen=True)
class LoopConfig:
    """Settings of :func:`visioncore.training.fit`.

    Attributes:
        steps: optimizer steps of the whole run.
        batch_size: samples per optimizer step, over all processes and micro-batches.
        accumulate: micro-batches per optimizer step.
        learning_rate: the highest learning rate.
        min_learning_rate: the learning rate the cosine falls to.
        warmup_steps: steps of linear warm-up; the first is already above zero.
        betas: running-average coefficients of Adam.
        epsilon: added to the denominator of Adam's updates.
        weight_decay: how fast weights are drawn to zero.
        decoupled_decay: whether that is done beside the update, as by AdamW; else the decay is added to the gradient,
            as the L2 penalty of plain Adam.
        clip_norm: largest norm of the gradient over all parameters; None does not clip.
        ema_decay: decay of the moving average of the weights, in (0, 1); None keeps none.
        ema_every: steps between updates of that average, each by ``ema_decay``.
        precision: "float32", or "bfloat16" or "float16" under autocast (weights stay float32).
        seed: of the sample stream and of the process-wide random generators; not negative.
        workers: data loading processes beside each training process; 0 loads in the training process.
        log_every: steps between lines of the log.
        validate_every: steps between validations; there is one after the last step in any case.
        checkpoint_every: steps between saved run states; there is one after the last step in any case.
        keep_last: number of run states kept.

    Raises:
        InputError: if a value is out of its range.
    """

    steps: int
    batch_size: int
    accumulate: int = 1
    learning_rate: float = 1e-4
    min_learning_rate: float = 1e-6
    warmup_steps: int = 0
    betas: tuple[float, float] = (0.9, 0.999)
    epsilon: float = 1e-8
    weight_decay: float = 0.0
    decoupled_decay: bool = True
    clip_norm: float | None = None
    ema_decay: float | None = None
    ema_every: int = 1
    precision: str = "float32"
    seed: int = 0
    workers: int = 0
    log_every: int = 50
    validate_every: int = 1000
    checkpoint_every: int = 500
    keep_last: int = 2

    def __post_init__(self) -> None:
        for name in (
            "steps",
            "batch_size",
            "accumulate",
            "ema_every",
            "log_every",
            "validate_every",
            "checkpoint_every",
            "keep_last",
        ):
            self._require(name, getattr(self, name) >= 1, "at least 1")
        for name in ("warmup_steps", "weight_decay", "seed", "workers", "min_learning_rate"):
            self._require(name, getattr(self, name) >= 0, "at least 0")
        self._require("learning_rate", self.learning_rate >= self.min_learning_rate, "at least min_learning_rate")
        self._require("betas", all(0 <= beta < 1 for beta in self.betas), "two numbers from 0 to below 1")
        self._require("epsilon", self.epsilon > 0, "above 0")
        self._require("clip_norm", self.clip_norm is None or self.clip_norm > 0, "above 0, or none")
        self._require("ema_decay", self.ema_decay is None or 0 < self.ema_decay < 1, "between 0 and 1, or none")
        self._require("precision", self.precision in PRECISIONS, f"one of {', '.join(PRECISIONS)}")
        check_most(self, batch_size=2**20, accumulate=2**20, workers=1024, keep_last=10_000)

    def _require(self, name: str, holds: bool, right: str) -> None:
        if not holds:
            raise InputError(f"{name} is {getattr(self, name)!r}; it must be {right}")
