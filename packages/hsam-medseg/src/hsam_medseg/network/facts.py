"""Further lines of info for a network, besides its size."""

from __future__ import annotations

import math

from visioncore.backbones.sam import SAM_ENCODERS, SAM_FILES, SOURCE

from .config import HSAMConfig
from .unused_tensors import unused_shapes


def facts(config: HSAMConfig) -> dict[str, str]:
    """Return the settings in words, what the weights expect of volumes, and which of SAM's files there are."""
    done = config.preprocessing
    through = "" if done.input_size is None else f", slices resized to {done.input_size} first"
    return {
        "network": f"{config.backbone} at {config.image_size}x{config.image_size}, low-rank additions of rank "
        f"{config.lora_rank}, decoder {config.decoder}, gate {config.gate}",
        "classes": f"{', '.join(config.classes)} ({len(config.classes)}, background not counted)",
        "expects": f"window {done.window}, orientation {done.orientation}{through}",
        **_published(config),
        "SAM's file": f"{', '.join(f'{name}: {file}' for name, file in SAM_FILES.items())}; linked from {SOURCE}",
    }


def _published(config: HSAMConfig) -> dict[str, str]:
    """Return the number of further values in the published layout of a network; nothing for networks without one."""
    if config.backbone not in SAM_ENCODERS or config.decoder != "hierarchical":
        return {}
    more = sum(math.prod(shape) for shape in unused_shapes(config).values())
    return {"published": f"the authors' layout holds {more / 1e6:.2f} M more parameters that have no effect"}
