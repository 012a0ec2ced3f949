"""Soft mattes of hard masks, by a matting network of transformers (ViTMatte): hair and fur along the outline."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from visioncore.devices import resolve_device
from visioncore.diffusion.base import without_bars
from visioncore.errors import InputError, damage
from visioncore.extras import require
from visioncore.images import Image, to_tensor

from .segmenting import unsure

MULTIPLE = 32
"""Divisor of the sides of images for the network."""
UNSURE = 40
"""The longer side of an image, in widths of the outline to each side of which the network decides."""


class Matting:
    """A matting network.

    Args:
        folder: ViTMatte in the layout of transformers; nothing is fetched.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.

    Raises:
        InputError: if it cannot be read, or is of another kind.
    """

    def __init__(self, folder: str | Path, device: str | torch.device = "auto") -> None:
        transformers = require("transformers", "diffusion")
        if not (Path(folder) / "config.json").is_file():
            raise InputError(f"{folder}: no config.json in it; a matting network is a folder of transformers")
        with damage(Path(folder), "the matting network cannot be read"), without_bars():
            config = transformers.AutoConfig.from_pretrained(folder, local_files_only=True)
            if config.model_type != "vitmatte":
                raise InputError(f"{folder}: holds a {config.model_type}; the matting network is ViTMatte")
            loaded = transformers.VitMatteForImageMatting.from_pretrained(
                folder, local_files_only=True, use_safetensors=True
            )
        self.network: Any = loaded.eval().to(resolve_device(device))

    @torch.inference_mode()
    def __call__(self, photo: Image, mask: NDArray[np.generic]) -> NDArray[np.float32]:
        """Return alpha (H, W) in [0, 1]: that of the mask, and what the network finds next to its outline.

        Args:
            photo: what the mask is of.
            mask: (H, W), as of `Element`.
        """
        trimap = unsure(mask, max(1, max(mask.shape) // UNSURE))
        shown = torch.from_numpy(trimap.astype(np.float32) / 255)[None, None]
        seen = torch.cat((to_tensor(photo) * 2 - 1, shown), dim=1)
        below, right = (-side % MULTIPLE for side in mask.shape)
        padded = functional.pad(seen, (0, right, 0, below), mode="replicate")
        found = self.network(pixel_values=padded.to(self.network.device)).alphas
        alpha = found[0, 0, : mask.shape[0], : mask.shape[1]].float().clamp(0, 1).cpu().numpy()
        if not np.isfinite(alpha).all():
            raise InputError("the matting network gives values that are not finite; its weights are of no use")
        known = trimap != 128
        return np.where(known, trimap.astype(np.float32) / 255, alpha).astype(np.float32)
