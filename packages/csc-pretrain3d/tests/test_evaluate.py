"""The paper's protocols."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from csc_pretrain3d import CSC, Predictor
from csc_pretrain3d.evaluation.protocols import evaluate
from visioncore.errors import InputError
from visioncore.images import Image, read_image, write_image


def test_twice_the_light_undoes_half_of_it(pairs: Path) -> None:
    model = CSC()
    torch.nn.init.constant_(model.gain.log_gain, math.log(2))
    evaluation = evaluate(pairs, Predictor(model, "cpu"))
    means = evaluation.means()
    assert evaluation.made_by.endswith("torch.float32")
    assert means["psnr_rgb"] > 50 > 20 > means["psnr_rgb_dim"]
    assert means["psnr_y_A"] > 45 > 20 > means["psnr_y_A_dim"]


def test_a_network_that_does_nothing_gains_nothing(pairs: Path) -> None:
    means = evaluate(pairs, Predictor(CSC(), "cpu"), protocols=["rgb"]).means()
    assert means["psnr_rgb"] == means["psnr_rgb_dim"]


def test_results_of_any_tool(pairs: Path) -> None:
    assert evaluate(pairs, pairs / "target", protocols=["rgb"]).infinite == 2
    path = pairs / "target" / "a.png"
    write_image(path, Image(read_image(path).pixels[:60]))
    with pytest.raises(InputError, match=r"a\.png: .* differ in shape"):
        evaluate(pairs, pairs / "input")
