"""The network as a module: shapes, modes, settings, gradients, saving. Its numbers are in test_parity.py."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from nerdrain_derain import VARIANTS, NeRDRain, NeRDRainConfig, Restored
from nerdrain_derain.network import strips
from nerdrain_derain.network.blocks import TransformerBlock
from nerdrain_derain.network.channel_attention import ChannelAttention
from nerdrain_derain.network.reference import as_reference
from visioncore.errors import InputError


def random_image(*shape: int) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def test_training_mode_returns_every_scale_and_evaluation_mode_the_image(tiny: NeRDRain) -> None:
    image = random_image(2, 3, 32, 48)
    restored = tiny.train()(image)
    assert isinstance(restored, Restored)
    shapes = {name: tuple(output.shape) for name, output in restored._asdict().items()}
    full, half, quarter = (2, 3, 32, 48), (2, 3, 16, 24), (2, 3, 8, 12)
    assert shapes == {
        "full": full, "half": half, "quarter": quarter, "first_half": half, "first_quarter": quarter
    }  # fmt: skip
    torch.testing.assert_close(tiny.eval()(image), restored.full)


@torch.no_grad()
def test_images_of_a_batch_do_not_see_each_other(tiny: NeRDRain) -> None:
    images = random_image(3, 3, 32, 32)
    torch.testing.assert_close(tiny(images)[1:2], tiny(images[1:2]), rtol=1e-4, atol=1e-6)


@torch.no_grad()
def test_memory_layout_of_the_input_does_not_matter(tiny: NeRDRain) -> None:
    image = random_image(1, 3, 32, 48)
    expected = tiny(image)
    for same in (
        image.contiguous(memory_format=torch.channels_last),
        image.transpose(2, 3).contiguous().transpose(2, 3),
        torch.cat([image, image], dim=3)[..., :48],
    ):
        torch.testing.assert_close(tiny(same), expected, rtol=1e-4, atol=1e-6)


@torch.no_grad()
def test_bfloat16_stays_near_float32(tiny: NeRDRain) -> None:
    image = random_image(1, 3, 32, 32)
    with torch.autocast("cpu", torch.bfloat16):
        lowered = tiny(image)
    assert lowered.isfinite().all()
    assert float((lowered.float() - tiny(image)).abs().max()) < 0.05


@pytest.mark.parametrize("shape", [(3, 32, 32), (1, 1, 32, 32), (1, 4, 32, 32), (1, 3, 40, 32), (1, 3, 32, 24)])
def test_shapes_that_do_not_fit_are_refused(tiny: NeRDRain, shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"H and W multiples of 16") as caught:
        tiny(torch.zeros(shape))
    assert str(shape) in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [{}, {"block": "cab"}, {"norm": "bias_free"}, {"inr": "quarter"}, {"inr": "none"}, {"fusion": "sum"},
     {"fusion": "none"}, {"num_blocks": (2, 1, 1), "heads": (2, 4, 8)}],
    ids=str,
)  # fmt: skip
def test_every_setting_trains_every_parameter(tiny: NeRDRain, changes: dict[str, Any]) -> None:
    torch.manual_seed(0)
    model = NeRDRain(replace(tiny.config, **changes)).train()
    restored = model(random_image(1, 3, 32, 32))
    sum(output.square().sum() for output in restored if output is not None).backward()
    untouched = [name for name, p in model.named_parameters() if p.requires_grad and p.grad is None]
    assert untouched == []
    frozen = [name for name, p in model.named_parameters() if not p.requires_grad]
    assert frozen == ["full_scale.decoder3.reduce1.weight"]
    assert (restored.first_half is None) == (changes.get("inr") in ("quarter", "none"))
    assert (restored.first_quarter is None) == (changes.get("inr") == "none")


@torch.no_grad()
def test_the_tensor_without_effect_has_none(tiny: NeRDRain) -> None:
    image = random_image(1, 3, 32, 32)
    before = tiny(image)
    tiny.full_scale.decoder3.reduce1.weight.fill_(1e3)
    assert torch.equal(tiny(image), before)


def test_recomputing_gives_the_same_gradients(tiny: NeRDRain) -> None:
    image = random_image(1, 3, 32, 32)
    gradients = []
    for enabled in (False, True):
        tiny.train().recompute(enabled).zero_grad()
        tiny(image).full.square().sum().backward()
        gradients.append({name: p.grad.clone() for name, p in tiny.named_parameters() if p.grad is not None})
    kept, computed_again = gradients
    assert kept.keys() == computed_again.keys()
    for name, gradient in kept.items():
        torch.testing.assert_close(computed_again[name], gradient, msg=name)


def test_the_cnn_variant_has_one_slope() -> None:
    model = NeRDRain(replace(VARIANTS["nerd-rain-mprnet"], dim=8, inr_hidden=16))
    slopes = {id(p) for name, p in model.named_parameters(remove_duplicate=False) if name.endswith("body.1.weight")}
    assert len(slopes) == 1


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"dim": 0}, "dim is 0; it must be a positive multiple of 4"),
        ({"dim": 6}, "multiple of 4"),
        ({"heads": (1, 5, 4)}, r"heads\[1\] is 5; it must divide the level's 96 channels"),
        ({"heads": (0, 2, 4)}, r"heads\[0\] is 0"),
        ({"num_blocks": (1, 0, 1)}, "at least one block"),
        ({"inr_hidden": 0}, "hidden layers need a width"),
        ({"ffn_expansion": 0.0}, "hidden layers need a width"),
        ({"block": "cnn"}, "block is 'cnn'; it must be transformer or cab"),
        ({"inr": "half"}, "inr is 'half'"),
    ],
)
def test_settings_that_make_no_network_are_refused(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        NeRDRainConfig(**changes)


@torch.no_grad()
def test_a_saved_network_comes_back(tiny: NeRDRain, tmp_path: Path) -> None:
    image = random_image(1, 3, 32, 32)
    tiny.save_pretrained(tmp_path / "folder")
    tiny.save_file(tmp_path / "one.safetensors")
    for source in (tmp_path / "folder", tmp_path / "one.safetensors"):
        back = NeRDRain.from_pretrained(source)
        assert back.config == tiny.config
        assert torch.equal(back(image), tiny(image))


def test_weights_of_another_network_are_refused_by_name(tiny: NeRDRain, tmp_path: Path) -> None:
    tiny.save_pretrained(tmp_path / "weights")
    config = tmp_path / "weights" / "config.json"
    config.write_text(config.read_text().replace('"inr_hidden": 16', '"inr_hidden": 12'))
    with pytest.raises(InputError, match=r"inr_quarter\.decode\.layers\.0\.weight is 16x92, not 12x92"):
        NeRDRain.from_pretrained(tmp_path / "weights")
    config.write_text(config.read_text().replace('"inr_hidden"', '"hidden"'))
    with pytest.raises(InputError, match="unknown field hidden"):
        NeRDRain.from_pretrained(tmp_path / "weights")


def test_black_image_gives_finite_gradients(tiny: NeRDRain) -> None:
    """Queries and keys of zeros have a norm of zero, where a root has no slope."""
    tiny.train().restore(torch.zeros(1, 3, 32, 32)).full.sum().backward()
    gradients = [p.grad for p in tiny.parameters() if p.grad is not None]
    assert gradients
    assert all(bool(gradient.isfinite().all()) for gradient in gradients)


@pytest.mark.parametrize("scale", [1e-13, 1e-12, 1e-11, 1e-9])
@torch.no_grad()
def test_nearly_black_maps_are_normalised_as_published(scale: float) -> None:
    """Norms below 1e-12 count as 1e-12, as in the reference path's own normalisation."""
    torch.manual_seed(0)
    attention = ChannelAttention(16, 2).double()
    x = scale * random_image(1, 16, 8, 8).double()
    expected = as_reference(attention)(x) / scale
    torch.testing.assert_close(attention(x) / scale, expected, rtol=1e-9, atol=1e-9)


