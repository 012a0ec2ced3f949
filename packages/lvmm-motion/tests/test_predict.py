"""Photos that move: what moves, how, and what stays."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from golden_networks import SMALL, noises, unclipped
from tiny import TINY, tiny_pipeline
from torch import Tensor

from lvmm_motion import FlowAutoencoder, MotionUNet, Predictor
from lvmm_motion.data.clips import Clip
from lvmm_motion.inference.controls import still_grid
from lvmm_motion.inference.motions import PeriodicMotion, frame_times, read_motion
from lvmm_motion.inference.refinement import Refinement
from lvmm_motion.network.animation import Source
from lvmm_motion.network.config import FrameUNetConfig
from lvmm_motion.network.grids import warp
from lvmm_motion.network.representation import OfficialRepresentation, clip_motion, packed
from visioncore.errors import InputError
from visioncore.images import Image, write_image
from visioncore.testing.photos import photo

PHOTO = photo(45, 61, seed=0)
CLIP = np.stack([np.roll(photo(45, 61, seed=1), shift, axis=1) for shift in range(5)])
MODES: Any = ("z-relative", "z-absolute", "u")


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return Predictor(tiny_pipeline(), "cpu", batch=5)


def pixels(result: Any) -> Any:
    """Return the frames of a result as whole numbers that can be subtracted."""
    return np.asarray(result).astype(int)


class TestMotion:
    def test_a_photo_moves(self, predictor: Predictor) -> None:
        result = predictor(PHOTO, steps=3)
        frames = list(result.frames())
        assert len(frames) == len(result) == 12
        assert {(frame.shape, frame.dtype) for frame in frames} == {(PHOTO.shape, np.dtype(np.uint8))}
        assert (frames[3] != frames[6]).any()
        np.testing.assert_array_equal(next(result.frames([6])), frames[6])

    @pytest.mark.parametrize("size", [(32, 32), (33, 130), (130, 33), (64, 64)])
    def test_any_size_and_aspect(self, predictor: Predictor, size: tuple[int, int]) -> None:
        result = predictor(photo(*size, seed=2), steps=1, frames=2)
        assert np.asarray(result).shape == (2, *size, 3)
        assert result.padding == (-size[0] % 4, -size[1] % 4)
        assert ("padded by" in repr(result)) == (result.padding != (0, 0))

    def test_it_begins_with_the_photo(self, predictor: Predictor) -> None:
        result = predictor(PHOTO, steps=3)
        shot: Any = result.render.__self__  # type: ignore[attr-defined]
        first, later = (next(shot.changed(result.motion.only([number]))).flow for number in (0, 5))
        torch.testing.assert_close(first[0], shot.still(shot.size))
        assert (later - first).abs().max() > 0.01

    @pytest.mark.parametrize("align_corners", [True, False])
    def test_without_strength_nothing_moves(self, align_corners: bool) -> None:
        network = replace(TINY.autoencoder, align_corners=align_corners, scale=0.25)
        predictor = Predictor(tiny_pipeline(config=replace(TINY, autoencoder=network)), "cpu")
        for result in (predictor(PHOTO, steps=3, strength=0), predictor.transfer(CLIP, PHOTO, strength=0)):
            # the outermost pixels lie beyond the centres of the small map's own
            inside = pixels(result)[:, 4:-4, 4:-4] - PHOTO[4:-4, 4:-4]
            assert np.abs(inside).max() <= 1

    def test_strength_is_how_far_things_move(self, predictor: Predictor) -> None:
        moved = {s: np.abs(pixels(predictor(PHOTO, steps=3, strength=s)) - PHOTO).mean() for s in (0.0, 0.2, 1.0)}
        assert moved[0.0] < moved[0.2] < moved[1.0]

    @pytest.mark.parametrize("align_corners", [True, False])
    def test_drawn_motion_takes_nothing_from_outside_of_the_photo(self, align_corners: bool) -> None:
        """There all would be black."""
        network = replace(TINY.autoencoder, align_corners=align_corners)
        predictor = Predictor(tiny_pipeline(config=replace(TINY, autoencoder=network)), "cpu")
        result = predictor(PHOTO, steps=3, strength=10)
        shot: Any = result.render.__self__  # type: ignore[attr-defined]
        white = torch.ones_like(shot.source.photo)
        for motion in shot.changed(result.motion):
            assert (motion.flow.abs() == motion.flow.abs().amax((0, 1, 2))).sum() > 20  # many would be
            warped = warp(white.expand(len(motion.flow), -1, -1, -1), motion.flow, align_corners=align_corners)
            torch.testing.assert_close(warped, torch.ones_like(warped))

    def test_the_seed_decides(self, predictor: Predictor) -> None:
        one, same, other = (predictor(PHOTO, steps=3, seed=seed) for seed in (3, 3, 4))
        np.testing.assert_array_equal(np.asarray(one), np.asarray(same))
        assert (np.asarray(one) != np.asarray(other)).any()
        single = Predictor(tiny_pipeline(), "cpu", batch=1)(PHOTO, steps=3, seed=3)
        assert np.abs(pixels(single) - pixels(one)).max() <= 1

    def test_speed_resamples_the_motion(self, predictor: Predictor) -> None:
        usual, fast = predictor(PHOTO, steps=3), predictor(PHOTO, steps=3, speed=2)
        assert len(fast) == 6
        np.testing.assert_array_equal(np.asarray(fast), np.asarray(usual)[::2])

    @pytest.mark.parametrize(("frames", "speed"), [(7, 1.0), (30, 1.7), (12, 1.0)])
    def test_a_loop_is_closed(self, predictor: Predictor, frames: int, speed: float) -> None:
        result = predictor(PHOTO, steps=3, frames=frames, speed=speed, loop=True)
        motion = result.motion
        assert isinstance(motion, PeriodicMotion)
        step = motion.times[1] - motion.times[0]
        again = PeriodicMotion(motion.sums, motion.period, torch.stack((motion.times[0], motion.times[-1] + step)))
        first, after_last = (frame.astype(int) for frame in result.render(again))
        assert np.abs(after_last - first).max() <= 1
        assert (first != pixels(result)[len(result) // 2]).any()

    def test_times(self) -> None:
        assert frame_times(150, None, 1.0, False).tolist() == list(range(150))
        assert len(frame_times(150, None, 0.4, True)) == 375
        assert frame_times(12, 5, 1.0, False).tolist() == [0, 1, 2, 3, 4]
        assert frame_times(12, 5, 1.0, True).tolist() == pytest.approx([0, 2.4, 4.8, 7.2, 9.6])

    def test_a_motion_is_kept_and_read_again(self, predictor: Predictor, tmp_path: Path) -> None:
        for name, made in (("drawn", predictor(PHOTO, steps=3)), ("taken", predictor.transfer(CLIP, PHOTO))):
            kept = made.save_motion(tmp_path / "new" / f"{name}.npz")
            np.testing.assert_array_equal(np.asarray(predictor(PHOTO, motion=kept)), np.asarray(made))
        drawn = predictor(PHOTO, motion=tmp_path / "new" / "drawn.npz", frames=4, speed=3)
        np.testing.assert_array_equal(np.asarray(drawn), np.asarray(predictor(PHOTO, steps=3))[::3])

    def test_a_kept_motion_on_a_photo_of_another_size(self, predictor: Predictor, tmp_path: Path) -> None:
        """What it moves, and how far, is a share of the photo's size."""
        motion = read_motion(predictor.transfer(CLIP, PHOTO).save_motion(tmp_path / "motion.npz"))
        found = []
        for given in (PHOTO, photo(120, 200, seed=3)):
            shot: Any = predictor(given, motion=motion).render.__self__  # type: ignore[attr-defined]
            flow = torch.cat([each.flow for each in shot.changed(motion)])
            found.append(flow - shot.still((flow.shape[1], flow.shape[2])))
        torch.testing.assert_close(found[1], found[0], rtol=0, atol=1e-6)
        assert float(found[0].abs().max()) > 1e-3

    def test_what_a_given_motion_does_not_take(self, predictor: Predictor) -> None:
        drawn, taken = predictor(PHOTO, frames=2).motion, predictor.transfer(CLIP, PHOTO).motion
        with pytest.raises(InputError, match="a prompt is for a motion that is drawn, and this one is given"):
            predictor(PHOTO, "a flag", motion=drawn)
        for options in ({"frames": 3}, {"speed": 2.0}, {"loop": True}):
            with pytest.raises(InputError, match="frames, speed and loop are for a motion that was drawn"):
                predictor(PHOTO, motion=taken, **options)

    def test_run_takes_tensors(self, predictor: Predictor) -> None:
        photos = torch.from_numpy(np.stack([PHOTO, CLIP[0]])).permute(0, 3, 1, 2) / 255
        made = predictor.run(photos)
        assert made.shape == (2, 12, 3, 45, 61)
        np.testing.assert_array_equal(
            (made[1] * 255).round().byte().permute(0, 2, 3, 1), np.asarray(predictor(CLIP[0]))
        )


