"""Metrics, held to golden cases and to what they are by definition; baselines; feature networks; motion drawn."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lvmm_motion.data.synthetic import Swinging, make_clips
from lvmm_motion.evaluation.baselines import farneback, flows_between, optical_flow, still
from lvmm_motion.evaluation.feature_networks import (
    image_features,
    load_network,
    perceptual_distance,
    video_features,
)
from lvmm_motion.evaluation.metrics import (
    end_point_error,
    frechet_distance,
    l1,
    temporal_difference,
    warp_by_pixels,
)
from lvmm_motion.evaluation.protocols import to_frames
from lvmm_motion.inference.drawing import flow_image, time_slice
from lvmm_motion.network.grids import identity_grid
from visioncore.errors import InputError
from visioncore.metrics.image import psnr

Load = Callable[..., Any]


def test_golden_case(case: Load) -> None:
    golden, inputs = case("metrics")
    a, b = inputs["a"], inputs["b"]
    values = psnr(a, b, "colour")
    golden.close("l1", l1(a, b).mean())
    golden.close("psnr_per_item", values)
    golden.close("psnr", values.mean())
    distance = frechet_distance(inputs["features_a"].numpy(), inputs["features_b"].numpy())
    golden.close("frechet", np.array(distance))


# Fréchet distance


def normal(count: int, width: int, seed: int) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(count, width)) @ rng.normal(size=(width, width)) + rng.normal(size=width)


def test_frechet_distance_by_definition() -> None:
    """Against the matrix root by eigenvalues of the product, of more and of fewer samples than features."""
    for counts in ((60, 50), (5, 7), (60, 3)):
        a, b = normal(counts[0], 8, 1), normal(counts[1], 8, 2)
        product = np.cov(a.T) @ np.cov(b.T)
        root = np.sqrt(np.linalg.eigvals(product).astype(complex)).real.sum()
        expected = np.square(a.mean(0) - b.mean(0)).sum() + np.trace(np.cov(a.T)) + np.trace(np.cov(b.T)) - 2 * root
        assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-6)
        assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a), rel=1e-9)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(a, a + 1) == pytest.approx(8)


@pytest.mark.parametrize(
    ("shapes", "told"), [(((1, 3), (5, 3)), "at least 2"), (((5, 3), (5, 4)), "two sets"), (((5,), (5,)), "two sets")]
)
def test_features_that_are_none(shapes: tuple[tuple[int, ...], ...], told: str) -> None:
    one, other = (np.zeros(shape) for shape in shapes)
    with pytest.raises(InputError, match=told):
        frechet_distance(one, other)
    with pytest.raises(InputError, match="not all finite"):
        frechet_distance(np.full((3, 2), np.nan), np.zeros((3, 2)))


# motion


def test_end_point_error_in_pixels() -> None:
    reference = identity_grid(9, 17, like=torch.zeros(1, dtype=torch.float64)).expand(2, -1, -1, -1)
    flow = reference.clone()
    flow[0, ..., 0] += 3 * 2 / 16
    flow[0, ..., 1] += 4 * 2 / 8
    torch.testing.assert_close(end_point_error(flow, reference), torch.tensor([5.0, 0.0], dtype=torch.float64))
    visible = torch.zeros(2, 9, 17, dtype=torch.bool)
    visible[:, 2, 3] = True
    flow[1, 2, 3, 0] += 2 / 16
    torch.testing.assert_close(end_point_error(flow, reference, visible), torch.tensor([5.0, 1.0], dtype=torch.float64))
    # a flow of half the size points to nearly the same places
    coarse = identity_grid(18, 34, like=flow).expand(1, -1, -1, -1)
    assert float(end_point_error(reference[:1], coarse)) < 0.6


def test_temporal_difference() -> None:
    """None, if each frame is the one before as its flow moves it; as large as the change of light, if there is one."""
    (clip,) = make_clips(1, 16, 64, all_moves=True)
    frames = to_frames(clip.frames(range(16)))
    assert isinstance(clip.source, Swinging)
    steps = torch.from_numpy(np.diff(clip.source.shifts, axis=0)).float()
    flows = -steps[:, None, None].expand(-1, 64, 64, -1)
    known = temporal_difference(frames, flows)
    plain = temporal_difference(frames, torch.zeros(15, 64, 64, 2))
    assert float(known.mean()) < 0.25 * float(plain.mean())
    flicker = torch.stack([torch.full((3, 8, 8), 0.1 * (n % 2)) for n in range(4)])
    torch.testing.assert_close(temporal_difference(flicker, torch.zeros(3, 8, 8, 2)), torch.full((3,), 0.1))


def test_warping_by_pixels() -> None:
    frames = torch.rand(2, 3, 6, 7)
    flows = torch.zeros(2, 6, 7, 2)
    flows[..., 0], flows[..., 1] = 2, -1
    warped = warp_by_pixels(frames, flows)
    torch.testing.assert_close(warped[:, :, 1:, :5], frames[:, :, :-1, 2:])
    torch.testing.assert_close(warped[:, :, 1:, 6], frames[:, :, :-1, 6])


@pytest.mark.parametrize("all_moves", [True, False])
def test_known_motion_makes_the_frames(all_moves: bool) -> None:
    """Frame 0, sampled where each pixel of another frame is in it, is that frame, wherever it is seen there."""
    for clip in make_clips(3, 16, 64, all_moves=all_moves, seed=3):
        frames = to_frames(clip.frames(range(16)))
        assert isinstance(clip.source, Swinging)
        shifts = clip.source.shifts
        for first in (0, 4):
            number = int(np.linalg.norm(shifts - shifts[first], axis=1).argmax())
            places, seen = clip.source.motion(number, first)
            grid = torch.from_numpy(places)[None]
            made = nn.functional.grid_sample(frames[first : first + 1], grid, align_corners=True)[0]
            error = (made - frames[number]).abs().mean(dim=0)
            still_error = (frames[first] - frames[number]).abs().mean(dim=0)
            inside = torch.from_numpy(seen)
            assert 0.5 < inside.float().mean() <= 1
            assert float(error[inside].mean()) < 0.02
            assert float(error[inside].mean()) < 0.3 * float(still_error[inside].mean())


def test_optical_flow_finds_a_shift() -> None:
    (clip,) = make_clips(1, 16, 96, all_moves=True, amplitude=0.03)
    frames = to_frames(clip.frames(range(16)))
    assert isinstance(clip.source, Swinging)
    flows = flows_between(frames)
    middle = flows[:, 24:72, 24:72].mean(dim=(1, 2)).numpy()
    np.testing.assert_allclose(middle, -np.diff(clip.source.shifts, axis=0), atol=0.15)
    grey = np.zeros((32, 32), np.uint8)
    assert float(optical_flow(grey, grey).abs().max()) == 0
    made, target = farneback(frames), frames
    assert float((made - target)[1:].abs().mean()) < 0.35 * float((still(frames) - target)[1:].abs().mean())


# feature networks


class Video(nn.Module):
    """A fixed random network with the arguments of published files."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Conv3d(3, 5, 3, stride=(4, 32, 32))

    def forward(self, x: Tensor, rescale: bool = True, resize: bool = True, return_features: bool = False) -> Tensor:
        """Return features only where asked for as frames that are prepared already."""
        if rescale or resize or not return_features:
            return torch.zeros(len(x), 2, 2)
        return self.layer(x).mean(dim=(2, 3, 4))


