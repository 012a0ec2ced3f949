"""Base models by name: the small one that the demo weights are for, and those in files."""

from __future__ import annotations

from functools import partial

from visioncore.diffusion.bundled import DEMO as DEMO
from visioncore.diffusion.bundled import open_bundled
from visioncore.diffusion.channels import CHANNELS, INPAINTING_CHANNELS

from ..method import PACKAGE

open_base = partial(open_bundled, PACKAGE, channels=(CHANNELS, INPAINTING_CHANNELS))
