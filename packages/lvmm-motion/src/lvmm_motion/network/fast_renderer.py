"""The renderer as inference runs it on a CPU: frame by frame, the largest maps a few rows at a time."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor

from .fast_sampling import Sampling
from .fast_upsampling import UpsampledConvolution
from .flow import Motion
from .grids import resize, warp
from .renderer import Rendered, Renderer

STRIP = 2**14
"""Pixels of the largest maps that are worked on at a time."""
GROUP = 2**12
"""Pixels of the smallest maps, of several frames where these are small."""


class FastRenderer(Renderer):
    """`Renderer` for float32 and float64 without gradients, once its blocks are folded.

    Moved features are used twice at the smallest size, and the moved image twice at the end; both are computed once.
    """

    taps: Tensor

    def speed_up(self) -> None:
        """Prepare the last convolution: as a product of matrices, and a sum of what it makes at 7x7 shifts."""
        self.register_buffer("taps", self.final.weight.permute(2, 3, 0, 1).flatten(0, 2).contiguous())

    def decode(self, source: Tensor, features: list[Tensor], motion: Motion, refined: Tensor | None = None) -> Rendered:
        """Return the frames of some motions, see `Renderer.decode`."""
        sizes = {_size(feature) for feature in (features if self.skips else features[-1:])}
        samplings = {size: Sampling.of(motion, size, self.align_corners) for size in sizes}
        small = samplings[_size(features[-1])]
        moved = torch.stack([small.moved(feature, index, slice(None)) for index, feature in enumerate(features[-1])])
        warped = moved.unflatten(1, _size(features[-1])).permute(0, 3, 1, 2)
        logits = source.new_empty(len(source), 3, *_size(features[0]))
        step = max(1, GROUP // moved.shape[1])
        for first in range(0, len(source), step):
            group = slice(first, first + step)
            for index, x in enumerate(self.bottleneck((warped if refined is None else refined)[group]), start=first):
                here = [feature[index] for feature in features]
                logits[index] = self._upwards(x, here, moved[index], samplings, index)
        deformed = warp(source, motion.flow, align_corners=self.align_corners)
        prediction = logits.sigmoid_()
        if self.skips and motion.occlusion is None:
            prediction += deformed
        elif self.skips and motion.occlusion is not None:
            prediction = torch.lerp(prediction, deformed, resize(motion.occlusion, _size(source)))
        return Rendered(prediction, deformed, warped)

    def _upwards(
        self, x: Tensor, features: list[Tensor], moved: Tensor, samplings: dict[tuple[int, int], Sampling], frame: int
    ) -> Tensor:
        """Return one frame (3, H, W) before the sigmoid.

        Args:
            x: (C, h, w) what the bottleneck returns.
            features: of the source, without the batch axis.
            moved: (h * w, C) the smallest of them, moved.
            samplings: by the sizes of features.
            frame: its index.
        """
        *blocks, last = cast("list[UpsampledConvolution]", list(self.up_blocks))
        known: Tensor | None = moved
        for index, block in enumerate([*blocks, None]):
            if self.skips:
                skip = features[-1 - index]
                sampling = samplings[_size(skip)]
                known = sampling.moved(skip, frame, slice(None)) if known is None else known
                pixels = x.permute(1, 2, 0).contiguous()
                sampling.join(pixels.flatten(0, 1), known, frame, slice(None))
                x = pixels.permute(2, 0, 1)
                known = None
            if block is not None:
                x = block(x.unsqueeze(0))[0]
        return self._last_rows(x, last, features[0], samplings, frame)

    def _last_rows(
        self,
        x: Tensor,
        block: UpsampledConvolution,
        skip: Tensor,
        samplings: dict[tuple[int, int], Sampling],
        frame: int,
    ) -> Tensor:
        """Return the frame from the map (C, h, w) before the last block, and the largest feature."""
        side = self.final.kernel_size[0]
        (height, width), step = _size(skip), max(1, STRIP // (4 * x.shape[2]))
        total = x.new_zeros(3, height + side - 1, width + side - 1)
        buffer = x.new_empty(2 * step, width, skip.shape[0])
        for first in range(0, x.shape[1], step):
            last = min(first + step, x.shape[1])
            rows = buffer[: 2 * (last - first)]
            block.rows(x, first, last, rows)
            pixels = rows.flatten(0, 1)
            if self.skips:
                sampling, chosen = samplings[_size(skip)], slice(2 * first * width, 2 * last * width)
                sampling.join(pixels, sampling.moved(skip, frame, chosen), frame, chosen)
            parts = (self.taps @ pixels.T).view(side, side, 3, -1, width)
            for i, row in enumerate(parts):
                top = side - 1 - i + 2 * first
                for j, part in enumerate(row):
                    total[:, top : top + part.shape[1], side - 1 - j : side - 1 - j + width] += part
        edge = side // 2
        assert self.final.bias is not None
        return total[:, edge : edge + height, edge : edge + width] + self.final.bias[:, None, None]


def _size(feature: Tensor) -> tuple[int, int]:
    return feature.shape[-2], feature.shape[-1]