def test_a_network_of_videos(tmp_path: Path) -> None:
    network = Video().eval()
    with warnings.catch_warnings(action="ignore", category=FutureWarning):
        torch.jit.script(network).save(str(tmp_path / "video.pt"))
    loaded = load_network(tmp_path / "video.pt")
    frames = torch.rand(37, 3, 40, 40)
    found = video_features(loaded, frames)
    assert found.shape == (2, 5)
    resized = nn.functional.interpolate(frames[16:32], (224, 224), mode="bilinear") * 2 - 1
    with torch.no_grad():
        expected = network(resized.transpose(0, 1)[None], rescale=False, resize=False, return_features=True)
    np.testing.assert_allclose(found[1:], expected.numpy(), atol=1e-5)
    with pytest.raises(InputError, match="15 frames; FVD needs at least 16"):
        video_features(loaded, frames[:15])


def test_a_network_of_images() -> None:
    seen: list[Tensor] = []

    def network(images: Tensor) -> Tensor:
        seen.append(images)
        return images.mean(dim=(2, 3))

    found = image_features(network, torch.full((4, 3, 20, 30), 0.5))
    assert seen[0].shape == (4, 3, 299, 299)
    np.testing.assert_allclose(found, np.full((4, 3), 127.5), atol=1e-3)
    image_features(network, (torch.rand(2, 3, 8, 8) > 0.5).float())
    assert 0 <= float(seen[1].min()) < float(seen[1].max()) <= 255


