"""ChenLSTM-ISP as a whole: an image and who is looking -> a distribution for every step of the scanpath."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from visioncore.errors import InputError

from .actions import Actions
from .backbone import DilatedResNet
from .base import ISP
from .chen_head import ActionHead, Folded, Step
from .chen_integration import Integration
from .config import ChenLSTMConfig
from .conv_lstm import ConvLSTM
from .guided_attention import GuidedAttention
from .observers import ObserverEncoder
from .temporal_memory import TemporalMemory


class ChenLSTMISP(ISP):
    """The recurrent network: a dilated ResNet-50, a ConvLSTM, and at every step a map that feeds the next one.

    The recurrence is fed by the expected map, not by fixations that were drawn: one pass gives all steps.

    Args:
        config: the settings, or the name of a published variant such as ``chenlstm-osie``; default: that one.

    Example:
        >>> actions = ChenLSTMISP().eval()(torch.rand(1, 3, 240, 320), torch.tensor([[0, 5]]))
        >>> actions.logits.shape
        torch.Size([1, 2, 16, 1201])
    """

    config_class = ChenLSTMConfig
    config: ChenLSTMConfig

    def __init__(self, config: ChenLSTMConfig | str | None = None) -> None:
        super().__init__(config)
        c = self.config
        positions = c.grid[0] * c.grid[1]
        self.backbone = DilatedResNet(c.width, c.blocks)
        self.visual = nn.Conv2d(32 * c.width, c.channels, 3, padding=1)
        self.observers = ObserverEncoder(c.observers, c.observer_channels, c.observer_std)
        self.observer_attention = GuidedAttention(c.channels, c.observer_channels, c.hidden)
        self.integration = Integration(positions, c.channels, c.observer_channels, c.hidden)
        self.memory = TemporalMemory(c.grid, c.channels)
        self.lstm = ConvLSTM(c.channels)
        self.head = ActionHead(
            max(1, len(c.categories)), c.grid, c.channels, c.action_maps, c.observer_channels, c.hidden
        )
        self._initialise()

    @torch.no_grad()
    def _initialise(self) -> None:
        """Draw the weights as the authors do; the backbone keeps PyTorch's, until it is loaded."""
        kept = set(self.integration.spatial_observer.modules())
        for name, module in self.named_modules():
            if isinstance(module, nn.Linear) and module not in kept:
                nn.init.normal_(module.weight, std=0.01)
            elif not isinstance(module, nn.Conv2d) or name.startswith(("backbone", "memory")):
                continue
            else:
                gates = len(module.weight) // self.config.channels if name.startswith("lstm") else 1
                for gate in module.weight.chunk(gates):
                    nn.init.xavier_uniform_(gate, gain=math.sqrt(2))
            assert module.bias is not None
            nn.init.zeros_(module.bias)

    def forward(
        self, images: Tensor, observers: Tensor, guidance: Tensor | None = None, tasks: Tensor | None = None
    ) -> Actions:
        """Return the distributions of all steps.

        Args:
            images: (B, 3, H, W) of the configuration's size, normalised as `data.preparation` does it.
            observers: who looks at each image, (B, n): indices, -1 for the mean observer; or vectors (B, n, E).
            guidance: where the task leads the eye at first, (B, h, w) on the map's grid; default: nowhere.
            tasks: indices of each image's target category (B,), where the configuration has categories.

        Raises:
            InputError: if a shape is another, or categories are missing.
        """
        return self.look(self.encode(images), observers, guidance, tasks)

    def encode(self, images: Tensor) -> Tensor:
        """Return the visual features (B, C, h, w) of images, the same for all observers and tasks."""
        size = self.config.image_size
        if images.ndim != 4 or images.shape[1] != 3 or images.shape[2:] != size:
            raise InputError(f"images have shape {tuple(images.shape)}; it must be (B, 3, {size[0]}, {size[1]})")
        features: Tensor = self.visual(self.backbone(images)).relu()
        return features

    def look(
        self, features: Tensor, observers: Tensor, guidance: Tensor | None = None, tasks: Tensor | None = None
    ) -> Actions:
        """Return the distributions of all steps from what `encode` returned; further arguments as for `forward`."""
        return self.look_with(self._layers(tasks, len(features)), features, observers, guidance)

    def look_with(
        self, folded: list[Folded], features: Tensor, observers: Tensor, guidance: Tensor | None = None
    ) -> Actions:
        """Return the distributions of all steps by layers of a task, see `ActionHead.forward`; else as `look`."""
        batch, _, height, width = features.shape
        observer = self.observers(observers)
        if observer.ndim != 3 or len(observer) != batch:
            raise InputError(f"observers have shape {tuple(observers.shape)}; it must be ({batch}, n), n at each image")
        tokens = features.flatten(2).transpose(1, 2)
        attention = self.observer_attention(tokens.unsqueeze(1), observer)
        seen = self.integration.see(tokens, attention, observer)
        action_map = torch.zeros_like(attention)
        if guidance is not None:
            if guidance.shape != (batch, height, width):
                raise InputError(
                    f"guidance has shape {tuple(guidance.shape)}; it must be {(batch, height, width)}, one map an image"
                )
            action_map = action_map + guidance.flatten(1).unsqueeze(1)
        image_gates = self.lstm.see(features)
        memory = state = None
        steps: list[Step] = []
        for _ in range(self.config.steps):
            memory = self.memory.remember(memory, self.integration(seen, action_map))
            state = self.lstm(image_gates, self.memory(memory), state)
            steps.append(self.head(state.hidden, folded, tokens, observer))
            action_map = steps[-1].action_map.flatten(2)
        return Actions(*(torch.stack(values, dim=2) for values in zip(*steps, strict=True)))

    def _layers(self, tasks: Tensor | None, batch: int) -> list[Folded]:
        """Return the folded layers of each image's task, or one for all."""
        categories = self.config.categories
        if not categories:
            return [self.head.fold(0)]
        if tasks is None or tasks.shape != (batch,):
            raise InputError(
                f"tasks must be ({batch},), the index of each image's target among: {', '.join(categories)}"
            )
        # where operations are counted there are no numbers, and every task has as many
        wanted = [0] * batch if tasks.is_meta else [int(task) for task in tasks]
        if not all(0 <= task < len(categories) for task in wanted):
            raise InputError(f"tasks are {wanted}; each must lie from 0 to {len(categories) - 1}")
        folded = {task: self.head.fold(task) for task in set(wanted)}
        every = [folded[task] for task in wanted]
        return every[:1] if len(folded) == 1 else every
