"""Where weights come from: what is bundled, what lies here, and the authors' files."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Self

import pytest
import torch
from torch import nn

from visioncore.errors import InputError
from visioncore.methods import Method, Network
from visioncore.weights.loading import bundled_model, load_model
from visioncore.weights.places import bundled_names
from visioncore.weights.pretrained import Pretrained


@dataclass(frozen=True)
class Config:
    width: int = 2


class Model(Pretrained):
    """A network whose authors' files are of width 7, or what is asked for."""

    config_class = Config

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.layer = nn.Linear(config.width, 1)

    @classmethod
    def from_published(cls, path: Path, width: int = 7) -> Self:
        assert path.is_file()
        return cls(Config(width)).eval()


@pytest.fixture
def method(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Method:
    """A method whose package bundles a network of width 3; the working directory is another one."""
    parts = ModuleType("bundling.network")
    vars(parts).update(Model=Model)
    monkeypatch.setitem(sys.modules, "bundling.network", parts)
    module = ModuleType("bundling")
    module.__path__ = [str(tmp_path / "bundling")]
    module.__file__ = str(tmp_path / "bundling" / "__init__.py")
    (tmp_path / "bundling").mkdir()
    (tmp_path / "bundling" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "bundling", raising=False)
    Model(Config(3)).save_pretrained(tmp_path / "bundling" / "assets" / "demo")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    network = Network("network:Model", "network:Model", ("a",), "network:Model", ("b",))
    text: dict[str, Any] = dict.fromkeys(
        ("title", "task", "paper", "authors", "venue", "arxiv", "citation", "licence", "weights"), ""
    )
    return Method(
        **text, name="bundling-method", module="bundling", demo="", network=network, demo_data="three made-up numbers"
    )


def width(method: Method, weights: str | Path, **options: int) -> int:
    model = load_model(method, weights, **options)
    assert not model.training
    found: int = model.config.width
    return found


def test_demo_is_what_is_bundled_unless_weights_of_that_name_lie_here(method: Method) -> None:
    assert width(method, "demo") == 3
    Path("demo").mkdir()
    assert width(method, "demo") == 3
    Model(Config(4)).save_pretrained("demo")
    assert width(method, "demo") == 4
    assert bundled_model(method).config.width == 3


def test_a_method_may_bundle_more(method: Method, tmp_path: Path) -> None:
    assert bundled_names(method) == ["demo"]
    assets = tmp_path / "bundling" / "assets"
    Model(Config(6)).save_pretrained(assets / "demo-wide")
    Model(Config(5)).save_pretrained(assets / "real")
    (assets / "samples").mkdir()
    assert bundled_names(method) == ["demo", "demo-wide", "real"]
    for name, wide in (("demo", 3), ("demo-wide", 6), ("real", 5)):
        assert width(method, name) == bundled_model(method, name).config.width == wide
    assert "trained on three made-up numbers alone" in load_model(method, "demo-wide").notice
    assert load_model(method, "real").notice == ""
    Model(Config(4)).save_pretrained("real")
    assert width(method, "real") == 4
    for unknown in ("demo-narrow", "samples"):
        with pytest.raises(InputError, match="no such file or folder"):
            load_model(method, unknown)


def test_only_demo_has_a_notice(method: Method) -> None:
    Model(Config(4)).save_pretrained("saved")
    notice = load_model(method, "demo").notice
    assert "trained on three made-up numbers alone" in notice
    assert "'bundling-method info'" in notice
    assert bundled_model(method).notice == load_model(method, "saved").notice == ""


def test_whatever_holds_weights_is_read(method: Method) -> None:
    Model(Config(4)).save_pretrained("saved")
    Model(Config(5)).save_file("one.safetensors")
    assert width(method, "saved") == width(method, Path("saved/model.safetensors")) == 4
    assert width(method, "one.safetensors") == 5
    torch.save({}, "authors.pth")
    Path("saved/model.safetensors").rename("bare.safetensors")
    assert width(method, "authors.pth") == width(method, "bare.safetensors") == 7
    assert width(method, "authors.pth", width=8) == 8
    with pytest.raises(InputError, match="no such file or folder"):
        load_model(method, "none")
