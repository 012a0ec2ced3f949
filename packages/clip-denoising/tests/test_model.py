"""The network as a module: shapes, modes, gradients, augmentation, saving, what is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from clip_denoising import VARIANTS, CLIPDenoiser, CLIPDenoiserConfig
from clip_denoising.network.feature_augmentation import augment
from clip_denoising.network.weights import load_model
from visioncore.configs import published_variant
from visioncore.errors import InputError

TINY = CLIPDenoiserConfig(width=8, blocks=(1, 1, 1, 1))


def make(**changes: Any) -> CLIPDenoiser:
    torch.manual_seed(0)
    return CLIPDenoiser(replace(TINY, **changes))


def running(model: CLIPDenoiser) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in model.named_buffers()}


def test_shapes_of_features_and_output() -> None:
    model, noisy = make(width=16).eval(), torch.rand(2, 3, 64, 96)
    features = model.features(noisy)
    assert torch.equal(features[0], noisy)
    assert [tuple(feature.shape[1:]) for feature in features] == [
        *((3, 64, 96), (16, 32, 48), (64, 16, 24), (128, 8, 12), (256, 4, 6)),
    ]
    assert model(noisy).shape == noisy.shape
    ct = make(channels=1).eval()
    assert ct.features(noisy[:, :1])[0].shape == (2, 3, 64, 96)
    assert ct(noisy[:, :1]).shape == (2, 1, 64, 96)


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (17, 33), (32, 64), (45, 70)])
@torch.no_grad()
def test_denoise_takes_any_size(tiny: CLIPDenoiser, size: tuple[int, int]) -> None:
    noisy = torch.rand(2, 3, *size)
    denoised = tiny.denoise(noisy)
    assert denoised.shape == noisy.shape
    assert denoised.isfinite().all()
    if size == (32, 64):
        assert torch.equal(denoised, tiny(noisy))


@torch.no_grad()
def test_padding_is_mirrored_without_the_edge(tiny: CLIPDenoiser) -> None:
    noisy = torch.rand(1, 3, 30, 29)
    padded = torch.cat([noisy, noisy[:, :, [28, 27]]], dim=2)
    padded = torch.cat([padded, padded[..., [27, 26, 25]]], dim=3)
    assert torch.equal(tiny.denoise(noisy), tiny(padded)[..., :30, :29])


@pytest.mark.parametrize("shape", [(3, 32, 32), (1, 1, 32, 32), (1, 4, 32, 32), (1, 3, 33, 32), (1, 3, 32, 16)])
def test_images_that_will_not_do(tiny: CLIPDenoiser, shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"they must be \(B, 3, H, W\) with H and W multiples of 32"):
        tiny(torch.rand(shape))


# training


def test_only_the_decoder_is_trained() -> None:
    model = make(channels=1).train()
    model(torch.rand(2, 1, 32, 32)).sum().backward()
    trained = {name.split(".")[0] for name, p in model.named_parameters() if p.requires_grad}
    assert trained == {"adapter", "decoder"}
    assert all((p.grad is not None) == p.requires_grad for p in model.parameters())
    assert model.adapter is not None
    assert model.adapter.weight.grad is not None
    assert model.adapter.weight.grad.abs().min() > 0  # through the encoder


def test_photos_leave_nothing_of_the_encoder_for_the_way_back() -> None:
    model = make().train()
    assert not any(feature.requires_grad for feature in model.features(torch.rand(2, 3, 32, 32)))


def test_the_encoder_is_trained_where_the_settings_say_so() -> None:
    model = make(train_encoder=True).train()
    model(torch.rand(2, 3, 64, 64)).sum().backward()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in model.encoder.parameters())


def test_batch_statistics_are_used_and_kept() -> None:
    model, noisy = make(aug_level=0.0), torch.rand(4, 3, 64, 64) + 1
    before = running(model)
    with torch.no_grad():
        in_training = model.train()(noisy)
        assert not torch.allclose(in_training, make(aug_level=0.0).eval()(noisy))
    after = running(model)
    assert all(not torch.equal(after[name], before[name]) for name in before)
    model.eval()(noisy)
    assert all(torch.equal(value, after[name]) for name, value in running(model).items())


def test_frozen_statistics() -> None:
    model, noisy = make(encoder_bn="frozen", aug_level=0.0), torch.rand(1, 3, 32, 32)
    before = running(model)
    assert torch.equal(model.train()(noisy), model.eval()(noisy))
    assert model.train().decoder.training
    assert not any(module.training for module in model.encoder.modules())
    assert all(torch.equal(value, before[name]) for name, value in running(model).items())


def test_the_unused_stage_follows_the_data_and_changes_nothing() -> None:
    kept, without, noisy = make(keep_layer4=True), make(), torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        for name, value in without.state_dict().items():
            kept.state_dict()[name].copy_(value)
        before = running(kept)
        assert torch.equal(kept.eval()(noisy), without.eval()(noisy))
        assert all(torch.equal(value, before[name]) for name, value in running(kept).items())
        kept.train()(noisy)
    after = running(kept)
    counters = {name: int(value) for name, value in after.items() if name.endswith("layer4.0.bn1.num_batches_tracked")}
    assert set(counters.values()) == {1}
    assert not torch.equal(after["encoder.layer4.0.bn1.running_mean"], before["encoder.layer4.0.bn1.running_mean"])


# feature augmentation


def test_factors_have_mean_one_and_grow_with_depth() -> None:
    torch.manual_seed(0)
    features = [torch.full((2, 8, 100, 100), 3.0) for _ in range(5)]
    augmented = augment(features, 0.05)
    assert augmented[0] is features[0]
    for depth, feature in enumerate(augmented[1:], start=1):
        factors = feature / 3
        assert float(factors.mean()) == pytest.approx(1, abs=2e-3)
        assert float(factors.std()) == pytest.approx(0.05 * depth, rel=0.02)
        # one for every element of every image
        assert factors.flatten()[:1000].unique().numel() > 900
        assert not torch.equal(feature[0], feature[1])
    assert all(torch.equal(feature, torch.full_like(feature, 3.0)) for feature in features)


def test_factors_are_drawn_from_fine_to_coarse() -> None:
    torch.manual_seed(0)
    drawn = [1 + 0.1 * depth * torch.randn(1, 2, 4, 4) for depth in (1, 2)]
    torch.manual_seed(0)
    augmented = augment([torch.ones(1, 3, 8, 8), *(torch.ones(1, 2, 4, 4) for _ in drawn)], 0.1)
    for feature, factors in zip(augmented[1:], drawn, strict=True):
        torch.testing.assert_close(feature, factors)


def test_features_are_augmented_in_training_alone() -> None:
    model, noisy = make(aug_level=0.5, encoder_bn="frozen"), torch.rand(2, 3, 32, 32)
    assert not torch.equal(model.train()(noisy), model(noisy))
    assert torch.equal(model.eval()(noisy), model(noisy))


def test_the_gradient_passes_through_the_factors() -> None:
    feature = torch.ones(1, 2, 4, 4, requires_grad=True)
    torch.manual_seed(0)
    (augmented,) = augment([torch.ones(1), feature], 0.1)[1:]
    augmented.sum().backward()
    assert feature.grad is not None
    torch.testing.assert_close(feature.grad, augmented.detach())


# settings and saving


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"channels": 2}, "channels is 2; it must be 1 or 3"),
        ({"width": 7}, "width is 7; it must be a positive even number"),
        ({"width": 0}, "width is 0"),
        ({"blocks": (1, 1, 1)}, "blocks are (1, 1, 1); they must be four numbers"),
        ({"blocks": (1, 1, 0, 1)}, "each at least 1"),
        ({"aug_level": -0.1}, "aug_level is -0.1; it must be at least 0"),
        ({"aug_level": float("nan")}, "aug_level is nan"),
        ({"encoder_bn": "none"}, "encoder_bn is 'none'; it must be batch or frozen"),
    ],
)
def test_settings_that_will_not_do(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError) as caught:
        CLIPDenoiserConfig(**changes)
    assert told in str(caught.value)


def test_variants() -> None:
    assert VARIANTS["srgb"].aug_level == 0.05
    assert [config.channels for config in VARIANTS.values()] == [3, 3, 1]
    assert len({config.noise for config in VARIANTS.values()}) == 3
    with pytest.raises(InputError, match="realnoise: no published variant; known are synthetic, srgb, ldct"):
        published_variant(VARIANTS, "realnoise")


@pytest.mark.parametrize("changes", [{}, {"channels": 1, "noise": "of a scanner"}, {"keep_layer4": True}])
def test_saved_and_loaded(tmp_path: Path, changes: dict[str, Any]) -> None:
    model = make(**changes).eval()
    model.save_pretrained(tmp_path / "model")
    back = CLIPDenoiser.from_pretrained(tmp_path / "model")
    assert back.config == model.config
    noisy = torch.rand(1, model.config.channels, 32, 32)
    assert torch.equal(back(noisy), model(noisy))
    model.save_file(tmp_path / "model.safetensors")
    assert torch.equal(load_model(tmp_path / "model.safetensors")(noisy), model(noisy))
    assert torch.equal(load_model(tmp_path / "model" / "model.safetensors")(noisy), model(noisy))


def test_every_published_tower_fits_the_decoder() -> None:
    with torch.device("meta"):
        model = CLIPDenoiser(CLIPDenoiserConfig(width=80, blocks=(4, 6, 10, 6)))
        features = [torch.rand(1, c, 64 >> i, 64 >> i) for i, c in enumerate((3, 80, 320, 640, 1280))]
        assert model.decoder(features).shape == (1, 3, 64, 64)
    convolutions = [m for m in model.modules() if isinstance(m, nn.Conv2d)]
    assert not any(convolution.bias is not None for convolution in convolutions)


def test_it_can_be_exported_and_copied(tiny: CLIPDenoiser, make_photo: Callable[..., Any]) -> None:
    program = torch.export.export(tiny, (torch.rand(1, 3, 32, 64),))
    noisy = torch.from_numpy(make_photo(32, 64)).permute(2, 0, 1)[None] / 255
    torch.testing.assert_close(program.module()(noisy), tiny(noisy))
