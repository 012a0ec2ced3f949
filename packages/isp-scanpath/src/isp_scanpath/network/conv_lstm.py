"""The ConvLSTM of ChenLSTM: eleven 3x3 convolutions, of the image, of the hidden state and of the memory."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .chen_integration import Integrated


class State(NamedTuple):
    """Hidden state and cell, each (B, n, C, H, W)."""

    hidden: Tensor
    cell: Tensor


class ConvLSTM(nn.Module):
    """Gates from the image, the hidden state and the memory: spatial times semantic, a map of rank one.

    The convolutions of the gates are stacked (input, forget, output, and new content but for the memory). Those of the
    image are the same at every step and for every observer; those of the memory, whose map is a product, have one
    channel each.

    Args:
        channels: C.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.from_image = nn.Conv2d(channels, 4 * channels, 3, padding=1)
        self.from_hidden = nn.Conv2d(channels, 4 * channels, 3, padding=1)
        self.from_memory = nn.Conv2d(channels, 3 * channels, 3, padding=1)

    def see(self, features: Tensor) -> Tensor:
        """Return gates (B, 4C, H, W) of visual features and the biases of all convolutions, the same at all steps."""
        hidden, memory = self.from_hidden.bias, self.from_memory.bias
        assert hidden is not None
        assert memory is not None
        biases = hidden + F.pad(memory, (0, len(hidden) - len(memory)))
        gates: Tensor = self.from_image(features)
        return gates + biases[:, None, None]

    def forward(self, image: Tensor, memory: Integrated, state: State | None) -> State:
        """Return the next state.

        Args:
            image: what `see` makes of the visual features (B, 4C, H, W).
            memory: spatial (B, n, HW) and semantic (B, n, C).
            state: that of the step before; None at the first.
        """
        gates = image.unsqueeze(1).expand(-1, memory.spatial.shape[1], -1, -1, -1)
        if state is not None:
            hidden = F.conv2d(state.hidden.flatten(0, 1), self.from_hidden.weight, padding=1)
            gates = gates + hidden.unflatten(0, gates.shape[:2])
        three, new_content = gates.split([self.from_memory.out_channels, self.from_memory.in_channels], dim=2)
        let_in, forget, show = self._with_memory(three, memory).sigmoid().chunk(3, dim=2)
        new_content = new_content.tanh()
        cell = let_in * new_content if state is None else torch.addcmul(let_in * new_content, forget, state.cell)
        return State(show * cell, cell)

    def _with_memory(self, gates: Tensor, memory: Integrated) -> Tensor:
        """Return gates (B, n, 3C, H, W) plus the convolutions of the memory, with kernels that its vector contracts."""
        weight = self.from_memory.weight
        kernels = (memory.semantic @ weight.permute(1, 0, 2, 3).flatten(1)).reshape(-1, len(weight), 9)
        windows = F.unfold(memory.spatial.reshape(-1, 1, *gates.shape[3:]), 3, padding=1)
        return torch.baddbmm(gates.flatten(0, 1).flatten(2), kernels, windows).view(gates.shape)
