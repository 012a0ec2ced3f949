"""The commands that animate, from one to the next, and what they refuse."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import TINY

from lvmm_motion import AnimationPipeline, FlowAutoencoder, load_model
from lvmm_motion.network.published import to_published
from visioncore.images import Image, read_image, write_image
from visioncore.testing.photos import photo
from visioncore.testing.suites.base import Run, files_in, refuses
from visioncore.video import Frame, probe_video, read_frames, write_video

PACKAGE = "lvmm_motion"
PHOTO = photo(45, 61, seed=0)
MASK = np.zeros((45, 61, 3), np.uint8)
MASK[:, 30:] = 255


@pytest.fixture
def given(tmp_path: Path) -> Path:
    """A folder with two photos, and beside it a mask and a driving video."""
    for number in range(2):
        write_image(tmp_path / "photos" / f"{number}.png", Image(photo(45, 61, seed=number)))
    write_image(tmp_path / "mask.png", Image(MASK))
    frames = (Frame(np.roll(PHOTO, shift, axis=1)) for shift in range(4))
    write_video(tmp_path / "driving.mkv", frames, Fraction(10), codec="ffv1")
    return tmp_path


def test_animate(run: Run, given: Path, tiny_weights: Path, tmp_path: Path) -> None:
    weights, out = ("--weights", tiny_weights), tmp_path / "out"
    rendering = ("--mask", given / "mask.png", "--loop", "--frames", 4, "--fps", 8, "--suffix", ".png")
    code, said, complaints = run("animate", given / "photos", *weights, "--out", out, *rendering)
    assert (code, said, complaints) == (0, f"2 done, 0 skipped as done before, 0 failed; results in {out}\n", "")
    assert files_in(out) == sorted(
        [f"{name}.npz" for name in "01"] + [f"{name}/{frame:06d}.png" for name in "01" for frame in range(4)]
    )
    frames = [read_image(path).pixels for path in sorted((out / "0").iterdir())]
    for frame in frames:
        assert (frame[:, :30] == PHOTO[:, :30]).all()
    assert (frames[0] != frames[2])[:, 30:].any()
    assert run("predict", given / "photos", *weights, "--out", out, *rendering)[1].startswith("0 done, 2 skipped")
    write_image(given / "mask.png", Image(MASK[:, ::-1]))
    assert run("predict", given / "photos", *weights, "--out", out, *rendering)[1].startswith("2 done, 0 skipped")


def test_a_kept_motion_and_one_file(run: Run, given: Path, tiny_weights: Path, tmp_path: Path) -> None:
    words = ("animate", given / "photos" / "0.png", "--weights", tiny_weights)
    assert run(*words, "--out", tmp_path / "a.webp", "--seed", 5)[0] == 0
    assert run(*words, "--out", tmp_path / "b.webp", "--motion", tmp_path / "a.npz", "--no-keep-motion")[0] == 0
    assert (tmp_path / "a.webp").read_bytes() == (tmp_path / "b.webp").read_bytes()
    assert not (tmp_path / "b.npz").exists()
    assert run(*words, "--out", tmp_path / "c.png", "--seed", 5)[0] == 0
    assert not (tmp_path / "c.png").exists()
    assert files_in(tmp_path / "c") == [f"{number:06d}.png" for number in range(TINY.frames)]
    assert run(*words, "--out", tmp_path / "c.webp", "--seed", 6)[0] == 0
    assert (tmp_path / "a.webp").read_bytes() != (tmp_path / "c.webp").read_bytes()


@pytest.mark.parametrize("mode", ["z-relative", "z-absolute", "u"])
def test_transfer_on_its_own_first_frame(run: Run, given: Path, tiny_weights: Path, tmp_path: Path, mode: str) -> None:
    first = next(read_frames(given / "driving.mkv")).pixels
    write_image(tmp_path / "first.png", Image(first))
    words = (given / "driving.mkv", tmp_path / "first.png", "--weights", tiny_weights, "--mode", mode)
    code, said, complaints = run("transfer", *words, "--out", tmp_path / "out.mkv", "--codec", "ffv1")
    assert (code, complaints) == (0, "")
    assert said.startswith("1 done")
    assert probe_video(tmp_path / "out.mkv").rate == 10
    taken = [frame.pixels.astype(int) for frame in read_frames(tmp_path / "out.mkv")]
    from lvmm_motion import Predictor

    whole = np.asarray(Predictor(tiny_weights, "cpu").reconstruct(given / "driving.mkv"))
    assert np.abs(np.stack(taken) - whole).max() <= 1


def test_what_fails_file_by_file(run: Run, given: Path, tiny_weights: Path, tmp_path: Path) -> None:
    write_image(given / "photos" / "2.png", Image(photo(31, 61, seed=0)))
    write_image(given / "photos" / "3.png", Image(photo(45, 60, seed=0)))
    write_image(given / "photos" / "4.png", Image(PHOTO, alpha=np.zeros((45, 61), np.uint8)))
    words = ("animate", given / "photos", "--weights", tiny_weights, "--out", tmp_path / "out", "--frames", 2)
    code, said, complaints = run(*words, "--mask", given / "mask.png")
    assert code == 1
    assert said.startswith("3 done, 0 skipped as done before, 2 failed")
    small, mask, alpha = complaints.splitlines()
    assert "photos/2.png: 61 x 31 pixels; a photo must have at least 32 x 32 pixels" in small
    assert "the mask has 61 x 45 pixels and the photo 60 x 45; they must be alike" in mask
    assert "photos/4.png: the photo is transparent in places; it is animated on white" in alpha
    assert files_in(tmp_path / "out") == ["0.mp4", "0.npz", "1.mp4", "1.npz", "4.mp4", "4.npz"]


def test_numbers_that_are_not_finite(run: Run, given: Path, tmp_path: Path) -> None:
    """In the denoiser and in the renderer; nothing is left of what was begun."""
    for part in ("denoiser", "autoencoder.generator.final"):
        torch.manual_seed(0)
        model = AnimationPipeline(TINY).eval()
        with torch.no_grad():
            next(model.get_submodule(part).parameters()).fill_(torch.nan)
        model.save_pretrained(tmp_path / part)
        words = ("--weights", tmp_path / part, "--out", tmp_path / "out" / part)
        code, _, complaints = run("animate", given / "photos" / "0.png", *words)
        assert code == 1
        assert complaints.count("\n") == 1
        assert "not finite" in complaints
        assert files_in(tmp_path / "out" / part) == []


def test_convert_and_transfer_by_a_published_file(run: Run, given: Path, tmp_path: Path) -> None:
    model = FlowAutoencoder(TINY.autoencoder).eval()
    torch.save(
        {"global_step": 1, "state_dict": to_published(model.config, model.state_dict())}, tmp_path / "theirs.pth"
    )
    assert run("convert", tmp_path / "theirs.pth", "--out", tmp_path / "ours")[0] == 0
    ours, theirs = load_model(tmp_path / "ours").state_dict(), model.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    for name in ("theirs.pth", "ours"):
        words = (given / "driving.mkv", given / "photos", "--weights", tmp_path / name, "--side", 32)
        assert run("transfer", *words, "--out", tmp_path / f"out-{name}")[0] == 0
        assert files_in(tmp_path / f"out-{name}") == ["0.mp4", "1.mp4"]


def test_bad_input_is_one_line(run: Run, given: Path, tiny_weights: Path, tmp_path: Path) -> None:
    torch.save({"diffusion": {"denoise_fn.a": torch.ones(1)}}, tmp_path / "flowdiff.pth")
    write_video(tmp_path / "one.mp4", [Frame(PHOTO)], Fraction(25))
    FlowAutoencoder(TINY.autoencoder).save_pretrained(tmp_path / "alone")
    np.save(tmp_path / "wide.npy", np.ones((1, 17), np.float32))
    photos, weights, out = given / "photos", ("--weights", tiny_weights), ("--out", tmp_path / "out")
    animate, driven = ("animate", photos), ("transfer", given / "driving.mkv", photos)
    for words, told in (
        ((*animate, "--weights", tmp_path / "flowdiff.pth", *out), "this is LFDM's diffusion network, another one"),
        ((*animate, *weights, *out, "--suffix", ".webm", "--codec", "h264"), ".webm does not hold h264, but vp9"),
        ((*animate, *weights, *out, "--codec", "hevc"), "codec is 'hevc'; it must be one of h264, vp9, ffv1"),
        ((*animate, *weights, *out, "--suffix", ".avi"), ".avi"),
        ((*animate, *weights, *out, "--embedder", "imagebind"), "the embedder imagebind needs the file of its weights"),
        ((*animate, *weights, "--out", tmp_path / "a.gif"), "one file, but there are 2 photos"),
        ((*driven, *weights, *out, "--mode", "w"), "mode"),
        (
            ("transfer", tmp_path / "one.mp4", photos, *weights, *out),
            "one.mp4: 1 frame; a driving video needs at least",
        ),
        # what is wrong for every photo is told once, before one is read
        ((*animate, *weights, *out, "--strength", "nan"), "strength is nan; it must be from 0 to 10"),
        ((*driven, *weights, *out, "--strength", 11), "strength is 11.0; it must be from 0 to 10"),
        ((*animate, *weights, *out, "--speed", 0), "speed is 0.0; it must be above 0 and at most 6"),
        ((*animate, *weights, *out, "--frames", -3), "frames is -3; it must be from 1 to 10000"),
        ((*animate, *weights, *out, "--fps", "nan"), "fps is nan; it must be from 0.001 to 1000"),
        ((*animate, *weights, *out, "--steps", 1000), "steps is 1000; it must be from 1 to 999"),
        ((*animate, *weights, *out, "--guidance", "nan"), "guidance is nan; it must be from 0 to 100"),
        ((*driven, *weights, *out, "--refine", -1), "refine is -1; it must be from 0 to 999 steps"),
        ((*animate, *weights, *out, "--prompt", "a"), "a prompt is not read by the embedder zeros"),
        ((*animate, *weights, *out, "--prompt", "a", "--motion", "a.npz"), "a prompt is for a motion that is drawn"),
        ((*animate, *weights, *out, "--motion", tmp_path / "none.npz"), "none.npz: cannot be read as a motion"),
        ((*animate, *weights, *out, "--mask", tmp_path / "none.png"), "none.png"),
        ((*animate, "--weights", tmp_path / "alone", *out), "of an auto-encoder, which draws no motion"),
        ((*animate, *weights, "--out", tmp_path / "a.avi"), "a.avi: cannot be written as '.avi'; use .mp4, "),
        ((*animate, *weights, *out, "--embedder", "given", "--embedder-weights", tmp_path / "wide.npy"), "takes 16"),
        ((*driven[:2], photos / "0.png", *weights, "--out", given / "driving.mkv"), "is the driving video itself"),
        (("transfer", tmp_path / "none.mp4", photos, *weights, *out), "none.mp4"),
        (("transfer", given / "mask.png", photos, *weights, *out), "cannot be read as a video"),
    ):
        refuses(run, *words, told=told)
    assert not (tmp_path / "out").exists()


def test_info_names_what_there_is(run: Run, tiny_weights: Path) -> None:
    code, said, _ = run("info", "--weights", tiny_weights, "--json")
    assert code == 0
    assert json.loads(said)["parameters"] > 0
