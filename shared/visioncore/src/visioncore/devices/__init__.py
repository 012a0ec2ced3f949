"""Devices: choosing device and precision, measuring memory, backing off when it runs out."""

from __future__ import annotations

from .backoff import in_batches, is_out_of_memory, with_backoff
from .machine import describe_machine
from .memory import extra_memory, peak_memory, reset_peak_memory, return_memory
from .precision import autocast, resolve_dtype, slow_precision, without_autocast
from .selection import resolve_device, synchronize

__all__ = [
    "autocast",
    "describe_machine",
    "extra_memory",
    "in_batches",
    "is_out_of_memory",
    "peak_memory",
    "reset_peak_memory",
    "resolve_device",
    "resolve_dtype",
    "return_memory",
    "slow_precision",
    "synchronize",
    "with_backoff",
    "without_autocast",
]
