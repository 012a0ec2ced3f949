"""Memory that the activations of one training step take, at full size, with and without `recompute`.

    python docs/step_memory.py 1 8      # batch sizes

Nothing is computed: tensors on PyTorch's device "meta" have sizes alone. Weights and the optimizer are left out, which
are the same either way; attention is taken to be fused, as on a GPU.
"""

from __future__ import annotations

import sys
from typing import Any

import torch
from torch.nn import functional

from artadapter_style.network.config import CONTENT_WIDTHS, ArtAdapterConfig
from artadapter_style.network.model import ArtAdapter
from visioncore.testing.memory import LiveTensors


def fused(query: Any, key: Any, value: Any, attn_mask: Any = None, **_: Any) -> Any:
    """Return what attention returns; the operation keeps no table of all queries and keys."""
    found = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(query, key, value, attn_mask=attn_mask)
    return found[0]


def main(batches: list[int]) -> None:
    """Print a line for each batch size and each way."""
    from diffusers import UNet2DConditionModel

    functional.scaled_dot_product_attention = fused
    with torch.device("meta"):
        unet = UNet2DConditionModel(sample_size=64, cross_attention_dim=768, attention_head_dim=8)
        adapter = ArtAdapter(ArtAdapterConfig(content=CONTENT_WIDTHS))
    unet.requires_grad_(False)
    handle = adapter.install(unet)
    for batch in batches:
        for recompute in (False, True):
            (unet.enable_gradient_checkpointing if recompute else unet.disable_gradient_checkpointing)()
            x, images = torch.empty(batch, 4, 64, 64, device="meta"), torch.empty(batch, 3, 512, 512, device="meta")
            prompts = torch.empty(batch, 77, 768, device="meta", requires_grad=True)
            t = torch.empty(batch, dtype=torch.int64, device="meta")
            with handle.acting((True,)), LiveTensors() as live:
                residuals = adapter.aca(images)
                loss = unet(x, t, prompts, down_intrablock_additional_residuals=residuals).sample.square().mean()
                before = live.now
                loss.backward()
            print(  # noqa: T201
                f"batch {batch}, recompute {recompute}: {before / 1e9:.2f} GB kept for the backward pass, "
                f"{live.most / 1e9:.2f} GB at most"
            )
            for each in adapter.parameters():
                each.grad = None


if __name__ == "__main__":
    main([int(word) for word in sys.argv[1:]] or [1])
