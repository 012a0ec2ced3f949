"""What is told of a network: parameters and operations against the published figures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from clip_denoising import VARIANTS
from clip_denoising.method import METHOD
from visioncore.commands.description import measure
from visioncore.commands.info import as_text, capabilities
from visioncore.errors import InputError
from visioncore.testing.suites.base import tells


def test_operations_are_those_of_the_paper_less_the_unused_stage() -> None:
    config = VARIANTS["synthetic"]
    work = measure(METHOD, config).multiply_accumulates
    assert work == pytest.approx(20.83e9, rel=1e-3)
    assert measure(METHOD, config, 128).multiply_accumulates == pytest.approx(work / 4, rel=1e-6)
    assert measure(METHOD, replace(config, keep_layer4=True)).multiply_accumulates == work


def describe(weights: str | Path) -> str:
    return as_text(capabilities(METHOD, weights))


@pytest.mark.parametrize(
    ("variant", "told"),
    [
        ("synthetic", "Gaussian noise of sigma 15/255 on RGB photos"),
        ("srgb", "camera noise in sRGB photos"),
        ("ldct", "which is 80 HU"),
    ],
)
def test_a_variant_is_described(variant: str, told: str) -> None:
    text = describe(variant)
    assert f"network     {variant} (channels {1 if variant == 'ldct' else 3}, width 64, blocks (3, 4, 6, 3)" in text
    assert f"trained on  {VARIANTS[variant].noise}\n" in text
    assert told in text
    assert "parameters  19.55 M" in text
    tells(text, "arXiv 2403.15132", "Apache-2.0", "github.com/alwaysuu/CLIPDenoising", "@inproceedings{")
    assert "read from" not in text


def test_weights_are_described(tiny_weights: Path) -> None:
    text = describe(tiny_weights)
    assert "network     no published variant (channels 3, width 8," in text
    assert "trained on  not said" in text
    assert f"read from   {tiny_weights}" in text
    with pytest.raises(InputError, match="no such file or folder"):
        describe("synthetic-xl")
