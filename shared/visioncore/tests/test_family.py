"""Several networks of one method behind one class."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from torch import nn

from visioncore.errors import InputError
from visioncore.weights.family import Family


@dataclass(frozen=True)
class WideConfig:
    width: int = 3


@dataclass(frozen=True)
class DeepConfig:
    depth: int = 2


VARIANTS = {"deeper": DeepConfig(depth=3)}


class Root(Family):
    variants = VARIANTS


class Wide(Root):
    config_class = WideConfig

    def __init__(self, config: WideConfig | str | None = None) -> None:
        super().__init__(config)
        self.weight = nn.Parameter(torch.arange(float(self.config.width)))


class Deep(Root):
    config_class = DeepConfig


class OtherPath(Wide):
    """A network with the settings of another, such as a reference path, takes not its place."""


def test_the_root_makes_the_network_of_a_configuration() -> None:
    assert type(Root(WideConfig())) is Wide
    assert type(Root("deeper")) is Deep
    assert Root("deeper").config.depth == 3
    assert type(OtherPath()) is OtherPath


def test_a_network_refuses_the_settings_of_another() -> None:
    with pytest.raises(InputError, match="the settings are of another network than Deep"):
        Deep(WideConfig())


def test_the_root_loads_whichever_network_was_saved(tmp_path: Path) -> None:
    Wide(WideConfig(width=5)).save_pretrained(tmp_path / "wide")
    loaded = Root.from_pretrained(tmp_path / "wide")
    assert type(loaded) is Wide
    assert loaded.weight.tolist() == [0, 1, 2, 3, 4]
    with pytest.raises(InputError, match="describes the model Wide, not Deep"):
        Deep.from_pretrained(tmp_path / "wide")
