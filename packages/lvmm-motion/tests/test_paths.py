"""The reference path, the network itself and the fast path compute the same, in double precision."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from golden_networks import SMALL

from lvmm_motion.network import fast_attention, fast_blocks
from lvmm_motion.network.base import LVMM
from lvmm_motion.network.config import Config, FlowAutoencoderConfig, FrameUNetConfig, MotionUNetConfig
from lvmm_motion.network.examples import fast_on_tensors, inputs, reference_on_tensors
from lvmm_motion.network.fast import for_inference
from lvmm_motion.network.fast_upsampling import UpsampledConvolution
from lvmm_motion.network.flow import Motion
from lvmm_motion.network.grids import identity_grid
from lvmm_motion.network.published import to_published
from lvmm_motion.network.reference import as_reference
from lvmm_motion.network.unet import guided
from visioncore.convolutions.winograd import Winograd3x3
from visioncore.testing.golden import filled_tensors
from visioncore.weights.state_dicts import load_into

CPU = torch.device("cpu")
MOTION = MotionUNetConfig(width=16, multiples=(1, 2), context=16)
FRAME = FrameUNetConfig(width=16, multiples=(1, 2), channels=64, outputs=32, context=32)


def made(config: Config) -> Any:
    """Return a network in which every tensor matters."""
    model = LVMM(config)
    own = to_published(model.config, model.state_dict()) if not isinstance(model, LVMM) else model.state_dict()
    kept = {name: tensor for name, tensor in own.items() if name.endswith(("down.weight", "num_batches_tracked"))}
    state = filled_tensors({name: tuple(tensor.shape) for name, tensor in own.items()})
    load_into(model.double(), {**state, **kept}, where="made up")
    return model.eval()


def close(found: Any, expected: Any) -> None:
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)


@pytest.fixture
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets narrow networks compute as wide ones do."""
    monkeypatch.setattr(fast_blocks, "WINOGRAD_CHANNELS", 16)
    # so that the last part of 64 pixels has fewer
    monkeypatch.setattr(fast_attention, "PIXELS", 48)


@torch.no_grad()
@pytest.mark.usefixtures("wide")
@pytest.mark.parametrize(
    "config",
    [
        SMALL,
        replace(SMALL, skips=False, background="perspective"),
        replace(SMALL, occlusion=False, background="shift"),
        replace(SMALL, align_corners=False, levels=3, background="zero"),
        replace(SMALL, levels=1, scale=1.0, covariance_heat=False, flip_axes=False),
        replace(SMALL, affine="regressed"),
    ],
)
def test_auto_encoder(config: FlowAutoencoderConfig) -> None:
    model = made(config)
    source, driving = torch.rand(2, 2, 3, 32, 48, generator=torch.Generator().manual_seed(0)).double()
    expected = reference_on_tensors(model)(source, driving)
    fast: Any = fast_on_tensors(model, CPU, torch.float64)
    kinds = {type(module) for module in fast.modules()}
    assert {Winograd3x3, UpsampledConvolution} <= kinds
    assert float(expected[0].std()) > 1e-3
    assert float((expected[1] - identity_grid(*expected[1].shape[1:3], like=source)).std()) > 1e-2
    close(fast(source, driving), expected)
    made_of = model(source, driving)
    close((made_of.rendered.prediction, made_of.motion.flow), expected[:2])
    refined = torch.randn_like(made_of.rendered.warped_features)
    rendered = [each.render(source, made_of.motion, refined) for each in (fast.network, model)]
    close(*rendered)


@torch.inference_mode()
@pytest.mark.usefixtures("wide")
def test_the_background_takes_no_memory_for_filters_before_it_is_asked_for() -> None:
    fast: Any = for_inference(made(SMALL), CPU, torch.float64)
    background, frame = fast.bg_predictor, torch.rand(1, 3, 32, 32, dtype=torch.float64)

    def filters() -> int:
        return sum(isinstance(module, Winograd3x3) for module in background.modules())

    fast.render(frame, Motion(identity_grid(16, 16, like=frame)[None], None))
    assert filters() == 0
    found = background(frame, frame.flip(3))
    assert filters() > 0
    close(background(frame, frame.flip(3)), found)


@torch.no_grad()
def test_frames_of_one_photo_are_those_of_many() -> None:
    """Features of one source serve all its frames; those far outside of it come from nowhere."""
    model = made(SMALL)
    fast: Any = for_inference(model, CPU, torch.float64)
    photo = torch.rand(1, 3, 32, 48).double()
    flow = 1.5 * torch.randn(5, 8, 12, 2).double()
    flow[0] *= 1e30
    motion = Motion(flow, torch.rand(5, 1, 8, 12).double())
    features = [each.expand(5, -1, -1, -1) for each in fast.generator.encode(photo)]
    found = fast.generator.decode(photo.expand(5, -1, -1, -1), features, motion)
    close(found, model.render(photo.expand(5, -1, -1, -1), motion))


@torch.no_grad()
@pytest.mark.usefixtures("wide")
@pytest.mark.parametrize("config", [MOTION, FRAME])
def test_denoisers(config: Config) -> None:
    model = made(config)
    given = tuple(inputs(config).values())
    given = tuple(each.double() if each.is_floating_point() else each for each in given)
    if isinstance(config, FrameUNetConfig):
        small = [each[..., :8, :8] if each.ndim == 4 else each for each in given]
        given = (*small[:2], small[2][:, :64], *small[3:])
    else:
        given = (given[0][:, :, :, :8, :8], *given[1:])
    given = tuple(torch.cat((each, each.flip(-1) if each.ndim > 1 else each // 2)) for each in given)
    expected = as_reference(model)(*given)
    fast = for_inference(model, CPU, torch.float64)
    assert any(isinstance(module, Winograd3x3) for module in fast.modules())
    close((model(*given), fast(*given)), (expected, expected))
    prepared: tuple[Any, ...] = (*given[:2], model.prepared(given[2]), *given[3:])
    for scale in (0, 1, 2.5):
        wanted = guided(as_reference(model), scale, *given)
        close((guided(model, scale, *prepared), guided(fast, scale, *prepared)), (wanted, wanted))


@torch.no_grad()
@pytest.mark.parametrize("config", [SMALL, FRAME])
def test_half_precision_is_near(config: Config) -> None:
    model = made(config).float()
    given = tuple(each[..., :32, :32] if each.ndim == 4 else each for each in inputs(config).values())
    given = tuple(each[:, :1024] if each.ndim == 3 else each for each in given)
    half = fast_on_tensors(model, CPU, torch.bfloat16)
    assert any(p.dtype == torch.bfloat16 for p in half.parameters())
    found, expected = half(*given)[0], fast_on_tensors(model, CPU, torch.float32)(*given)[0]
    assert found.dtype == torch.float32
    difference = (found - expected).abs().max() / expected.abs().max()
    assert 0 < float(difference) < 0.1
