"""What is told of a network: parameters and operations against the published figures, and which file it needs."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from hsam_medseg import HSAM, HSAMConfig
from hsam_medseg.method import METHOD
from hsam_medseg.network.config import named_config
from hsam_medseg.network.reference import as_reference
from hsam_medseg.network.unused_tensors import unused_shapes
from visioncore.commands.description import measure
from visioncore.commands.info import as_text, capabilities
from visioncore.commands.networks import network_of
from visioncore.errors import InputError
from visioncore.testing.suites.base import tells

DATA = Path(__file__).parent / "data"
PUBLISHED = {"vit_b-224": 36.1e9, "vit_b-512": 231.0e9, "vit_l-224": 124.0e9}
"""Operations of the authors' networks, two for a multiplication with addition."""
FAST = {"vit_b-224": 36.1e9, "vit_b-512": 199.2e9, "vit_l-224": 124.0e9}
"""At 512 pixels a seventh of it is spent on the padding of windows."""


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_reference_path_does_the_published_work(name: str) -> None:
    config = named_config(name)
    assert config is not None
    with torch.device("meta"):
        plain = as_reference(HSAM(config).eval().requires_grad_(False))
        image = torch.empty(1, 3, config.image_size, config.image_size)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        plain(image)
    assert counter.get_total_flops() == pytest.approx(PUBLISHED[name], rel=0.005)


@pytest.mark.parametrize("name", FAST)
def test_the_fast_path_does_not_more(name: str) -> None:
    config = named_config(name)
    assert config is not None
    assert 2 * measure(METHOD, config).multiply_accumulates == pytest.approx(FAST[name], rel=0.002)


@pytest.mark.parametrize(
    ("name", "classes", "total", "trained"),
    [
        ("vit_b-512", 8, 111_282_384, 24_003_536),
        ("vit_l-224", 8, 317_060_676, 12_827_204),
        ("vit_b-512", 1, 108_425_579, 21_146_731),
        ("vit_b-224", 8, 99_144_516, 12_520_004),
    ],
)
def test_parameters_and_what_has_no_effect_are_the_published_ones(
    name: str, classes: int, total: int, trained: int
) -> None:
    known = named_config(name)
    assert known is not None
    config = HSAMConfig(known.backbone, known.image_size, tuple(map(str, range(classes))))
    with torch.device("meta"):
        parameters = list(HSAM(config).parameters())
    unused = sum(math.prod(shape) for shape in unused_shapes(config).values())
    assert sum(p.numel() for p in parameters) + unused == total
    assert sum(p.numel() for p in parameters if p.requires_grad) + unused == trained


def describe(weights: str | Path = "vit_b-512") -> str:
    return as_text(capabilities(METHOD, weights))


def test_a_named_network_is_described() -> None:
    text = describe()
    tells(
        text,
        "network     vit_b at 512x512, low-rank additions of rank 5, decoder hierarchical, gate released",
        "right kidney, left kidney, gallbladder, liver, stomach, aorta, pancreas (8, background not counted)",
        "parameters  98.40 M, of which 11.12 M are trained\n",
        "published   the authors' layout holds 12.88 M more parameters that have no effect\n",
        "operations  99.58 G multiply-accumulates for images 1x3x512x512\n",
        *("arXiv 2403.18271", "Apache-2.0", "220_epoch_299.pth", "github.com/Cccccczh404/H-SAM", "@inproceedings{"),
        *("vit_l: sam_vit_l_0b3195.pth", "github.com/facebookresearch/segment-anything"),
    )
    assert "read from" not in text


def test_saved_weights_are_described(tiny_weights: Path) -> None:
    text = describe(tiny_weights)
    assert f"read from   {tiny_weights}" in text
    assert "network     vit_micro at 64x64, low-rank additions of rank 2" in text
    assert "classes     liver, spleen (2, background not counted)" in text
    assert "the authors' layout" not in text
    model = HSAM.from_pretrained(tiny_weights)
    total = sum(p.numel() for p in model.parameters()) / 1e6
    assert f"parameters  {total:.2f} M, of which " in text


def test_an_adapter_is_described_without_sams_file(tmp_path: Path) -> None:
    layout = json.loads((DATA / "manifest.json").read_text())["hsam_vit_b_512_c1"]
    torch.save({name: torch.zeros(1).expand(shape) for name, shape in layout.items()}, tmp_path / "adapter.pth")
    text = describe(tmp_path / "adapter.pth")
    assert "network     vit_b at 512x512, low-rank additions of rank 5" in text
    assert "classes     class 1 (1, background not counted)" in text
    assert "expects     window abdomen, orientation stored, slices resized to 224 first" in text
    assert f"read from   {tmp_path / 'adapter.pth'}" in text


def test_the_bundled_network_is_described() -> None:
    text = describe("demo")
    assert "network     vit_micro at 192x192" in text
    assert "operations  0.11 G multiply-accumulates" in text


def test_names_of_networks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_weights: Path) -> None:
    model = network_of(METHOD, "vit_micro-32")
    assert model.config.image_size == 32
    assert not model.training
    assert network_of(METHOD, tiny_weights).config.image_size == 64
    assert named_config("demo") is None
    with pytest.raises(InputError, match="image_size is 100"):
        named_config("vit_b-100")
    with pytest.raises(InputError, match="backbone is 'vit_x'"):
        named_config("vit_x-224")
    with pytest.raises(InputError, match="no such file or folder"):
        describe(tmp_path / "none")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "vit_micro-32").mkdir()
    assert network_of(METHOD, "vit_micro-32").config.image_size == 32
    HSAM.from_pretrained(tiny_weights).save_pretrained(tmp_path / "vit_micro-32")
    assert network_of(METHOD, "vit_micro-32").config.image_size == 64
