"""Latents of the base model's auto-encoder, and the noise that they begin with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import index
from typing import Any

import torch
from torch import Tensor

from ..errors import InputError

MOST_SEED = 2**63 - 1


def noise_of(seeds: Sequence[int], shape: tuple[int, ...], device: torch.device, dtype: torch.dtype) -> Tensor:
    """Return noise (B, *shape): each image has a generator of its own, so it is the same in any batch.

    Args:
        seeds: of the images; the generators are on the CPU, which draws the same for every device.
        shape: of the latents of one image.
        device: where the noise goes.
        dtype: of the base model; the noise has it, or float32 where that is more exact.
    """
    drawn = [torch.randn(shape, generator=torch.Generator().manual_seed(seed)) for seed in seeds]
    return torch.stack(drawn).to(device, torch.promote_types(dtype, torch.float32))


def factor_of(vae: Any) -> int:
    """Return how many pixels a latent is wide."""
    return int(2 ** (len(vae.config.block_out_channels) - 1))


def encode(vae: Any, pixels: Tensor) -> Tensor:
    """Return the mean latents (B, 4, h, w) of images (B, 3, H, W) in [0, 1]."""
    weight = next(vae.parameters())
    return vae.encode((pixels * 2 - 1).to(weight)).latent_dist.mode() * vae.config.scaling_factor


def encoded_distribution(vae: Any, pixels: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and deviation (B, 4, h, w), float32, of the latents of images (B, 3, H, W) in [0, 1]."""
    weight = next(vae.parameters())
    found, scale = vae.encode((pixels * 2 - 1).to(weight)).latent_dist, vae.config.scaling_factor
    return found.mean.float() * scale, found.std.float() * scale


def decode(vae: Any, latents: Tensor) -> Tensor:
    """Return the images (B, 3, H, W) of latents, in [0, 1] and float32.

    Raises:
        InputError: if the auto-encoder overflows in its precision.
    """
    weight = next(vae.parameters())
    images = vae.decode((latents / vae.config.scaling_factor).to(weight)).sample.float()
    if not images.isfinite().all():
        raise InputError("the decoded image is not finite; the auto-encoder overflows in half precision, use float32")
    return (images / 2 + 0.5).clamp(0, 1)


def own_size(base: Any) -> tuple[int, int]:
    """Return the height and width, in pixels, that a base model was made for."""
    size, factor = base.unet.config.sample_size, factor_of(base.vae)
    height, width = (size, size) if isinstance(size, int) else size
    return height * factor, width * factor


def seeds_of(seed: int | Sequence[int], images: int | None) -> list[int]:
    """Return the seed of each image of a prompt.

    Args:
        seed: of the first, or one for each.
        images: how many; None for 1, or as many as there are seeds.

    Raises:
        InputError: if there are none, a seed is not what generators take, or there are not as many as images.
    """
    try:
        # whole numbers of any library
        given = list(map(index, seed)) if isinstance(seed, Iterable) else index(seed)
    except TypeError as error:
        raise InputError(f"seeds are {seed!r}; they must be whole numbers") from error
    seeds = given if isinstance(given, list) else [given + n for n in range(1 if images is None else images)]
    if not seeds:
        raise InputError("no image is asked for; images must be at least 1")
    if images is not None and images != len(seeds):
        raise InputError(f"{len(seeds)} seeds for {images} images; give one for each, or only the first")
    for number in seeds:
        if not 0 <= number <= MOST_SEED:
            raise InputError(f"seed is {number}; it must be from 0 to 2^63 - 1")
    return seeds