class TestMask:
    MASK = np.zeros((45, 61), np.uint8)
    MASK[10:30, 20:50] = 255
    MASK[10:30, 50:55] = 100

    def test_outside_the_pixels_are_those_of_the_photo(self, predictor: Predictor, tmp_path: Path) -> None:
        moved = np.asarray(predictor(PHOTO, steps=3, mask=self.MASK))
        assert (moved[:, self.MASK == 0] == PHOTO[self.MASK == 0]).all()
        assert (moved[:, self.MASK > 0] != PHOTO[self.MASK > 0]).mean() > 0.1
        taken = np.asarray(predictor.transfer(CLIP, PHOTO, mask=self.MASK > 0))
        assert (taken[:, self.MASK == 0] == PHOTO[self.MASK == 0]).all()

    def test_every_pixel_outside_any_mask(self, predictor: Predictor) -> None:
        """Every value of 8 bit survives the way through the network's numbers."""
        values = np.arange(256, dtype=np.uint8).repeat(16).reshape(64, 64)
        ramp = np.stack([values, values.T, values[::-1]], axis=2)
        mask = np.zeros((64, 64), np.uint8)
        mask[0, 0] = 255
        assert (np.asarray(predictor(ramp, steps=1, frames=2, mask=mask))[:, mask == 0] == ramp[mask == 0]).all()

    def test_a_mask_of_another_size(self, predictor: Predictor, tmp_path: Path) -> None:
        write_image(tmp_path / "mask.png", Image(photo(45, 60, seed=0)))
        told = r"mask\.png: the mask has 60 x 45 pixels and the photo 61 x 45; they must be alike"
        with pytest.raises(InputError, match=told):
            predictor(PHOTO, steps=1, mask=tmp_path / "mask.png")
        with pytest.raises(InputError, match="black everywhere, so nothing would move"):
            predictor(PHOTO, steps=1, mask=np.zeros((45, 61), np.uint8))

    def test_what_is_transparent_in_a_mask_stays(self, predictor: Predictor) -> None:
        """As masks are that were painted on a layer of their own."""
        white = Image(np.full((45, 61, 3), 255, np.uint8), alpha=self.MASK)
        whole, layer = (np.asarray(predictor(PHOTO, steps=1, frames=2, mask=each)) for each in (self.MASK, white))
        np.testing.assert_array_equal(layer, whole)
        with pytest.raises(InputError, match="black everywhere"):
            predictor(PHOTO, steps=1, mask=Image(white.pixels, alpha=np.zeros_like(self.MASK)))


