"""ChenLSTM's backbone started from torchvision's ResNet-50 of ImageNet, as the authors do."""

from __future__ import annotations

import re
from pathlib import Path

from torch import Tensor

from visioncore.errors import InputError
from visioncore.weights.state_dicts import compare, load_into, read_state_dict

from .backbone import DilatedResNet
from .config import ChenLSTMConfig

_NAMES = (
    (r"^conv1\.", "conv."),
    (r"^bn1\.", "norm."),
    (r"^layer(\d)\.", lambda found: f"stages.{int(found[1]) - 1}."),
    (r"\.bn(\d)\.", r".norm\1."),
    (r"\.downsample\.", ".shortcut."),
)


def read_imagenet(path: str | Path) -> dict[str, Tensor]:
    """Return the tensors of a ResNet-50 in torchvision's layout under the names of `DilatedResNet`.

    Raises:
        InputError: if the file cannot be read, or holds another network.
    """
    found = {}
    for name, tensor in read_state_dict(path).items():
        if not name.startswith("fc."):
            for theirs, ours in _NAMES:
                name = re.sub(theirs, ours, name)
            found[name] = tensor
    published = ChenLSTMConfig()
    backbone = DilatedResNet(published.width, published.blocks)
    shapes = {name: tensor.shape for name, tensor in backbone.state_dict().items()}
    # files of torchvision from before 2018 have no counters
    fit = compare(found, {name: s for name, s in shapes.items() if name in found or not name.endswith("_tracked")})
    if not fit.ok:
        raise InputError(f"{path}: not torchvision's ResNet-50: {fit.describe()}")
    return found


def start_from_imagenet(backbone: DilatedResNet, path: str | Path) -> None:
    """Fill a backbone of the published size from torchvision's ResNet-50.

    Raises:
        InputError: if the file is another, or the backbone has another size.
    """
    load_into(backbone, {**backbone.state_dict(), **read_imagenet(path)}, where=str(path))
