"""CLIP's files <-> this network; the authors of ALT publish no weights."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from visioncore.backbones.clip_files import CLIPWeights, download_clip, read_clip
from visioncore.weights.fetched import backbone_file, find_checkpoint
from visioncore.weights.loading import is_published
from visioncore.weights.places import CONFIG_FILE, WEIGHTS_FILE, holds_weights

from ..method import METHOD

_OPEN_CLIP = re.compile(r"(ViT-[\w-]+)/(\w+)")
VISUAL = "visual."
"""Prefix of the image tower, in CLIP's files and in ours."""


def find_clip(clip: str | Path) -> CLIPWeights:
    """Return the weights of a CLIP.

    Args:
        clip: what `visioncore.backbones.clip_files.read_clip` takes; a name that the command ``weights`` has fetched,
            such as ``clip-vit-b-16``; or ``ViT-B-16/laion2b_s34b_b88k``, model and tag of the package open_clip.

    Raises:
        InputError: if it cannot be had, or holds no CLIP on patches.
    """
    named = _OPEN_CLIP.fullmatch(str(clip))
    if named and not Path(clip).exists():
        return download_clip(*named.groups())
    return read_clip(backbone_file(METHOD, clip))


def is_clip(weights: str | Path) -> bool:
    """Return whether weights are CLIP's own: a file of theirs, or one of the names that `find_clip` takes.

    Raises:
        InputError: if it is a safetensors file that cannot be read.
    """
    path = Path(weights)
    if holds_weights(path):
        beside = path.name == WEIGHTS_FILE and (path.parent / CONFIG_FILE).is_file()
        return not beside and is_published(path)
    return bool(find_checkpoint(METHOD, str(weights)) or _OPEN_CLIP.fullmatch(str(weights))) and not path.exists()


def read_towers(path: str | Path) -> None:
    """Validate that a file holds an image and a text tower of CLIP on patches.

    Raises:
        InputError: if it does not.
    """
    weights = read_clip(path)
    weights.vit()
    weights.text_tower()


def tower_digest(tower: Mapping[str, Tensor]) -> str:
    """Return 16 letters that follow from the tensors of an image or text tower alone, in float32."""
    digest = hashlib.sha256()
    for name in sorted(tower):
        digest.update(name.encode())
        digest.update(tower[name].detach().cpu().float().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


def to_published(model: nn.Module) -> dict[str, Tensor]:
    """Return the image tower and the factor of cosines under CLIP's names, for use with other programs."""
    state = model.state_dict()
    return {name: state[name].cpu() for name in state if name.startswith(VISUAL) or name == "logit_scale"}