def test_half_precision_attention_stays_in_range() -> None:
    torch.manual_seed(0)
    attention = ChannelAttention(16, 2).eval()
    x = 40 * torch.randn(1, 16, 64, 64)
    with torch.no_grad():
        exact = attention(x)
        with torch.autocast("cpu", torch.float16):
            half = attention(x)
    products = attention.qkv_local(attention.qkv(x)).square().sum(dim=(2, 3))
    assert float(products.max()) > torch.finfo(torch.float16).max
    assert float((half - exact).norm() / exact.norm()) < 0.02


def test_bfloat16_strips_lose_no_more_than_whole_maps(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    block = TransformerBlock(16, 2, 2.0).eval()
    x = torch.randn(1, 16, 512, 16).contiguous(memory_format=torch.channels_last)
    monkeypatch.setattr(strips, "BUDGET", 1)
    with torch.no_grad():
        exact = block.attention(block.norm1(x))
        with torch.autocast("cpu", torch.bfloat16):
            values, mixing = block.attention.in_strips(x, block.norm1)
    attended = (values.permute(0, 2, 3, 1) @ mixing).permute(0, 3, 1, 2)
    assert float((attended - exact).norm() / exact.norm()) < 0.02


def test_variant_by_name() -> None:
    assert NeRDRain("nerd-rain-s").config == VARIANTS["nerd-rain-s"]
    with pytest.raises(InputError, match="known are nerd-rain, nerd-rain-s, nerd-rain-mprnet"):
        NeRDRain("nerd-rain-xl")


def test_weights_in_half_precision(tiny: NeRDRain) -> None:
    image = torch.rand(1, 3, 32, 32)
    exact = tiny(image)
    with torch.no_grad():
        half = tiny.bfloat16()(image.bfloat16())
    assert half.dtype == torch.bfloat16
    assert float((half.float() - exact).abs().max()) < 0.1
