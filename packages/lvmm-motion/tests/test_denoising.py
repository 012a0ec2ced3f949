"""What the two denoisers are trained on, and their losses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from lvmm_motion.data.motion_cache import MotionCache
from lvmm_motion.data.samples import PreparedFrames
from lvmm_motion.network.config import FrameUNetConfig
from lvmm_motion.network.diffusion import cosine_schedule, velocity_of
from lvmm_motion.network.flow import Motion
from lvmm_motion.network.grids import identity_grid
from lvmm_motion.network.representation import NormalisedRepresentation, OfficialRepresentation
from lvmm_motion.training.denoising import DenoisingStep, KeptMotion, encoded, loss_of, spread_of
from lvmm_motion.training.features import MovedFrames, RefiningStep, feature_shape
from lvmm_motion.training.teacher import Teacher, keep_motion, motion_settings, windows_of
from visioncore.errors import InputError
from visioncore.testing.processes import load_script

TINY: ModuleType = load_script(Path(__file__).with_name("tiny_runs.py"))


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> KeptMotion:
    """The motion of four clips; no auto-encoder sees it, so that it is large and known."""
    config = TINY.recipe("motion")
    cache = MotionCache(tmp_path_factory.mktemp("motion"), motion_settings(TINY.autoencoder(), config))
    windows = windows_of(TINY.CLIPS[:4], config)
    rng = np.random.default_rng(0)
    sizes = np.array([1, 2, 3, 4, 5, 0])[:, None] * np.array([0.1, 0.01, 0.001])
    for window in windows:
        values = rng.standard_normal((6, 3, 8, 8)) * sizes[:, :, None, None]
        cache.save(window.clip.name, values, tokens=rng.standard_normal((2, 6)))
    return KeptMotion(windows, cache, context=6, drop=0.5)


class Knows(nn.Module):
    """A denoiser that knows the noise, or takes some share of it."""

    def __init__(self, share: float, motion: Tensor) -> None:
        super().__init__()
        self.share = nn.Parameter(torch.tensor(share))
        self.motion = motion
        self.seen: list[Tensor] = []

    def forward(self, x: Tensor, t: Tensor, tokens: Tensor) -> Tensor:
        self.seen.append(tokens)
        schedule = cosine_schedule(x)
        signal, noise = (values[t][:, None, None, None, None] for values in (schedule.signal, schedule.noise))
        return self.share * (x - signal * self.motion) / noise


def batch_of(source: KeptMotion | MovedFrames, indices: list[int], seed: int = 0) -> dict[str, Tensor]:
    samples = [source.sample(index, np.random.default_rng([seed, index])) for index in indices]
    return {name: torch.stack([sample[name] for sample in samples]) for name in samples[0]}


def test_each_frequency_is_in_units_of_its_spread(kept: KeptMotion) -> None:
    scales = spread_of(kept)
    raw = torch.stack([kept.motion(index)[0] for index in range(len(kept))])
    squares = encoded(raw, TINY.MODEL, scales).square().mean(dim=(0, 3, 4))
    torch.testing.assert_close(squares[:5], torch.ones(5, 3), rtol=1e-3, atol=0)
    # what is drawn for a frequency that never varies must not move anything
    assert scales[5].max() <= 1e-6
    torch.testing.assert_close(scales[0] / scales[4], torch.full((3,), 0.2), rtol=0.2, atol=0)


@pytest.mark.parametrize("representation", ["normalised", "official"])
def test_kept_motion_is_encoded_as_the_pipeline_decodes_it(representation: str) -> None:
    torch.manual_seed(0)
    grid = torch.cat((identity_grid(8, 8, like=torch.zeros(1)).permute(2, 0, 1), torch.ones(1, 8, 8)))
    motion = grid[:, None] + 0.1 * torch.randn(2, 3, 8, 8, 8)
    scales = torch.rand(6, 3) + 0.5
    raw = NormalisedRepresentation(8, 3, torch.ones(6, 3)).raw(motion)
    official = OfficialRepresentation(8, 3)
    expected = official if representation == "official" else NormalisedRepresentation(8, 3, scales)
    found = encoded(raw, replace(TINY.MODEL, representation=representation), scales)
    torch.testing.assert_close(found, expected.encode(motion), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("share", "loss"), [(1.0, 0.0), (0.0, 1.0), (0.5, 0.25)])
def test_the_loss_is_the_mean_square_of_what_is_wrong(kept: KeptMotion, share: float, loss: float) -> None:
    scales = spread_of(kept)
    batch = batch_of(kept, [0, 1, 2, 3])
    network = Knows(share, encoded(batch["motion"], TINY.MODEL, scales))
    terms = DenoisingStep(TINY.MODEL, scales)(network, batch)
    assert terms.keys() == {"noise"}
    # of 4608 numbers
    assert float(terms["noise"].detach()) == pytest.approx(loss, abs=1e-4 if share == 1 else 0.1 * loss)
    assert torch.equal(network.seen[0], batch["tokens"])


def test_the_loss_of_velocity_is_that_of_what_is_predicted(kept: KeptMotion) -> None:
    scales = spread_of(kept)
    batch = batch_of(kept, [0, 1, 2, 3])
    clean = encoded(batch["motion"], TINY.MODEL, scales)
    knows = Knows(1.0, clean)

    class Velocity(nn.Module):
        def forward(self, x: Tensor, t: Tensor, tokens: Tensor) -> Tensor:
            return velocity_of(clean, t, knows(x, t, tokens))

    config = replace(TINY.MODEL, prediction="velocity")
    terms = DenoisingStep(config, scales)(Velocity(), batch)
    assert terms.keys() == {"velocity"}
    assert float(terms["velocity"].detach()) < 1e-4
    assert float(DenoisingStep(config, scales)(knows, batch)["velocity"].detach()) > 0.5


def test_steps_are_uniform_and_half_of_the_tokens_left_out(kept: KeptMotion) -> None:
    drawn = [kept.sample(0, np.random.default_rng(seed)) for seed in range(600)]
    steps = torch.stack([sample["t"] for sample in drawn])
    assert 0 <= int(steps.min()) < 10
    assert 990 < int(steps.max()) <= 999
    assert float(steps.float().mean()) == pytest.approx(499.5, abs=40)
    given = kept.motion(0)[1]
    assert all(bool((sample["tokens"] == given).all()) or not sample["tokens"].any() for sample in drawn)
    assert float(sum(bool(sample["tokens"].any()) for sample in drawn)) == pytest.approx(300, abs=50)
    assert abs(float(torch.stack([sample["noise"] for sample in drawn]).std()) - 1) < 0.01


def test_a_sample_follows_from_its_generator(kept: KeptMotion) -> None:
    one, again, other = (batch_of(kept, [2], seed) for seed in (0, 0, 1))
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert not torch.equal(one["noise"], other["noise"])


def test_without_tokens_there_is_one_of_zeros(tmp_path: Path) -> None:
    config = TINY.recipe("motion")
    cache = MotionCache(tmp_path, motion_settings(TINY.autoencoder(), config))
    (window,) = windows_of(TINY.CLIPS[:1], config)
    cache.save(window.clip.name, np.ones((6, 3, 8, 8)))
    assert torch.equal(KeptMotion([window], cache, 6, 0.0).motion(0)[1], torch.zeros(1, 6))


def test_validation_is_the_same_at_every_call(kept: KeptMotion) -> None:
    step, network = DenoisingStep(TINY.MODEL, torch.ones(6, 3)), Knows(0.5, torch.zeros(6, 3, 8, 8))
    with torch.no_grad():
        assert loss_of(network, step, kept) == loss_of(network, step, kept)


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> MovedFrames:
    """Frames of three clips with the motion that a random auto-encoder sees in them."""
    config = TINY.recipe("frame")
    autoencoder = TINY.autoencoder()
    cache = MotionCache(tmp_path_factory.mktemp("motion"), motion_settings(autoencoder, config))
    windows = windows_of(TINY.CLIPS[:3], config)
    keep_motion(cache, windows, Teacher(autoencoder, TINY.MODEL, torch.device("cpu")), PreparedFrames(16))
    return MovedFrames(KeptMotion(windows, cache, 6, 0.5), TINY.MODEL, PreparedFrames(16), 0.5)


def test_frames_are_of_one_clip_and_the_index_is_the_frames(frames: MovedFrames) -> None:
    seen = set()
    for seed in range(40):
        sample = frames.sample(1, np.random.default_rng(seed))
        index = int(sample["index"])
        seen.add(index)
        assert torch.equal(sample["frames"], PreparedFrames(16)(TINY.CLIPS[1], [0, index - 1, index]))
        raw = frames.kept.motion(1)[0][None]
        plain = NormalisedRepresentation(8, 3, torch.ones(6, 3))
        torch.testing.assert_close(sample["motion"], plain.decode(raw)[0, :, index], rtol=1e-4, atol=1e-5)
        assert sample["noise"].shape == (8, 8, 8)
    assert seen == set(range(1, 8))


def test_features_of_frames(frames: MovedFrames) -> None:
    network = TINY.autoencoder()
    batch = batch_of(frames, [0, 1, 2])
    clean, before, moved = RefiningStep(network).features(batch)
    with torch.no_grad():
        for place in range(3):
            first, last, now = (
                network.generator.encode(frame[None].float() / 255)[-1][0] for frame in batch["frames"][place]
            )
            torch.testing.assert_close(clean[place], now, rtol=1e-4, atol=1e-5)
            torch.testing.assert_close(before[place], last, rtol=1e-4, atol=1e-5)
            motion = batch["motion"][place]
            one = Motion(motion[:2].permute(1, 2, 0)[None], ((motion[2:] + 1) / 2).clamp(0, 1)[None])
            torch.testing.assert_close(moved[place], network.generator.moved(first[None], one)[0], rtol=1e-4, atol=1e-5)


def test_the_frame_denoiser_is_given_what_it_is_given_in_use(frames: MovedFrames) -> None:
    step = RefiningStep(TINY.autoencoder())
    batch = batch_of(frames, [0, 1, 2], seed=3)
    batch["kept"] = torch.tensor([1.0, 0.0, 1.0])
    clean, before, moved = step.features(batch)
    given: list[tuple[Tensor, ...]] = []

    def network(*values: Tensor) -> Tensor:
        given.append(values)
        return torch.zeros_like(values[0])

    terms = step(network, batch)  # type: ignore[arg-type]
    assert float(terms["noise"]) == pytest.approx(float(batch["noise"].square().mean()))
    x, t, condition, reference, index = given[0]
    schedule = cosine_schedule(x)
    signal, noise = (values[t][:, None, None, None] for values in (schedule.signal, schedule.noise))
    torch.testing.assert_close(x, signal * clean + noise * batch["noise"])
    assert torch.equal(reference, moved)
    assert torch.equal(index, batch["index"])
    assert not condition[1].any()
    # tokens are pixels, row by row
    assert torch.equal(condition[2, 8 * 3 + 5], before[2, :, 3, 5])


def test_a_frame_denoiser_that_does_not_fit() -> None:
    frame = FrameUNetConfig(width=8, multiples=(1,) * 5, channels=16, outputs=8, context=8, heads=1)
    with pytest.raises(InputError, match="features are 8x8"):
        feature_shape(replace(TINY.MODEL, frame=frame))
