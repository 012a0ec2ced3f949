"""Samplers of diffusers, set up as a base model's own scheduler is."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Literal, get_args

from ..errors import InputError

Sampler = Literal["ddim", "dpm++", "euler"]
SAMPLERS: tuple[Sampler, ...] = get_args(Sampler)
MOST_STEPS = 1000


def check_sampling(sampler: str, steps: int) -> None:
    """Check which sampler is asked for, and how many steps.

    Raises:
        InputError: naming what would be right.
    """
    if sampler not in SAMPLERS:
        raise InputError(f"unknown sampler {sampler!r}; known are {', '.join(SAMPLERS)}")
    if not 1 <= steps < MOST_STEPS:
        raise InputError(f"steps is {steps}; it must be from 1 to {MOST_STEPS - 1}")


def make_scheduler(sampler: Sampler, own: Any) -> Any:
    """Return a new scheduler: it keeps what it did, so each run takes its own.

    Args:
        sampler: its name. None of them draws noise after the first.
        own: the base model's scheduler, whose noise schedule and kind of prediction are taken over.
    """
    diffusers: Any = import_module("diffusers")
    if sampler == "dpm++":
        return diffusers.DPMSolverMultistepScheduler.from_config(own.config)
    if sampler == "euler":
        return diffusers.EulerDiscreteScheduler.from_config(own.config)
    return diffusers.DDIMScheduler.from_config(own.config, clip_sample=False, set_alpha_to_one=False)