class TestTransfer:
    @pytest.mark.parametrize("mode", MODES)
    def test_a_clip_on_its_own_first_frame_is_its_reconstruction(self, mode: Any) -> None:
        """In double precision, where the modes differ by rounding alone; at another size than the network's too."""
        predictor = Predictor(tiny_pipeline().double(), "cpu")
        for clip in (CLIP, photo(3 * 40, 40, seed=3).reshape(3, 40, 40, 3)):
            whole = predictor.reconstruct(clip)
            taken = predictor.transfer(clip, clip[0], mode)
            motions = [torch.from_numpy(np.concatenate(list(each.motion.maps()))) for each in (taken, whole)]  # type: ignore[union-attr]
            torch.testing.assert_close(*motions, rtol=0, atol=1e-6)
            assert np.abs(pixels(taken) - pixels(whole)).max() <= 1
            assert (pixels(whole)[0] != pixels(whole)[-1]).any()

    def test_modes_differ_on_another_photo(self, predictor: Predictor) -> None:
        one, two, three = (pixels(predictor.transfer(CLIP, PHOTO, mode)) for mode in MODES)
        assert (one != two).any()
        assert (one != three).any()
        assert (two != three).any()

    def test_a_clip_of_another_shape_and_a_clip_of_a_data_set(self, predictor: Predictor) -> None:
        tall = np.stack([photo(90, 40, seed=seed) for seed in range(3)])

        class Listed:
            path = None
            length = 3
            fps = 12.5

            def read(self, numbers: Sequence[int]) -> Iterator[Any]:
                return (tall[number] for number in numbers)

        whole, listed = predictor.transfer(tall, PHOTO), predictor.transfer(Clip("tall", Listed()), PHOTO)
        assert np.asarray(whole).shape == (3, *PHOTO.shape)
        np.testing.assert_array_equal(np.asarray(listed), np.asarray(whole))
        assert whole.rate == 25
        assert float(listed.rate) == 12.5

    def test_a_few_pixels_drive_a_long_photo(self, predictor: Predictor) -> None:
        frames = np.asarray(predictor.transfer(CLIP[:2, :4, :4], photo(32, 300, seed=1)))
        assert frames.shape == (2, 32, 300, 3)

    @pytest.mark.filterwarnings("error")
    def test_frames_that_cannot_be_written_and_that_run_backwards(self, predictor: Predictor) -> None:
        expected = np.asarray(predictor.transfer(CLIP[:2], PHOTO))
        back = CLIP[:2, ::-1, ::-1].copy()[:, ::-1, ::-1]
        fixed = CLIP[:2].copy()
        fixed.flags.writeable = False
        for clip in (back, fixed):
            np.testing.assert_array_equal(np.asarray(predictor.transfer(clip, PHOTO)), expected)
        np.testing.assert_array_equal(
            np.asarray(predictor(PHOTO[::-1].copy()[::-1], steps=1, frames=2)),
            np.asarray(predictor(PHOTO, steps=1, frames=2)),
        )

    def test_driving_clips_that_will_not_do(self, predictor: Predictor) -> None:
        for clip, told in (
            (CLIP[:1], "1 frame; a driving video needs at least two"),
            (CLIP[:0], "0 frame"),
            (CLIP[0], r"frames are \(45, 61, 3\) uint8"),
            (CLIP / 255, "float64; they must be"),
        ):
            with pytest.raises(InputError, match=told):
                predictor.transfer(clip, PHOTO)
        with pytest.raises(InputError, match="mode is 'w'; it must be one of z-relative, z-absolute, u"):
            predictor.transfer(CLIP, PHOTO, "w")  # type: ignore[arg-type]