def test_a_network_of_two_images() -> None:
    def network(one: Tensor, other: Tensor) -> Tensor:
        assert (float(one.min()), float(other.max())) == (-1, 1)
        return (one - other).abs().mean(dim=(1, 2, 3), keepdim=True)

    made, real = torch.zeros(3, 3, 8, 8), torch.ones(3, 3, 8, 8)
    torch.testing.assert_close(perceptual_distance(network, made, real), torch.full((3,), 2.0))


def test_networks_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.pt: no such file; a feature network is a TorchScript file"):
        load_network(tmp_path / "none.pt")
    (tmp_path / "a.pt").write_text("no network")
    with pytest.raises(InputError, match=r"a\.pt: not a TorchScript file"):
        load_network(tmp_path / "a.pt")
    frames = torch.rand(16, 3, 8, 8)
    with pytest.raises(InputError, match=r"the network of FVD returned \(1, 400, 2\); it should be 1 rows of features"):
        video_features(lambda videos: torch.zeros(len(videos), 400, 2), frames)
    with pytest.raises(InputError, match=r"the network of FID returned \(1, 5\); it should be 16 rows"):
        image_features(lambda images: torch.zeros(1, 5), frames)
    with pytest.raises(InputError, match=r"the network of LPIPS returned \(3,\)"):
        perceptual_distance(lambda one, other: torch.zeros(3), frames, frames)
    with pytest.raises(InputError, match=r"the feature network failed on \(16, 3, 299, 299\) \(.*channels"):
        image_features(nn.Conv2d(4, 2, 1), frames)


def test_frames_of_other_sizes() -> None:
    with pytest.raises(InputError, match=r"frames are \(2, 3, 8, 8\), and the real ones \(3, 3, 8, 8\)"):
        l1(torch.zeros(2, 3, 8, 8), torch.zeros(3, 3, 8, 8))


# drawn


def test_slices_through_time() -> None:
    frames = np.arange(4 * 5 * 6 * 3, dtype=np.uint8).reshape(4, 5, 6, 3)
    assert time_slice(frames).shape == (4, 6, 3)
    np.testing.assert_array_equal(time_slice(frames)[3], frames[3, 2])
    np.testing.assert_array_equal(time_slice(frames, row=4)[1], frames[1, 4])
    for row in (-1, 5):
        with pytest.raises(ValueError, match=f"row is {row}; frames have rows 0 to 4"):
            time_slice(frames, row)


def test_flow_in_colours() -> None:
    offsets = np.array([[[1.0, 0.0], [-1, 0], [0, 0], [0.5, 0], [0, 1], [0, -1]]])
    red, cyan, white, pink, green, violet = flow_image(offsets)[0].tolist()
    assert (red, cyan, white, pink) == ([255, 0, 0], [0, 255, 255], [255, 255, 255], [255, 128, 128])
    assert green == [128, 255, 0]
    assert violet == [128, 0, 255]
    assert flow_image(offsets, most=2)[0, 0].tolist() == [255, 128, 128]
    assert flow_image(offsets, most=0.5)[0, 3].tolist() == [255, 0, 0]
    assert (flow_image(np.zeros((2, 2, 2))) == 255).all()
