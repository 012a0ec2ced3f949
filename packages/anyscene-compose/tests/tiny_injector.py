"""An injector for a tiny base model, and weights of a tiny CLIP."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

SMALL: dict[str, Any] = {"encoder": "patches", "width": 16, "heads": 2, "layers": 2, "tokens": 4}


def tiny_injector(base: Any, *, seed: int = 0, trained: bool = True, **settings: Any) -> Any:
    """Return an injector for a tiny base.

    Args:
        base: the pipeline.
        seed: of the weights.
        trained: with what is zero at first drawn too, so that both routes show.
        settings: further fields of its configuration.
    """
    from anyscene_compose import Injector

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        injector = Injector.for_base(base, **(SMALL | settings))
        if trained:
            control = injector.control
            zero = [projections.to_v for projections in injector.projections.values()]
            zero += [*control.controlnet_down_blocks, control.controlnet_mid_block]
            zero += [control.controlnet_cond_embedding.conv_out]
            with torch.no_grad():
                for layer in zero:
                    layer.weight.add_(0.2 * torch.randn_like(layer.weight))
    return injector


def write_clip(folder: Path, width: int = 64) -> Path:
    """Write the weights of a tiny image tower, with a configuration beside them."""
    from visioncore.backbones.clip_transformer import CLIPViT, CLIPViTConfig

    torch.manual_seed(0)
    tower = CLIPViT(CLIPViTConfig(width=width, layers=2, heads=width // 64, patch=8, image_size=32, embed_dim=8))
    folder.mkdir()
    torch.save({f"visual.{name}": tensor for name, tensor in tower.state_dict().items()}, folder / "clip.pt")
    about = {"model_cfg": {"quick_gelu": True, "vision_cfg": {"width": width, "head_width": 64}}}
    (folder / "open_clip_config.json").write_text(json.dumps(about))
    return folder / "clip.pt"
