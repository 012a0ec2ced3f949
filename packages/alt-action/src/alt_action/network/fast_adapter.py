"""The video adapter of the fast path: keys and values of all blocks come from one product."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .adapter import AdapterBlock, VideoAdapter, places
from .packed_linear import PackedLinear


class FastAdapter(VideoAdapter):
    """The adapter on one device in one precision.

    Args:
        adapter: one of its own, in that precision on that device.
        device: where it runs.
        dtype: precision of its arithmetic.
    """

    def __init__(self, adapter: VideoAdapter, device: torch.device, dtype: torch.dtype) -> None:
        nn.Module.__init__(self)

        def packed(layer: nn.Linear) -> PackedLinear:
            return PackedLinear(layer.weight, layer.bias, device, dtype)

        self.query_places, self.region_places, self.gamma = adapter.query_places, adapter.region_places, adapter.gamma
        self.region_norm, self.norm, self.out = adapter.region_norm, adapter.norm, adapter.out
        self.query_layers = packed(adapter.query_mlp.first), packed(adapter.query_mlp.second)
        self.region_layers = packed(adapter.region_mlp.first), packed(adapter.region_mlp.second)
        crosses = [block.cross for block in adapter.layers()]
        layers = [layer for cross in crosses for layer in (cross.key, cross.value)]
        weight, bias = torch.cat([layer.weight for layer in layers]), torch.cat([layer.bias for layer in layers])
        self.keys_and_values = PackedLinear(weight, bias, device, dtype)
        self.fast_blocks: nn.ModuleList = nn.ModuleList(
            FastAdapterBlock(block, device, dtype) for block in adapter.layers()
        )

    def forward(self, queries: Tensor, weights: Tensor, regions: Tensor, size: Tensor) -> Tensor:
        """Return vectors (B, D) of videos, times gamma; arguments as `VideoAdapter.forward`."""
        x = self.ask(queries.to(regions.dtype))
        first, second = self.region_layers
        seen = second(first(self.region_norm(regions), "gelu"))
        seen = (seen + places(self.region_places, regions.shape[1])[:, None]).flatten(1, 2)
        bias = size.flatten(1).to(x.dtype).log()[:, None, None]
        mask = self.mask(weights, x.dtype)
        pairs = self.keys_and_values(seen).chunk(2 * len(self.fast_blocks), dim=-1)
        for number, block in enumerate(self.fast_blocks):
            x = block(x, pairs[2 * number], pairs[2 * number + 1], bias, mask)
        return self.pool(x, weights).to(queries.dtype)

    def ask(self, queries: Tensor) -> Tensor:
        """Return the queries that enter the first block, as `VideoAdapter.ask`."""
        first, second = self.query_layers
        x = second(first(queries, "gelu")) + places(self.query_places, queries.shape[1])[:, None]
        return x.flatten(1, 2)


class FastAdapterBlock(nn.Module):
    """A block of the adapter, with shortcuts and activation inside the linear layers."""

    def __init__(self, block: AdapterBlock, device: torch.device, dtype: torch.dtype) -> None:
        super().__init__()

        def packed(*layers: nn.Linear) -> PackedLinear:
            weight, bias = (torch.cat([getattr(layer, name) for layer in layers]) for name in ("weight", "bias"))
            return PackedLinear(weight, bias, device, dtype)

        cross, own = block.cross, block.own
        self.heads = cross.heads
        self.norm_cross, self.norm_self, self.norm_mlp = block.norm_cross, block.norm_self, block.norm_mlp
        self.query, self.cross_out = packed(cross.query), packed(cross.out)
        self.own_packed, self.own_out = packed(own.query, own.key, own.value), packed(own.out)
        self.wide, self.narrow = packed(block.mlp.first), packed(block.mlp.second)

    def forward(self, x: Tensor, key: Tensor, value: Tensor, bias: Tensor, mask: Tensor) -> Tensor:
        """Return queries (B, Q, d) of queries (B, Q, d), keys and values (B, N, d); bias and mask as in the block."""
        x = self.cross_out.onto(x, self._mixed(self.query(self.norm_cross(x)), key, value, bias))
        query, key, value = self.own_packed(self.norm_self(x)).chunk(3, dim=-1)
        x = self.own_out.onto(x, self._mixed(query, key, value, mask))
        return self.narrow.onto(x, self.wide(self.norm_mlp(x), "gelu"))

    def _mixed(self, query: Tensor, key: Tensor, value: Tensor, bias: Tensor) -> Tensor:
        query, key, value = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in (query, key, value))
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        return mixed.transpose(1, 2).flatten(2)