class TestRefinement:
    @torch.no_grad()
    def test_the_published_loop(self, case: Callable[..., Any], filled: Callable[..., Any]) -> None:
        """The golden case shows every frame the features of the one before, moved alone."""
        golden, inputs = case("pipeline-frame")
        model = filled(SMALL, golden.about["layout"]["flow_ae"])
        refiner = filled(FrameUNetConfig(8, (1, 2), 64, 32, 32), golden.about["layout"]["unet"])
        frames = inputs["video"][0].transpose(0, 1)
        motions = packed(clip_motion(model, frames[:1], frames), (16, 16))[None]
        representation = OfficialRepresentation(frames=4, keep=2)
        motion = unclipped(representation.decode(representation.encode(motions))[0])
        source = Source(frames[:1], frames[:1], model.region_predictor(frames[:1]), model.generator.encode(frames[:1]))

        def refined(previous: Any) -> Tensor:
            given = noises("pipeline-frame/sample", (1, 32, 1, 8, 8))
            refinement = Refinement(
                refiner,
                model.generator,
                lambda shape, like: lambda: given()[:, :, 0],
                steps=3,
                previous=previous,
                threshold=True,
            )
            return refinement(source, motion)

        warped, otherwise = refined("warped"), refined("refined")
        video = model.render(frames[:1].expand_as(frames), motion, warped).prediction
        golden.close("sampled_video", video.transpose(0, 1)[None])
        assert torch.equal(otherwise[0], warped[0])
        assert not torch.allclose(otherwise[1:], warped[1:])

    def test_frames_are_refined(self, predictor: Predictor) -> None:
        plain = predictor(PHOTO, steps=2, frames=3)
        made = {kind: predictor(PHOTO, steps=2, frames=3, refine=2, previous=kind) for kind in ("warped", "refined")}
        warped, refined = (pixels(result) for result in made.values())
        assert (warped != pixels(plain)).any()
        assert (warped[0] == refined[0]).all()
        shots: Any = [result.render.__self__ for result in made.values()]  # type: ignore[attr-defined]
        assert [shot.refinement().previous for shot in shots] == ["warped", "refined"]
        assert made["warped"].padding == (3, 3)
        # one of them alone too is made after those before it
        (last,) = made["refined"].frames([2])
        np.testing.assert_array_equal(last, refined[2])
        np.testing.assert_array_equal(warped, np.stack(list(made["warped"].frames())))


