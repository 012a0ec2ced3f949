"""Losses of the auto-encoder, where their values are known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import Tensor, nn

from lvmm_motion.network.autoencoder import Reconstruction
from lvmm_motion.network.blocks import BlurDownsample
from lvmm_motion.network.flow import Motion
from lvmm_motion.network.losses import AutoencoderLosses, PerceptualLoss, autoencoder_losses
from lvmm_motion.network.perceptual import VGG19, Pixels, read_vgg
from lvmm_motion.network.regions import Regions, square_root
from lvmm_motion.network.renderer import Rendered
from lvmm_motion.network.thin_plate import ThinPlate
from visioncore.errors import InputError
from visioncore.testing.processes import load_script

TINY: ModuleType = load_script(Path(__file__).with_name("tiny_runs.py"))


def test_pixels_are_compared_at_four_sizes() -> None:
    made, real = torch.rand(2, 2, 3, 32, 32, dtype=torch.float64)
    loss = PerceptualLoss(Pixels()).double()
    difference = made - real
    sizes = [difference, *(BlurDownsample(3, scale)(difference) for scale in (0.5, 0.25, 0.125))]
    assert [size.shape[-1] for size in sizes] == [32, 16, 8, 4]
    torch.testing.assert_close(loss(made, real), 10 * sum(size.abs().mean() for size in sizes))
    assert loss(real, real) == 0


def test_features_are_compared_after_five_layers() -> None:
    class Levels(nn.Module):
        def forward(self, images: Tensor) -> list[Tensor]:
            return [images, 2 * images]

    made, real = torch.rand(2, 1, 3, 16, 16)
    loss = PerceptualLoss(Levels())  # type: ignore[arg-type]
    torch.testing.assert_close(loss(made, real), 3 * PerceptualLoss(Pixels())(made, real))


def test_gradients_reach_what_is_made_alone() -> None:
    made, real = (torch.rand(1, 3, 128, 128, requires_grad=True) for _ in range(2))
    loss = PerceptualLoss(VGG19())
    loss(made, real).backward()
    assert made.grad is not None
    assert float(made.grad.abs().sum()) > 0
    assert real.grad is None
    assert all(parameter.grad is None for parameter in loss.parameters())


def test_weights_of_vgg(tmp_path: Path) -> None:
    vgg = VGG19()
    state = vgg.state_dict() | {"classifier.0.weight": torch.zeros(2, 2), "features.34.weight": torch.zeros(1)}
    torch.save(state, tmp_path / "vgg19.pth")
    found = read_vgg(tmp_path / "vgg19.pth")
    assert all(torch.equal(value, vgg.state_dict()[name]) for name, value in found.state_dict().items())
    torch.save({"layer.weight": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(InputError, match="other"):
        read_vgg(tmp_path / "other.pth")


@pytest.fixture
def losses() -> Callable[..., AutoencoderLosses]:
    """The losses where regions of deformed frames are consistent, but for what is done to them."""
    torch.manual_seed(0)
    frames = torch.rand(2, 3, 16, 16, dtype=torch.float64)
    plate = ThinPlate.drawn(2, frames)
    shift = torch.rand(2, 5, 2, dtype=torch.float64) - 0.5
    spread = torch.randn(2, 5, 2, 2, dtype=torch.float64)
    whole = square_root(spread @ spread.mT + 0.1 * torch.eye(2, dtype=torch.float64))

    def measure(change: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]) -> AutoencoderLosses:
        deformed, affine = change(shift, whole)
        driving = Regions(plate.points(shift), spread, plate.jacobian(shift) @ whole, spread)
        made = Reconstruction(Rendered(frames, frames, frames), Motion(frames, None), driving, driving)
        asked: list[Tensor] = []

        def regions(given: Tensor) -> Regions:
            asked.append(given)
            return Regions(deformed, spread, affine, spread)

        found = autoencoder_losses(PerceptualLoss(Pixels()).double(), regions, frames, made, plate)  # type: ignore[arg-type]
        assert torch.equal(asked[0], plate.frames(frames))
        return found

    return measure


def test_consistent_regions_cost_nothing(losses: Callable[..., AutoencoderLosses]) -> None:
    found = losses(lambda shift, affine: (shift, affine))
    assert [round(float(term), 12) for term in found] == [0, 0, 0]


def test_axes_may_point_either_way(losses: Callable[..., AutoencoderLosses]) -> None:
    assert float(losses(lambda shift, affine: (shift, -affine)).affine) == pytest.approx(0, abs=1e-12)


def test_regions_of_another_size_cost(losses: Callable[..., AutoencoderLosses]) -> None:
    # V is twice the identity: of its four numbers two are off by 1
    assert float(losses(lambda shift, affine: (shift, 2 * affine)).affine) == pytest.approx(10 * 0.5)


def test_regions_elsewhere_cost(losses: Callable[..., AutoencoderLosses]) -> None:
    found = losses(lambda shift, affine: (shift + 1e-5, affine))
    # nearly an identity, so that regions are as far off after it
    assert float(found.shift) == pytest.approx(10 * 1e-5, rel=0.2)


def test_deformations_are_as_small_as_published() -> None:
    plate = ThinPlate.drawn(20_000, torch.zeros(1, dtype=torch.float64), torch.Generator().manual_seed(0))
    torch.testing.assert_close(plate.affine.mean(dim=0), torch.eye(2, 3).double(), atol=2e-3, rtol=0)
    torch.testing.assert_close(plate.affine.std(dim=0), torch.full((2, 3), 0.05).double(), atol=2e-3, rtol=0)
    assert float(plate.bend.std()) == pytest.approx(0.005, rel=0.02)


def test_places_keep_their_digits_in_bfloat16() -> None:
    torch.manual_seed(0)
    network = TINY.autoencoder()
    source = torch.rand(2, 3, 64, 64)
    driving = source.roll(2, dims=-1)
    plate = ThinPlate.drawn(2, driving)
    with torch.no_grad():
        made = network(source, driving)
        with torch.autocast("cpu", torch.bfloat16):
            rough = network(source, driving)
            losses = autoencoder_losses(PerceptualLoss(Pixels()), network.region_predictor, driving, rough, plate)
            background = network.bg_predictor(source, driving)
    for name in ("shift", "covar", "affine"):
        assert getattr(rough.driving, name).dtype == torch.float32
    assert not torch.equal(background, background.bfloat16().float())
    assert (rough.motion.flow - made.motion.flow).abs().max() < 0.006
    assert rough.motion.flow.dtype == losses.shift.dtype == losses.affine.dtype == torch.float32
