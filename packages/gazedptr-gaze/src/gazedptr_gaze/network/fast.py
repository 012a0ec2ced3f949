"""The fast path of inference: constants are computed once, and sums of pixels before products with weights."""

from __future__ import annotations

import copy
from typing import TypeVar, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

from .model import GazeNetwork
from .output import GazeOutput
from .packed_trunk import PackedTrunk, can_pack
from .pose_transformer import PoseTransformer
from .pyramid import Level
from .trunk import BasicBlock, Trunk

Network = TypeVar("Network", bound=GazeNetwork)


def for_inference(model: GazeNetwork, device: torch.device, dtype: torch.dtype) -> nn.Module:
    """Return a network ready for inference, which takes what the model takes and returns the same to rounding.

    Axes, rotations and origins go in as they are, in float32 or float64: projection, positional code and the layers
    that read it never have less than single precision.

    Args:
        model: any of the three networks; later changes of its weights are not seen.
        device: where it runs.
        dtype: precision of the arithmetic; float32 or that of the axes comes out.
    """
    return FastGaze(model, device, dtype).eval()


class FastGaze(nn.Module):
    """A network in one precision on one device; made by `for_inference`."""

    @torch.no_grad()
    def __init__(self, model: GazeNetwork, device: torch.device, dtype: torch.dtype) -> None:
        super().__init__()
        network = simplified(model)
        readers = {name: copy.deepcopy(part) for name, part in network.named_modules() if _reads_code(name)}
        network.to(dtype)
        for name, part in readers.items():
            network.set_submodule(name, part.to(torch.promote_types(dtype, torch.float32)))
        self.network = network.to(device).to(memory_format=torch.channels_last).requires_grad_(False)
        self.dtype = dtype
        if can_pack(device, dtype):
            for name, trunk in list(network.named_modules()):
                if isinstance(trunk, Trunk):
                    network.set_submodule(name, PackedTrunk(trunk))

    def forward(self, normalised: Tensor, *inputs: Tensor, auxiliary: bool = False) -> GazeOutput:
        """Return the outputs of the network for its inputs, in float64 if that is the precision, else float32."""
        faces, geometry = (normalised, *inputs[:1]), inputs[1:]
        ready = [face.to(self.dtype, memory_format=torch.channels_last) for face in faces]
        out: GazeOutput = self.network(*ready, *geometry, auxiliary=auxiliary)
        final = torch.float64 if self.dtype == torch.float64 else torch.float32
        return GazeOutput(*(None if value is None else value.to(final) for value in out))  # type: ignore[arg-type]


def _reads_code(name: str) -> bool:
    """Return whether a part of a network, by its name, takes the positional code in."""
    return name.rpartition(".")[2] in ("pos_encode", "planes")


@torch.no_grad()
def simplified(model: Network) -> Network:
    """Return a copy of a network in evaluation mode that does the same in fewer steps, on the CPU as anywhere.

    Batch norms are folded, the pyramid takes means first, and the position of the original camera is a constant.
    """
    network = copy.deepcopy(model).eval()
    for trunk in [module for module in network.modules() if isinstance(module, Trunk)]:
        fold_batch_norms(trunk)
    for name, module in list(network.named_modules()):
        if isinstance(module, Level):
            network.set_submodule(name, PooledLevel(module))
        elif isinstance(module, PoseTransformer):
            network.set_submodule(name, CachedPose(module))
    return network


def fold_batch_norms(trunk: Trunk) -> None:
    """Put the batch norms of a trunk in evaluation mode into the convolutions before them."""
    trunk.conv1, trunk.bn1 = _folded(trunk.conv1, trunk.bn1), nn.Identity()
    for block in [module for module in trunk.modules() if isinstance(module, BasicBlock)]:
        block.conv1, block.bn1 = _folded(block.conv1, block.bn1), nn.Identity()
        block.conv2, block.bn2 = _folded(block.conv2, block.bn2), nn.Identity()
        if block.downsample is not None:
            block.downsample = nn.Sequential(_folded(block.downsample[0], block.downsample[1]))


def _folded(conv: nn.Module, norm: nn.Module) -> nn.Conv2d:
    """Return one convolution in place of a convolution and a batch norm, multiplied out in float64."""
    dtype = cast(nn.Conv2d, conv).weight.dtype
    return fuse_conv_bn_eval(cast(nn.Conv2d, conv).double(), cast(nn.BatchNorm2d, norm).double()).to(dtype)


class PooledLevel(nn.Module):
    """A level of the pyramid that takes the mean first: 1x1 convolution and batch norm commute with it."""

    def __init__(self, level: Level) -> None:
        super().__init__()
        conv = _folded(level.conv, level.bn)
        self.weight, self.bias = nn.Parameter(conv.weight.flatten(1)), nn.Parameter(cast(Tensor, conv.bias))

    def forward(self, stage: Tensor) -> Tensor:
        """Return tokens (B, D) of maps (B, C, H, W)."""
        return F.linear(stage.mean(dim=(2, 3)), self.weight, self.bias)


class CachedPose(PoseTransformer):
    """The pose transformer with the position of the original camera computed once."""

    original_position: Tensor

    def __init__(self, pose: PoseTransformer) -> None:
        nn.Module.__init__(self)
        self.encoder, self.code, self.pos_encode = pose.encoder, pose.code, pose.pos_encode
        like = next(pose.pos_encode.parameters())
        position = pose.encode(torch.tensor([[0, 0, 1]], dtype=like.dtype, device=like.device))
        self.register_buffer("original_position", position)

    def positions(self, axis: Tensor) -> Tensor:
        """Return positions (B, 2, D): that of the original camera, and those of axes (B, 3) of the virtual one."""
        original = self.original_position.expand(axis.shape[0], -1)
        return torch.stack([original, self.encode(axis)], dim=1)