class TestStill:
    @pytest.mark.parametrize("align_corners", [True, False])
    def test_the_still_grid_leaves_a_photo_as_it_is(self, align_corners: bool) -> None:
        image = torch.rand(1, 3, 64, 96, dtype=torch.float64)
        grid = still_grid((16, 24), (64, 96), image, align_corners=align_corners)[None]
        moved = warp(image, grid, align_corners=align_corners)
        torch.testing.assert_close(moved[..., 2:-2, 2:-2], image[..., 2:-2, 2:-2], rtol=0, atol=1e-12)


class TestBadInput:
    def test_photos(self, predictor: Predictor, tmp_path: Path) -> None:
        write_image(tmp_path / "small.png", Image(photo(31, 40, seed=0)))
        told = r"small\.png: 40 x 31 pixels; a photo must have at least 32 x 32 pixels$"
        with pytest.raises(InputError, match=told):
            predictor(tmp_path / "small.png")
        with pytest.raises(InputError, match="a photo must have at least"):
            predictor.transfer(CLIP, tmp_path / "small.png")

    def test_a_photo_with_alpha_is_put_on_white(self, tmp_path: Path) -> None:
        told: list[str] = []
        predictor = Predictor(tiny_pipeline(), "cpu", notify=told.append)
        alpha = np.full((45, 61), 255, np.uint8)
        write_image(tmp_path / "opaque.png", Image(PHOTO, alpha=alpha.copy()))
        alpha[:20], alpha[20] = 0, 127
        write_image(tmp_path / "clear.png", Image(PHOTO, alpha=alpha))
        opaque = predictor(tmp_path / "opaque.png", steps=1, frames=1)
        assert told == []
        clear = predictor(tmp_path / "clear.png", steps=1, frames=1, strength=0)
        (line,) = told
        assert line.startswith(f"{tmp_path / 'clear.png'}: the photo is transparent in places; it is animated on white")
        assert (clear.photo.pixels[:20] == 255).all()
        half = np.rint(PHOTO[20] * (127 / 255) + 255 * (128 / 255))
        np.testing.assert_array_equal(clear.photo.pixels[20], half)
        np.testing.assert_array_equal(clear.photo.pixels[21:], PHOTO[21:])
        np.testing.assert_array_equal(opaque.photo.pixels, PHOTO)

    @pytest.mark.parametrize(
        ("options", "told"),
        [
            ({"strength": -1}, "strength is -1; it must be from 0 to 10"),
            ({"speed": 0}, "speed is 0; it must be above 0 and at most 6"),
            ({"frames": 0}, "frames is 0; it must be from 1 to 10000"),
            ({"fps": 0}, "fps is 0; it must be from 0.001 to 1000"),
            ({"fps": 1e-4}, "fps is 0.0001; it must be from 0.001 to 1000"),
            ({"steps": 0}, "steps is 0"),
            ({"seed": -1}, r"seed is -1; it must be from 0 to 2\^63 - 1"),
            ({"seed": 2**63}, "seed is 9223372036854775808; it must be from 0"),
            ({"refine": 1000}, "refine is 1000; it must be from 0 to 999 steps"),
            ({"refine": 2, "previous": "next"}, "previous is 'next'; it must be one of warped, refined"),
            (
                {"prompt": "a waving flag"},
                "a prompt is not read by the embedder zeros; imagebind and open_clip read it",
            ),
            ({"motion": "none.npz"}, r"none\.npz: cannot be read as a motion"),
        ],
    )
    def test_options(self, predictor: Predictor, options: dict[str, Any], told: str) -> None:
        with pytest.raises(InputError, match=told):
            predictor(PHOTO, **options)

    def test_networks_that_lack_a_part(self) -> None:
        with pytest.raises(InputError, match="MotionUNet alone animates nothing; give an AnimationPipeline, or"):
            Predictor(MotionUNet(TINY.motion), "cpu")
        alone = Predictor(FlowAutoencoder(TINY.autoencoder), "cpu")
        assert len(alone.transfer(CLIP, PHOTO)) == 5
        with pytest.raises(InputError, match=r"an auto-encoder, which draws no motion; give .* a driving video"):
            alone(PHOTO)
        bare = Predictor(tiny_pipeline(config=replace(TINY, frame=None)), "cpu")
        with pytest.raises(InputError, match="refine is 2, and these weights have no frame denoiser; it must be 0"):
            bare(PHOTO, refine=2)

    def test_weights_that_are_not_finite(self) -> None:
        pipeline = tiny_pipeline()
        with torch.no_grad():
            pipeline.autoencoder.generator.final.weight.fill_(torch.nan)
        result = Predictor(pipeline, "cpu")(PHOTO, steps=1)
        with pytest.raises(InputError, match=r"frames are not finite; .*float32"):
            next(result.frames())

    def test_motions_that_are_none(self, tmp_path: Path) -> None:
        np.savez(tmp_path / "other.npz", a=np.zeros(3))
        np.savez(tmp_path / "nan.npz", maps=np.full((2, 4, 4, 3), np.nan, np.float32))
        (tmp_path / "text.npz").write_text("no motion")
        np.savez(tmp_path / "still.npz", sums=np.zeros((6, 0, 4, 4)), period=np.array(0), times=np.zeros(1))
        np.savez(tmp_path / "two.npz", sums=np.zeros((6, 1, 4, 4)), period=np.array([4, 4]), times=np.zeros(1))
        np.savez(tmp_path / "half.npz", sums=np.zeros((6, 1, 4, 4)), period=np.array(4.5), times=np.zeros(1))
        np.savez(tmp_path / "complex.npz", maps=np.zeros((2, 4, 4, 3), np.complex64), size=np.array([64, 64]))
        np.savez(tmp_path / "flat.npz", maps=np.zeros((2, 4, 4, 3), np.float32), size=np.array([64, 1]))
        np.savez_compressed(tmp_path / "spoilt.npz", maps=np.random.default_rng(0).random((2, 9, 9, 3), np.float32))
        spoilt = bytearray((tmp_path / "spoilt.npz").read_bytes())
        spoilt[200:260] = bytes(60)
        (tmp_path / "spoilt.npz").write_bytes(spoilt)
        told_of = {"other": r"it holds \{'a': \(3,\)\}", "nan": "not finite"}
        told_of |= dict.fromkeys(("text", "spoilt"), "cannot be read")
        none = dict.fromkeys(("still", "two", "half", "complex", "flat"), "no motion that was kept")
        for name, told in (told_of | none).items():
            with pytest.raises(InputError, match=told):
                read_motion(tmp_path / f"{name}.npz")
