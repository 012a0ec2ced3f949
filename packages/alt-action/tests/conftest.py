"""What the tests share: a tiny network, the file of a tiny CLIP with a text tower, and drawn videos."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from alt_action import ALT, ALTConfig
from alt_action.data.people import PEOPLE_ACTIONS, drawn_person
from alt_action.network.fast_tower import FastTower
from visioncore.backbones.clip_transformer import CLIPText, CLIPTextConfig, CLIPViT, CLIPViTConfig
from visioncore.video import Frame, write_video

ACTIONS = PEOPLE_ACTIONS[:4]

UNITS = ("ball", "box", "ground", "sky", "hand", "wall")
TOWER = CLIPViTConfig(width=64, layers=2, heads=1, patch=8, image_size=32, embed_dim=32)


def tiny_config(**changes: Any) -> ALTConfig:
    """The settings of a network that takes no time, with six entities and four labels."""
    fields = {"merged": 3, "frames": 4, "top": 3, "layers": 1, "heads": 2, "entities": len(UNITS), "units": UNITS}
    return ALTConfig(**{"tower": TOWER, "labels": ACTIONS, **fields, **changes})


@pytest.fixture(scope="session")
def tiny_weights(saved: Callable[[Any], Path]) -> Path:
    """The folder of a tiny network, saved."""
    torch.manual_seed(0)
    return saved(ALT(tiny_config()))


@pytest.fixture(scope="session")
def tiny_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a tiny CLIP: a state dict with both towers, as the layout of OpenAI names them."""
    torch.manual_seed(1)
    text = CLIPText(CLIPTextConfig(width=64, layers=1, heads=1, embed_dim=32))
    for parameter in text.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    state = {f"visual.{name}": tensor for name, tensor in CLIPViT(TOWER).state_dict().items()}
    path = tmp_path_factory.mktemp("clip") / "tiny.pt"
    sizes = {"input_resolution": 32, "context_length": 77, "vocab_size": 49408}
    state |= {name: torch.tensor(size) for name, size in sizes.items()}
    torch.save(state | dict(text.state_dict()) | {"logit_scale": torch.tensor(4.6052)}, path)
    return path


@pytest.fixture(scope="session")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two drawn videos of each action, of 24 frames that are wider than high."""
    folder = tmp_path_factory.mktemp("videos")
    for place, action in enumerate(ACTIONS):
        for number in range(2):
            drawn = drawn_person(action, np.random.default_rng([place, number]), 24)
            wide = (Frame(np.pad(frame.pixels, ((0, 0), (16, 16), (0, 0)), "edge")) for frame in drawn)
            write_video(folder / action / f"{number:03d}.mp4", wide, Fraction(25))
    return folder


@pytest.fixture(scope="session")
def clip(videos: Path) -> Path:
    """A drawn video of 24 frames."""
    return videos / ACTIONS[0] / "000.mp4"


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Numbers of frames that the image tower is given."""
    given: list[int] = []
    forward = FastTower.forward

    def count(self: FastTower, frames: torch.Tensor) -> Any:
        given.append(len(frames))
        return forward(self, frames)

    monkeypatch.setattr(FastTower, "forward", count)
    return given
