"""The ConvLSTM of ChenLSTM: eleven 3x3 convolutions, of the image, of the hidden state and of the memory."""

from __future__ import annotations

from typing import NamedTuple

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

    def forward(self, image: Tensor, memory: Integrated, state: State | None) -> State:
        """Return the next state.

        Args:
            image: what `from_image` makes of the visual features (B, 4C, H, W).
            memory: spatial (B, n, HW) and semantic (B, n, C).
            state: that of the step before; None at the first.
        """
        batch, _, height, width = image.shape
        observers = memory.spatial.shape[1]
        bias = self.from_hidden.bias
        assert bias is not None
        gates = image.unsqueeze(1)
        if state is None:
            gates = gates + bias[:, None, None]
        else:
            gates = gates + self.from_hidden(state.hidden.flatten(0, 1)).unflatten(0, (batch, observers))
        new_content = gates[:, :, -image.shape[1] // 4 :].tanh()
        remembered = self._of_memory(memory, height, width)
        let_in, forget, show = (gates[:, :, : remembered.shape[2]] + remembered).sigmoid().chunk(3, dim=2)
        cell = let_in * new_content if state is None else forget * state.cell + let_in * new_content
        return State(show * cell, cell)

    def _of_memory(self, memory: Integrated, height: int, width: int) -> Tensor:
        """Return the convolutions of the memory (B, n, 3C, H, W), by kernels contracted with the semantic vector."""
        batch, observers, _ = memory.spatial.shape
        weight, bias = self.from_memory.weight, self.from_memory.bias
        assert bias is not None
        kernels = memory.semantic @ weight.permute(1, 0, 2, 3).flatten(1)
        windows = F.unfold(memory.spatial.reshape(-1, 1, height, width), 3, padding=1)
        out = kernels.reshape(-1, len(weight), 9) @ windows + bias[:, None]
        return out.reshape(batch, observers, len(weight), height, width)
