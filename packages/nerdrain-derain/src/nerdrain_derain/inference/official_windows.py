"""The authors' test-time windows: the tables of the paper were made with them, and only with them are they reproduced.

Regular windows stand side by side from the top-left corner. Where a side is no multiple of the window, further windows
stand flush with the far edge, and of these only the strip that the regular ones leave open is used. Nothing is blended.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from visioncore.devices import with_backoff
from visioncore.errors import InputError


def window_corners(height: int, width: int, size: int) -> list[tuple[int, int]]:
    """Return the top-left corners of all windows in the authors' order: regular, right, bottom, corner.

    Raises:
        InputError: if a side of the image is shorter than the window.
    """
    if min(height, width) < size:
        raise InputError(f"an image of {height}x{width} has a side under the window of {size}; use tiles='whole'")
    rows, columns = range(0, height - size + 1, size), range(0, width - size + 1, size)
    right, bottom = width % size > 0, height % size > 0
    corners = [(row, column) for row in rows for column in columns]
    corners += [(row, width - size) for row in rows if right]
    corners += [(height - size, column) for column in columns if bottom]
    corners += [(height - size, width - size)] if right and bottom else []
    return corners


def run_windows(
    network: Callable[[Tensor], Tensor],
    image: Tensor,
    *,
    size: int = 256,
    batch: int = 1,
    device: torch.device | None = None,
    notify: Callable[[str], None] | None = None,
) -> Tensor:
    """Restore an image window by window, as the authors do, with a bounded number of windows at a time.

    Args:
        network: takes and returns windows (N, 3, size, size).
        image: (B, 3, H, W) with H and W at least ``size``.
        size: side of the windows; results depend on it.
        batch: windows on the device at a time; halved when memory runs out.
        device: where the network is; default: where the image is.
        notify: told, in one line, when the batch is halved.

    Returns:
        The restored image (B, 3, H, W), on the device of ``image``.

    Raises:
        InputError: if the image is smaller than a window, or memory does not suffice for one.
    """
    height, width = image.shape[-2:]
    places = [(b, y, x) for y, x in window_corners(height, width, size) for b in range(len(image))]
    bottom, right = height // size * size, width // size * size  # where the regular windows end
    restored = torch.empty_like(image)

    def run(count: int) -> None:
        while places:
            windows = torch.stack([image[b, :, y : y + size, x : x + size] for b, y, x in places[:count]])
            results = network(windows.to(device or image.device)).to(restored)
            for (b, y, x), result in zip(places, results, strict=False):
                top, left = (y if y + size <= bottom else bottom), (x if x + size <= right else right)
                restored[b, :, top : y + size, left : x + size] = result[:, top - y :, left - x :]
            del places[:count]

    with_backoff(run, batch, notify=notify)
    return restored
