"""The network as a file for other programs, which takes any number of clips."""

from __future__ import annotations

import pytest
import torch

from alt_action import ALT, ALTConfig
from visioncore.backbones.clip_transformer import CLIPViTConfig
from visioncore.testing.suites.export import ExportSuite


class TestExport(ExportSuite):
    package = "alt_action"
    given = "frames", (None, 2, 3, 16, 16)
    returned = (("video", (None, 16)),)
    taken = ((1, 2, 3, 16, 16), (3, 2, 3, 16, 16))
    refused = (1, 3, 3, 16, 16), "2"

    @pytest.fixture
    def to_export(self) -> ALT:
        """A network with merging, and entities that differ from frame to frame."""
        torch.manual_seed(0)
        tower = CLIPViTConfig(16, 2, 2, 4, 16, 16)
        return ALT(ALTConfig(tower, merged=3, frames=2, top=3, layers=1, heads=2, places=3, entities=5)).eval()
