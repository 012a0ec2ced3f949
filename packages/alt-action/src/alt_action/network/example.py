"""An example of what the network takes."""

from __future__ import annotations

import torch
from torch import Tensor

from .config import ALTConfig
from .lite_tower import LiteTowerConfig


def example_inputs(config: ALTConfig) -> dict[str, Tensor]:
    """Return one clip by the name of the argument: ``frames`` (1, T, 3, S, S), random and as if normalised."""
    return {"frames": torch.randn(1, config.frames, 3, config.tower.image_size, config.tower.image_size)}


def facts(config: ALTConfig) -> dict[str, str]:
    """Return the lines of info on a network, in place of its settings, among which a corpus can have thousands."""
    tower = config.tower
    merged = config.merged if isinstance(config.merged, int) else ", ".join(map(str, config.merged))
    asked = f"the {config.top} largest of each frame" if config.queries == "entities" else "those of all regions"
    entities = f"{config.entities}; {asked} ask" if config.entities else "none: videos are the mean of their frames"
    if isinstance(tower, LiteTowerConfig):
        image, each = f"{tower.stages} stages of EfficientNet-Lite0", f"at a time, {tower.layers} times"
    else:
        image, each = f"CLIP's image tower of {tower.layers} blocks", "in each block"
    return {
        "network": f"{image}, width {tower.width}, patches of {tower.patch} in images of {tower.image_size} pixels; "
        f"{config.frames} frames; adapter of {config.layers} blocks",
        "regions": f"{config.regions} of {tower.patches} patches; {merged} tokens merged {each}",
        "entities": entities,
        "labels": str(len(config.labels)),
    }
