"""Base models by name: the small one that the demo weights are for, and those in files."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch

from visioncore.diffusion.bundled import DEMO as DEMO
from visioncore.diffusion.bundled import open_bundled
from visioncore.diffusion.remarks import without_remarks

from ..method import PACKAGE

open_base = partial(open_bundled, PACKAGE)


def put_on_device(base: Any, device: torch.device) -> Any:
    """Return a base model on a device; that float16 cannot run on a CPU, as diffusers warns, is not so any more."""
    with without_remarks():
        return base.to(device)
