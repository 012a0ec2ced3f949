"""3x3 convolution of a map whose pixels were each repeated twice along both axes, in a quarter of the multiplications.

Along one axis two neighbouring outputs are ``w0 x[i-1] + (w1 + w2) x[i]`` and ``(w0 + w1) x[i] + w2 x[i+1]``. With the
sum s of the weights and d[i] = x[i] - x[i-1] they are ``s x[i] - w0 d[i]`` and ``s x[i] + w2 d[i+1]``: three products
where there were six, and along two axes nine where there were thirty-six.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from visioncore.convolutions.products import Product

BLOCK = 2048
"""Pixels of the small map that are worked on at a time, so that what is in between stays in the cache."""


class UpsampledConvolution(nn.Module):
    """The convolution with a ReLU behind it; without gradients, on the CPU.

    Args:
        weight: (O, C, 3, 3).
        bias: (O,).
    """

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        columns = weight.sum(3), -weight[..., 0], weight[..., 2]
        whole, before, after = zip(*((c.sum(2), -c[:, :, 0], c[:, :, 2]) for c in columns), strict=True)
        self.still = Product(whole[0].T, bias)
        self.across = Product(torch.cat(whole[1:]).T)
        self.down = Product(torch.cat((before[0], after[0])).T)
        self.both = Product(torch.cat((*before[1:], *after[1:])).T)
        self.outputs = len(bias)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, O, 2H, 2W), channels-last."""
        batch, _, height, width = x.shape
        out = x.new_empty(batch, 2 * height, 2 * width, self.outputs)
        step = max(1, BLOCK // width)
        for image, result in zip(x, out, strict=True):
            for first in range(0, height, step):
                self.rows(image, first, min(first + step, height), result[2 * first : 2 * (first + step)])
        return out.permute(0, 3, 1, 2)

    def rows(self, image: Tensor, first: int, last: int, out: Tensor) -> None:
        """Fill some rows of the result.

        Args:
            image: (C, H, W), channels-last.
            first: of the rows of the small map.
            last: behind its last one.
            out: (2 * (last - first), 2W, O).
        """
        window = functional.pad(_window(image, first, last).permute(1, 2, 0), (0, 0, 1, 1))
        middle, steps = window[1:-1], window.diff(dim=0)
        count, width, channels = last - first, image.shape[2], image.shape[0]

        def mixed(values: Tensor, product: Product) -> Tensor:
            found: Tensor = product(values.reshape(-1, channels))
            return found.view(*values.shape[:2], -1, self.outputs)

        still = mixed(middle[:, 1:-1], self.still)[:, :, 0]
        across = mixed(middle.diff(dim=1), self.across)
        down = mixed(steps[:, 1:-1], self.down)
        both = mixed(steps.diff(dim=1), self.both)
        phases = out.view(count, 2, width, 2, -1)
        for a in (0, 1):
            line = still + down[a : a + count, :, a]
            for b in (0, 1):
                result = phases[:, a, :, b]
                torch.add(line, across[:, b : b + width, b], out=result)
                result.add_(both[a : a + count, b : b + width, 2 * a + b])
        out.relu_()


def _window(image: Tensor, first: int, last: int) -> Tensor:
    """Return the rows (C, n + 2, W) of an image with those before and behind them; zero outside of the image."""
    height = image.shape[1]
    inside = image[:, max(first - 1, 0) : min(last + 1, height)]
    return functional.pad(inside, (0, 0, int(first == 0), int(last == height)))
