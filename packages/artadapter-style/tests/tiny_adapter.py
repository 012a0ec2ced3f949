"""An adapter for a tiny base model."""

from __future__ import annotations

from typing import Any

import torch


def tiny_adapter(base: Any, *, seed: int = 0, **settings: Any) -> Any:
    """Return an adapter for a tiny base whose style shows: its projections are not the base's own any more.

    Args:
        base: the pipeline.
        seed: of the weights.
        settings: further fields of its configuration.
    """
    from artadapter_style import ArtAdapter

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        small = {"vgg_width": 4, "vgg_seed": 0, "hidden": 16}
        adapter = ArtAdapter.for_base(base.unet, base.text_encoder, **(small | settings))
        with torch.no_grad():
            for projections in adapter.projections.values():
                for parameter in projections.parameters():
                    parameter.add_(0.3 * torch.randn_like(parameter))
            for level in ("low", "mid", "high"):
                # tokens that stand out, so that levels and references differ
                adapter.style_encoder.get_parameter(f"{level}.gain").mul_(10)
    return adapter
