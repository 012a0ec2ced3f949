"""What the method is compared with, on a tiny base: what each keeps, and that all begin with the same noise."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from anyscene_compose import Canvas, Injector
from anyscene_compose.evaluation.areas import opaque
from anyscene_compose.evaluation.baselines import Asked, EdgePasting, Inpainting, Pasting, load_control
from anyscene_compose.evaluation.cutouts import foreground_of, pasted
from anyscene_compose.evaluation.plan import Sampling
from visioncore.diffusion.base import load_base
from visioncore.diffusion.latents import noise_of
from visioncore.diffusion.samplers import make_scheduler
from visioncore.errors import InputError
from visioncore.testing.photos import photo
from visioncore.testing.tiny_base import tiny_base

HOW = Sampling(steps=2, guidance=3.0, size=(64, 64), sampler="ddim")


@pytest.fixture(scope="module")
def pipe(base: Path) -> Any:
    return load_base(base)


@pytest.fixture
def asked() -> Asked:
    """A drawing with a soft edge in the middle."""
    cutout = np.dstack([photo(24, 24, seed=2), np.full((24, 24), 255, np.uint8)])
    cutout[:, -2:, 3] = 90
    canvas = Canvas(64, 64).place(cutout, box=(20, 24, 44, 48), name="cat")
    return Asked(canvas, "a cat with a tree", "a tree")


def test_pasting(pipe: Any, asked: Asked) -> None:
    made = Pasting(pipe, batch=2)(asked, [3, 4, 5], HOW)
    foreground = foreground_of(asked.canvas)
    assert len(made) == 3
    for image in made:
        assert (image[opaque(foreground)] == foreground[..., :3][opaque(foreground)]).all()
    # around it is what the base itself makes of the scene, from the seed's noise
    plain = copy.copy(pipe)
    plain.scheduler = make_scheduler("ddim", pipe.scheduler)
    noise = noise_of([4], (4, 8, 8), torch.device("cpu"), torch.float32)
    scene = plain(
        "a tree", negative_prompt="", num_inference_steps=2, guidance_scale=3.0, latents=noise, output_type="np"
    ).images[0]
    expected = pasted(foreground, (scene * 255).round().astype(np.uint8))
    np.testing.assert_allclose(made[1].astype(int), expected.astype(int), atol=1)
    assert type(pipe.scheduler).__name__ == "DDIMScheduler"


def test_pasting_mixes_by_alpha() -> None:
    foreground, scene = np.zeros((1, 3, 4), np.uint8), np.full((1, 3, 3), 100, np.uint8)
    foreground[0, :] = [(200, 0, 50, 255), (200, 0, 50, 51), (7, 7, 7, 0)]
    assert pasted(foreground, scene).tolist() == [[[200, 0, 50], [120, 80, 90], [100, 100, 100]]]


def test_inpainting_by_the_base(pipe: Any, asked: Asked) -> None:
    maker = Inpainting(pipe)
    first, other = maker(asked, [0, 1], HOW)
    alone = Inpainting(pipe, batch=2)(asked, [1], HOW)[0]
    np.testing.assert_allclose(alone.astype(int), other.astype(int), atol=1)
    mask = opaque(foreground_of(asked.canvas))
    # the mask keeps its latents, up to what this decoder mixes in from everywhere
    inner = np.zeros_like(mask)
    inner[32:40, 28:36] = True
    inside, outside = (np.abs(first.astype(int) - other)[where].mean() for where in (inner, ~mask))
    assert inside < 0.8 * outside
    assert maker.recorded() == Inpainting(pipe).recorded()


def test_inpainting_models(pipe: Any, asked: Asked, tmp_path: Path, base: Path) -> None:
    from diffusers import UNet2DConditionModel

    other = copy.copy(pipe)
    torch.manual_seed(0)
    config = {**pipe.unet.config, "in_channels": 9}
    wide: Any = UNet2DConditionModel.from_config(config).eval()
    other = type(pipe)(**{**pipe.components, "unet": wide}, requires_safety_checker=False)
    other.save_pretrained(tmp_path / "inpainting")
    maker = Inpainting(pipe, tmp_path / "inpainting")
    first, second = maker(asked, [0], HOW)[0], Inpainting(pipe)(asked, [0], HOW)[0]
    assert (first != second).any()
    assert maker.recorded() != Inpainting(pipe).recorded()
    with pytest.raises(InputError, match="its U-Net takes 4 channels; one for inpainting takes 9"):
        Inpainting(pipe, base)


def test_edges_are_followed_and_the_cutout_pasted(
    pipe: Any, asked: Asked, saved: Callable[[Any], Path], tmp_path: Path
) -> None:
    rival = Injector.for_base(pipe, form="canny", encoder="patches")
    foreground = foreground_of(asked.canvas)
    # as long as it has learnt nothing, the base makes what it makes of the prompt
    untrained = EdgePasting(pipe, saved(rival))(asked, [2], HOW)[0]
    named = Pasting(pipe)(Asked(asked.canvas, asked.prompt, asked.prompt), [2], HOW)[0]
    np.testing.assert_allclose(untrained.astype(int), named.astype(int), atol=1)
    with torch.no_grad():
        for name, parameter in rival.control.named_parameters():
            if name.startswith(("controlnet_down_blocks", "controlnet_mid_block")):
                parameter.add_(0.5 * torch.randn_like(parameter))
    trained = EdgePasting(pipe, rival.control)(asked, [2], HOW)[0]
    assert (trained != untrained).any()
    assert (trained[opaque(foreground)] == foreground[..., :3][opaque(foreground)]).all()
    # a folder of diffusers gives the same
    rival.control.save_pretrained(tmp_path / "controlnet")
    again = EdgePasting(pipe, tmp_path / "controlnet")(asked, [2], HOW)[0]
    np.testing.assert_array_equal(again, trained)


def test_other_weights_are_no_edge_control(tiny_weights: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="weights of the form anyscene; for edge control they must be of canny"):
        load_control(tiny_weights)
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "diffusion_pytorch_model.safetensors").write_bytes(b"no")
    with pytest.raises(InputError, match="the ControlNet is incomplete or damaged"):
        load_control(tmp_path)


@pytest.mark.parametrize("kind", ["sd2", "sdxl"])
def test_other_generations(kind: Any, asked: Asked, tmp_path: Path) -> None:
    pipe = load_base(tiny_base(tmp_path / kind, kind=kind))
    rival = Injector.for_base(pipe, form="canny", encoder="patches")
    for maker in (Pasting(pipe), Inpainting(pipe), EdgePasting(pipe, rival.control)):
        (image,) = maker(asked, [1], HOW)
        assert image.shape == (64, 64, 3)
        assert image.std() > 1
