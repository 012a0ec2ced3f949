"""The authors' test-time windows: the tables of the paper were made with them, and only with them are they reproduced.

Regular windows stand side by side from the top-left corner. Where a side is no multiple of the window, further windows
stand flush with the far edge, and of these only the strip that the regular ones leave open is used. Nothing is blended.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from visioncore.errors import InputError
from visioncore.inference.tiling import Network, Span, run_tiled


def window_spans(length: int, size: int) -> list[Span]:
    """Return where windows lie along one side, and which of their pixels are used (1, the others 0)."""
    spans = [Span(slice(start, start + size), torch.ones(size)) for start in range(0, length - size + 1, size)]
    if open_strip := length % size:
        used = (torch.arange(size) >= size - open_strip).float()
        spans.append(Span(slice(length - size, length), used))
    return spans


def run_windows(
    network: Network,
    images: Tensor,
    *,
    size: int = 256,
    batch: int = 1,
    device: torch.device | None = None,
    notify: Callable[[str], None] | None = None,
) -> Tensor:
    """Restore images window by window, as the authors do, with a bounded number of windows at a time.

    Args:
        network: takes and returns windows (N, 3, size, size).
        images: (B, 3, H, W) with H and W at least ``size``.
        size: side of the windows; results depend on it.
        batch: windows on the device at a time; halved when memory runs out.
        device: where the network is; default: where the images are.
        notify: told, in one line, when the batch is halved.

    Returns:
        The restored images (B, 3, H, W), on the device where they were.

    Raises:
        InputError: if the images are smaller than a window, or memory does not suffice for one.
    """
    height, width = images.shape[-2:]
    if min(height, width) < size:
        raise InputError(f"an image of {height}x{width} has a side under the window of {size}; use tiles='whole'")
    spans = partial(window_spans, size=size)
    return run_tiled(network, images, size=size, overlap=0, batch=batch, device=device, notify=notify, spans=spans).to(
        images.device
    )
