"""Controls of a motion: how strong it is, where it is, that it begins with the photo and stays within it."""

from __future__ import annotations

import torch
from torch import Tensor

from ..network.flow import Motion
from ..network.grids import resize


def still_grid(size: tuple[int, int], photo: tuple[int, int], like: Tensor, *, align_corners: bool) -> Tensor:
    """Return the grid (h, w, 2) that leaves a photo as it is once it is resized to it.

    Small maps are resized as images are, by their pixels' outer edges. So, where -1 and 1 mean the centres of the
    photo's border, a small grid that begins with -1 and ends with 1 would zoom in on it, and this one does not.

    Args:
        size: h and w.
        photo: its height and width.
        like: has the device and dtype of the grid.
        align_corners: as of the network.
    """
    lines = []
    for small, large in zip(size, photo, strict=True):
        place = (torch.arange(small, device=like.device, dtype=like.dtype) + 0.5) * (large / small) - 0.5
        lines.append(2 * place / (large - 1) - 1 if align_corners else (2 * place + 1) / large - 1)
    y, x = lines
    return torch.stack(torch.broadcast_tensors(x, y[:, None]), dim=-1)


def strengthened(motion: Motion, strength: float, still: Tensor) -> Motion:
    """Scale how far things move.

    Args:
        motion: of n frames.
        strength: 0 for none, 1 for the motion as it is. What is hidden becomes less below 1, and not more above.
        still: grid (h, w, 2) with which nothing moves.
    """
    flow = torch.lerp(still.expand_as(motion.flow), motion.flow, strength)
    if motion.occlusion is None:
        return Motion(flow, None)
    return Motion(flow, 1 - min(strength, 1.0) * (1 - motion.occlusion))


def from_photo(motion: Motion, first: Motion, still: Tensor) -> Motion:
    """Shift a motion so that ``first``, one frame of it, becomes the photo itself; ``still`` is as above."""
    return Motion(motion.flow - (first.flow - still), motion.occlusion)


def within(motion: Motion, mask: Tensor, still: Tensor) -> Motion:
    """Keep a motion inside a mask, and everything still and seen outside.

    Args:
        motion: of n frames.
        mask: (1, 1, H, W) in [0, 1], 1 where things may move.
        still: grid (h, w, 2) with which nothing moves.
    """
    share = resize(mask, (motion.flow.shape[1], motion.flow.shape[2]))
    flow = still + share[0, 0, ..., None] * (motion.flow - still)
    occlusion = None if motion.occlusion is None else 1 - share * (1 - motion.occlusion)
    return Motion(flow, occlusion)


def from_inside(motion: Motion, photo: tuple[int, int], *, align_corners: bool) -> Motion:
    """Take from the nearest pixel of the border what a motion would take from outside of the photo, where all is black.

    Args:
        motion: of n frames.
        photo: its height and width.
        align_corners: as of the network.
    """
    height, width = (1.0 if align_corners else 1 - 1 / size for size in photo)
    most = torch.tensor((width, height)).to(motion.flow)
    return Motion(motion.flow.clamp(-most, most), motion.occlusion)


def pasted(frames: Tensor, photo: Tensor, mask: Tensor) -> Tensor:
    """Return frames (n, 3, H, W) whose pixels outside a mask are the photo's, bit by bit.

    Args:
        frames: the frames.
        photo: (1, 3, H, W).
        mask: (1, 1, H, W) in [0, 1]; between them at its soft edge.
    """
    blended = photo + mask * (frames - photo)
    return torch.where(mask > 0, blended, photo)
