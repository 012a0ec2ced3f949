"""The ResNet image towers of CLIP (Radford et al. 2021) without attention pooling: features at several scales.

Tensors have CLIP's names, without the ``visual.`` in front. Weights come from OpenAI's files, from any state dict of
such a tower, or from the package open_clip.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from ..errors import InputError
from ..weights.state_dicts import compare
from .clip_files import open_clip_model, read_tensors

EXPANSION = 4
"""Output channels of a bottleneck over those inside it."""
STAGES = 4

_PREFIX = "visual."
_POOL = "attnpool."


@dataclass(frozen=True)
class CLIPResNetConfig:
    """Configuration of a tower.

    Attributes:
        width: channels w of the stem, an even number; the four stages have 4w, 8w, 16w and 32w.
        blocks: bottlenecks in each of the four stages; 0 where a stage, and all behind it, is left out.
    """

    width: int = 64
    blocks: tuple[int, int, int, int] = (3, 4, 6, 3)


CLIP_RESNETS: Mapping[str, CLIPResNetConfig] = {
    "RN50": CLIPResNetConfig(),
    "RN101": CLIPResNetConfig(64, (3, 4, 23, 3)),
    "RN50x4": CLIPResNetConfig(80, (4, 6, 10, 6)),
    "RN50x16": CLIPResNetConfig(96, (6, 8, 18, 8)),
    "RN50x64": CLIPResNetConfig(128, (3, 15, 36, 10)),
}
"""OpenAI's towers by name."""


class Bottleneck(nn.Module):
    """CLIP's bottleneck: 1x1, 3x3 and 1x1 convolutions, the stride as an average pool after the second.

    Args:
        channels: of the input.
        planes: channels p inside; 4p come out.
        stride: 1 or 2.

    Shapes: (B, channels, H, W) -> (B, 4p, H / stride, W / stride).
    """

    def __init__(self, channels: int, planes: int, stride: int = 1) -> None:
        super().__init__()
        outputs = EXPANSION * planes
        self.conv1 = nn.Conv2d(channels, planes, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.pool = nn.AvgPool2d(stride) if stride > 1 else nn.Identity()
        self.conv3 = nn.Conv2d(planes, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.downsample: nn.Sequential | None = None
        if stride > 1 or channels != outputs:
            layers: dict[str, nn.Module] = {
                "-1": nn.AvgPool2d(stride) if stride > 1 else nn.Identity(),
                "0": nn.Conv2d(channels, outputs, 1, bias=False),
                "1": nn.BatchNorm2d(outputs),
            }
            self.downsample = nn.Sequential(OrderedDict(layers))

    def forward(self, x: Tensor) -> Tensor:
        identity = x if self.downsample is None else self.downsample(x)
        x = self.bn1(self.conv1(x)).relu_()
        x = self.bn2(self.conv2(x)).relu_()
        x = self.bn3(self.conv3(self.pool(x)))
        return (x + identity).relu_()


class CLIPResNet(nn.Module):
    """The image tower up to and without its attention pooling.

    Args:
        config: its shape.
    """

    def __init__(self, config: CLIPResNetConfig) -> None:
        super().__init__()
        width = config.width
        self.conv1 = nn.Conv2d(3, width // 2, 3, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width // 2)
        self.conv2 = nn.Conv2d(width // 2, width // 2, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width // 2)
        self.conv3 = nn.Conv2d(width // 2, width, 3, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(width)
        self.avgpool = nn.AvgPool2d(2)
        channels = width
        for stage, blocks in enumerate(config.blocks):
            if not blocks:
                break
            planes = width * 2**stage
            layers = [Bottleneck(channels, planes, 2 if stage else 1)]
            channels = EXPANSION * planes
            layers += [Bottleneck(channels, planes) for _ in range(blocks - 1)]
            self.add_module(f"layer{stage + 1}", nn.Sequential(*layers))

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return the output of the stem, before its pooling, and of each stage, each after its last ReLU.

        Args:
            images: (B, 3, H, W), H and W multiples of 2 to the power of the number of stages plus one.

        Returns:
            (B, w, H/2, W/2), (B, 4w, H/4, W/4), (B, 8w, H/8, W/8), (B, 16w, H/16, W/16), (B, 32w, H/32, W/32).
        """
        features = [self.stem(images)]
        x = self.avgpool(features[0])
        for stage in self.stages():
            x = stage(x)
            features.append(x)
        return features

    def stem(self, images: Tensor) -> Tensor:
        """Return the output of the stem, (B, w, H/2, W/2), for images (B, 3, H, W)."""
        x = self.bn1(self.conv1(images)).relu_()
        x = self.bn2(self.conv2(x)).relu_()
        return self.bn3(self.conv3(x)).relu_()

    def stages(self) -> list[nn.Sequential]:
        """Return the stages, first to last."""
        return [module for name, module in self.named_children() if isinstance(module, nn.Sequential)]


def read_clip_resnet(path: str | Path) -> dict[str, Tensor]:
    """Return the tensors of a tower under the names of `CLIPResNet`, in float32, without the attention pooling.

    Args:
        path: OpenAI's TorchScript archive, or a checkpoint with the tensors of a whole CLIP (``visual.``) or of its
            image tower alone.

    Raises:
        InputError: if the file cannot be read or holds no such tower.
    """
    return tower_state(read_tensors(path), str(path))


def download_clip_resnet(name: str = "RN50", tag: str = "openai") -> dict[str, Tensor]:
    """Return the tensors of a tower that the package open_clip knows, downloaded or from its cache.

    Args:
        name: of the architecture, see `CLIP_RESNETS`.
        tag: of the weights.

    Raises:
        InputError: if open_clip is missing, does not know them, or cannot get them.
    """
    visual = {
        name: value for name, value in open_clip_model(name, tag).state_dict().items() if name.startswith(_PREFIX)
    }
    return tower_state(visual, f"open_clip's {name}")


def tower_state(state: Mapping[str, Tensor], where: str) -> dict[str, Tensor]:
    """Return the tensors of the tower in a state dict of CLIP, under the names of `CLIPResNet` and in float32.

    Raises:
        InputError: if there is none, or tensors of it are missing, unexpected or misshapen.
    """
    visual = {name.removeprefix(_PREFIX): value for name, value in state.items() if name.startswith(_PREFIX)} or state
    tower = {name: value for name, value in visual.items() if not name.startswith(_POOL)}
    config = tower_config(tower, where)
    with torch.device("meta"):
        expected = {name: value.shape for name, value in CLIPResNet(config).state_dict().items()}
    fit = compare(tower, expected)
    if not fit.ok:
        raise InputError(f"{where}: these tensors do not fit CLIP's image tower: {fit.describe()}")
    return {name: tower[name].float() if tower[name].is_floating_point() else tower[name] for name in expected}


def tower_config(state: Mapping[str, Tensor], where: str) -> CLIPResNetConfig:
    """Return the configuration of the tower that tensors under the names of `CLIPResNet` belong to.

    Raises:
        InputError: if they are of something else; a vision transformer is named.
    """
    stem = state.get("conv3.weight")
    one, two, three, four = (
        len({name.split(".")[1] for name in state if name.startswith(f"layer{stage + 1}.")}) for stage in range(STAGES)
    )
    if stem is None or stem.ndim != 4 or not one:
        kind = "a vision transformer" if "class_embedding" in state else "something else"
        raise InputError(
            f"{where}: holds {kind}, not a ResNet image tower of CLIP; those are {', '.join(CLIP_RESNETS)}"
        )
    return CLIPResNetConfig(stem.shape[0], (one, two, three, four))
