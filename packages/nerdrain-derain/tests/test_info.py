"""What is told of a network: parameters and operations against the published figures."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from nerdrain_derain import VARIANTS, NeRDRain
from nerdrain_derain.method import METHOD
from nerdrain_derain.network.reference import as_reference
from visioncore.commands.description import measure
from visioncore.commands.info import as_text, capabilities
from visioncore.errors import InputError
from visioncore.testing.suites.base import tells

PUBLISHED = {"nerd-rain": 156.3e9, "nerd-rain-s": 79.3e9, "nerd-rain-mprnet": 154.7e9}
# three quarters of the pixel decoders' work; the product of attention and values, which the projection takes in
SAVED = {
    "nerd-rain": 0.75 * 20.3e9 + 4.2e9,
    "nerd-rain-s": 0.75 * 17.3e9 + 4.2e9 * (32 / 48) ** 2,
    "nerd-rain-mprnet": 0.75 * 20.3e9,
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_plain_path_does_the_published_work(variant: str) -> None:
    plain = as_reference(NeRDRain(VARIANTS[variant]).to("meta").eval())
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        plain(torch.empty(1, 3, 256, 256, device="meta"))
    assert counter.get_total_flops() / 2 == pytest.approx(PUBLISHED[variant], rel=0.02)


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_fast_path_does_less(variant: str) -> None:
    work = measure(METHOD, VARIANTS[variant]).multiply_accumulates
    assert work == pytest.approx(PUBLISHED[variant] - SAVED[variant], rel=0.04)
    assert measure(METHOD, VARIANTS[variant], 128).multiply_accumulates == pytest.approx(work / 4, rel=0.02)


def describe(weights: str | Path) -> str:
    return as_text(capabilities(METHOD, weights))


def test_a_variant_is_described() -> None:
    text = describe("nerd-rain")
    tells(text, "network     nerd-rain (dim 48, num_blocks (2, 3, 3)", "parameters  22.89 M", "arXiv 2404.01547")
    tells(text, "Apache-2.0", "github.com/cschenxiang/NeRD-Rain", "@inproceedings{")
    assert "read from" not in text


def test_weights_are_described(tiny_weights: Path, tmp_path: Path) -> None:
    text = describe(tiny_weights)
    assert "network     no published variant (dim 8," in text
    assert f"read from   {tiny_weights}" in text
    NeRDRain(VARIANTS["nerd-rain-s"]).save_file(tmp_path / "s.safetensors")
    assert "network     nerd-rain-s (dim 32," in describe(tmp_path / "s.safetensors")
    with pytest.raises(InputError, match="no such file or folder"):
        describe("nerd-rain-xl")
