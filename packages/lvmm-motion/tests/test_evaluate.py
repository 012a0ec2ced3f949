"""What is made of the first frames of clips, measured beside the baselines."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image as Pillow
from tiny import tiny_pipeline
from torch import Tensor

from lvmm_motion import Predictor
from lvmm_motion.data.clips import Clip, Pixels
from lvmm_motion.data.datasets import open_clips
from lvmm_motion.data.sampling import middle
from lvmm_motion.data.synthetic import Swinging, make_clips
from lvmm_motion.evaluation.clip_score import ClipScore
from lvmm_motion.evaluation.feature_networks import Network, video_features
from lvmm_motion.evaluation.feature_sets import FeatureSets
from lvmm_motion.evaluation.metrics import frechet_distance
from lvmm_motion.evaluation.protocols import Protocol, evaluate, to_frames
from lvmm_motion.evaluation.reconstruction import reconstruct_clips
from lvmm_motion.evaluation.settings import Settings, measured_clips
from lvmm_motion.network.flow import Motion
from visioncore.errors import InputError
from visioncore.images import Image, write_image
from visioncore.inference.batch import Summary
from visioncore.testing.photos import photo
from visioncore.testing.videos import film

SMALL = Settings(frames=17, size=32)


def features(images: Tensor) -> Tensor:
    """A fixed network: means of a few parts."""
    return torch.nn.functional.adaptive_avg_pool2d(images.flatten(1, -3), 2).flatten(1).double()


def distance(one: Tensor, other: Tensor) -> Tensor:
    return (one - other).square().mean(dim=(1, 2, 3))


NETWORKS: dict[str, Network] = {"lpips": distance, "fvd": features, "fid": features}


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return Predictor(tiny_pipeline(), "cpu")


@pytest.fixture
def clips() -> list[Clip]:
    return make_clips(3, frames=20, size=32, all_moves=True)


def saved(clips: list[Clip], folder: Path, frames: dict[str, Pixels]) -> Path:
    for clip in clips:
        for number, pixels in enumerate(frames[clip.name]):
            write_image(folder / clip.name / f"{number}.png", Image(pixels))
    return folder


def real(clip: Clip) -> Pixels:
    return clip.frames(middle(clip, 17))


def test_weights_beside_the_baselines(predictor: Predictor, clips: list[Clip], tmp_path: Path) -> None:
    evaluation = evaluate(
        clips,
        predictor,
        protocols=["frames", "temporal", "flow", "lpips", "fvd", "fid"],
        networks=NETWORKS,
        settings=SMALL,
    )
    means = evaluation.means()
    metrics = ["l1", "psnr_rgb", "ssim_rgb", "temporal", "lpips", "epe", "fvd", "fid"]
    assert list(means) == [f"{metric}{maker}" for metric in metrics for maker in ("", "_still", "_farneback")]
    # flow that follows what moves beats a network that knows nothing
    assert means["psnr_rgb_farneback"] > means["psnr_rgb_still"] + 3
    assert means["epe_farneback"] < 0.5 * means["epe_still"]
    made = [np.asarray(predictor.reconstruct(real(clip))) for clip in clips]
    l1 = [np.abs(m[1:].astype(float) - real(c)[1:]).mean() / 255 for m, c in zip(made, clips, strict=True)]
    assert means["l1"] == pytest.approx(np.mean(l1), rel=1e-5)
    assert evaluation.samples == {"fvd": 3, "fid": 48}
    assert evaluation.made_by == "LVMM, torch.float32"
    evaluation.save(tmp_path)
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["settings"] == {
        "frames": 17,
        "stride": 1,
        "size": 32,
        "drawn": False,
        "seed": 0,
        "steps": None,
        "prompt": "none",
    }
    assert report["means"]["l1"] == means["l1"]
    rows = list(csv.DictReader((tmp_path / "per_clip.csv").open()))
    assert [(row["clip"], row["frames"]) for row in rows] == [(clip.name, "16") for clip in clips]
    assert float(rows[1]["l1"]) == pytest.approx(l1[1], rel=1e-5)
    summary = {row["metric"]: row for row in csv.DictReader((tmp_path / "summary.csv").open())}
    assert list(summary) == metrics
    assert (summary["fvd"]["samples"], summary["l1"]["samples"]) == ("3", "3")


def test_perfect_results_of_any_tool(clips: list[Clip], tmp_path: Path) -> None:
    folder = saved(clips, tmp_path, {clip.name: real(clip) for clip in clips})
    evaluation = evaluate(clips, folder, protocols=["frames", "lpips", "fvd", "fid"], networks=NETWORKS, settings=SMALL)
    means = evaluation.means()
    assert means["l1"] == means["lpips"] == 0
    assert means["psnr_rgb"] == float("inf")
    assert means["ssim_rgb"] == pytest.approx(1)
    assert means["fvd"] == pytest.approx(0, abs=1e-6)
    assert means["fvd_still"] > 0.01
    assert evaluation.made_by == str(folder)


def test_repeating_frame_0_is_the_baseline_still(clips: list[Clip], tmp_path: Path) -> None:
    folder = saved(clips, tmp_path, {clip.name: real(clip)[:1].repeat(17, axis=0) for clip in clips})
    protocols: tuple[Protocol, ...] = ("frames", "temporal", "lpips", "fid")
    given = {name: NETWORKS[name] for name in ("lpips", "fid")}
    means = evaluate(clips, folder, protocols=protocols, networks=given, settings=SMALL).means()
    for metric in ("l1", "psnr_rgb", "ssim_rgb", "temporal", "lpips", "fid"):
        assert means[metric] == pytest.approx(means[f"{metric}_still"], rel=1e-9)


def test_flow_of_what_is_known(clips: list[Clip], predictor: Predictor, monkeypatch: pytest.MonkeyPatch) -> None:
    """A network whose flow is the known one has no error, and one that is a pixel off has one of a pixel."""
    result = predictor.reconstruct(real(clips[0]))
    off = 0.0

    def known(clip: Clip) -> Motion:
        assert isinstance(clip.source, Swinging)
        numbers = middle(clip, 17)
        places = [clip.source.motion(number, numbers[0])[0] for number in numbers]
        return Motion(torch.from_numpy(np.stack(places)) + off * 2 / 31, None)

    remaining = iter(clips * 2)

    def made(*_: object) -> object:
        motion = known(next(remaining))
        return type(
            "Made",
            (),
            {
                "motion": type("Kept", (), {"chunks": lambda self, *_: iter([motion])})(),
                "padding": (0, 0),
                "__array__": lambda self, *a, **k: np.asarray(result),
            },
        )()

    monkeypatch.setattr(predictor, "reconstruct", made)
    assert evaluate(clips, predictor, protocols=["flow"], settings=SMALL).means()["epe"] < 1e-5
    off = 1.0
    assert evaluate(clips, predictor, protocols=["flow"], settings=SMALL).means()["epe"] == pytest.approx(2**0.5)


def test_drawn_motion_is_measured_as_a_set(predictor: Predictor, clips: list[Clip]) -> None:
    settings = Settings(frames=17, size=32, drawn=True, seed=3, steps=2)
    given = {"fvd": features, "fid": features}
    evaluation = evaluate(clips, predictor, protocols=["temporal", "fvd", "fid"], networks=given, settings=settings)
    assert list(evaluation.means()) == ["temporal", "temporal_still", "fvd", "fvd_still", "fid", "fid_still"]
    assert evaluation.means()["temporal_still"] < 5e-4 < evaluation.means()["temporal"]
    again = evaluate(clips, predictor, protocols=["fid"], networks={"fid": features}, settings=settings).means()
    assert again["fid"] == evaluation.means()["fid"]
    of_pairs: tuple[Protocol, ...] = ("frames", "flow", "lpips")
    for protocol in of_pairs:
        with pytest.raises(InputError, match=f"{protocol}: says nothing of drawn motion"):
            evaluate(clips, predictor, protocols=[protocol], networks={protocol: distance}, settings=settings)


def test_prompts_of_drawn_motion(predictor: Predictor, clips: list[Clip], monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str | None] = []

    def animate(photo: Pixels, prompt: str | None, **options: object) -> Pixels:
        asked.append(prompt)
        assert options == {"frames": 17, "seed": 0, "steps": None}
        return photo[None].repeat(17, axis=0)

    monkeypatch.setattr(predictor, "animate", animate)
    for prompt in ("none", "text", "label"):
        settings = Settings(frames=17, size=32, drawn=True, prompt=prompt)
        evaluate(clips[1:2], predictor, protocols=["temporal"], settings=settings)
    assert asked == [None, "a ball that swings 2 times", "2"]
    bare = [*clips, Clip("bare", clips[0].source)]
    for prompt in ("text", "label"):
        settings = Settings(frames=17, size=32, drawn=True, prompt=prompt)  # type: ignore[arg-type]
        with pytest.raises(InputError, match=f"bare: has no {prompt}, which should be the prompt"):
            evaluate(bare, predictor, protocols=["temporal"], settings=settings)
    assert len(asked) == 3


@pytest.mark.parametrize("given", [{"prompt": "label"}, {"steps": 3}])
def test_what_is_for_drawn_motion(given: dict[str, Any]) -> None:
    assert Settings(drawn=True, **given).drawn
    with pytest.raises(InputError, match="is for motion that is drawn; set drawn, or leave it out"):
        Settings(**given)


def test_frames_against_their_text(clips: list[Clip], tmp_path: Path) -> None:
    """By a CLIP, equal to the package open_clip's with its own preparation of images."""
    torch.manual_seed(0)
    vision = {"image_size": 48, "layers": 2, "width": 128, "patch_size": 16}
    text = {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 1, "layers": 2}
    model = open_clip.CLIP(embed_dim=16, vision_cfg=vision, text_cfg=text).eval()
    torch.save(model.state_dict(), tmp_path / "open_clip_pytorch_model.bin")
    written = json.dumps({"model_cfg": {"embed_dim": 16, "vision_cfg": vision, "text_cfg": text}})
    (tmp_path / "open_clip_config.json").write_text(written)
    pixels = photo(70, 53, seed=1)
    prepare = open_clip.image_transform(48, is_train=False, interpolation="bicubic", resize_mode="shortest")
    with torch.no_grad():
        seen = model.encode_image(prepare(Pillow.fromarray(pixels))[None], normalize=True)
        read = model.encode_text(open_clip.tokenizer.tokenize(["a ball"]), normalize=True)
    found = ClipScore(tmp_path)(to_frames(pixels[None]), "a ball")
    torch.testing.assert_close(found, 100 * (seen * read).sum(dim=-1), atol=1e-3, rtol=0)
    folder = saved(clips, tmp_path / "made", {clip.name: real(clip) for clip in clips})
    means = evaluate(clips, folder, protocols=["clip"], networks={"clip": tmp_path}, settings=SMALL).means()
    score = ClipScore(tmp_path)
    own = [float(score(to_frames(real(clip)[1:]), clip.text()).mean()) for clip in clips]
    assert means["clip"] == pytest.approx(np.mean(own), abs=1e-4)
    assert list(means) == ["clip", "clip_still", "clip_farneback"]


def test_clips_without_a_text(predictor: Predictor, tmp_path: Path) -> None:
    network = {"clip": lambda frames, text: torch.zeros(len(frames))}
    clips = open_clips(film(tmp_path / "a.mp4", 4))
    with pytest.raises(InputError, match=r"a\.mp4: has no text and no class; a list can name them"):
        evaluate(clips, predictor, protocols=["clip"], networks=network, settings=SMALL)


def test_long_clips_count_as_one() -> None:
    sets = FeatureSets({"fvd": features})
    long, short = torch.rand(2, 160, 3, 8, 8), torch.rand(40, 3, 8, 8)
    for real in (*long, short):
        sets.add({"made": 1 - real}, real)
    assert sets.samples() == {"fvd": 22, "fvd_long": 2}
    rows, made = (
        np.stack([video_features(features, each).mean(axis=0) for each in clips]) for clips in (long, 1 - long)
    )
    assert sets.distances()["fvd_long"]["made"] == pytest.approx(frechet_distance(made, rows))


def test_clips_are_their_middle(tmp_path: Path) -> None:
    """Of a video of 12 frames at most 5, two apart, are the frames 1, 3, 5, 7, 9."""
    (clip,) = open_clips(film(tmp_path / "videos" / "a.mp4", 12))
    (tmp_path / "made").mkdir()
    settings = Settings(frames=5, stride=2, size=32)
    with pytest.raises(InputError, match=r"no video for 1 of 1 clips: a\.mp4"):
        evaluate([clip], tmp_path / "made", settings=settings)
    film(tmp_path / "made" / "a.mkv", 5)
    evaluation = evaluate([clip], tmp_path / "made", settings=settings)
    assert evaluation.clips[0].frames == 4
    # frames 1 to 4 of the result, which are lighter by 3 each, stand for 3, 5, 7, 9
    assert evaluation.means()["l1"] == pytest.approx(np.mean([2, 3, 4, 5]) * 3 * 0.9 / 255, rel=0.2)
    film(tmp_path / "made" / "a.mkv", 6)
    with pytest.raises(InputError, match=r"a\.mkv: 6 frames; 5 of the clip are measured"):
        evaluate([clip], tmp_path / "made", settings=settings)
    film(tmp_path / "made" / "a.mkv", 5)
    (tall,) = open_clips(film(tmp_path / "videos" / "a.mp4", 12, width=48, height=64))
    with pytest.raises(InputError, match=r"a\.mkv: frames are 64x48, and the real ones 48x64"):
        evaluate([tall], tmp_path / "made", settings=Settings(frames=5, stride=2, size=0))


@pytest.mark.parametrize(
    ("protocols", "networks", "told"),
    [
        (["blur"], {}, "unknown protocol blur; known are frames, temporal, flow, lpips, fvd, fid, clip"),
        ([], {}, "unknown protocol (none)"),
        (["fvd", "fid"], {"fid": features}, "fvd: needs a feature network, which is not part of this package"),
        (["frames"], {"fid": features}, "a network of fid is given, but fid is not among the protocols"),
    ],
)
def test_what_cannot_be_measured(
    predictor: Predictor, clips: list[Clip], protocols: list[str], networks: dict[str, object], told: str
) -> None:
    with pytest.raises(InputError) as caught:
        evaluate(clips, predictor, protocols=protocols, networks=networks, settings=SMALL)  # type: ignore[arg-type]
    assert told in str(caught.value)


def test_flow_needs_known_motion(predictor: Predictor, clips: list[Clip], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="flow: is not in results; give weights"):
        evaluate(clips, tmp_path, protocols=["flow"], settings=SMALL)
    real_clips = open_clips(film(tmp_path / "a.mp4", 4))
    with pytest.raises(InputError, match=r"a\.mp4: its motion is not known; flow is measured on made-up clips"):
        evaluate(real_clips, predictor, protocols=["flow"], settings=SMALL)


def test_flow_of_padded_frames(predictor: Predictor) -> None:
    clips = make_clips(1, frames=4, size=33)
    with pytest.raises(InputError, match="flow: frames of size 0 are padded; take a multiple of 32"):
        evaluate(clips, predictor, protocols=["flow"], settings=Settings(frames=4, size=0))


def test_short_clips(predictor: Predictor, tmp_path: Path) -> None:
    clips = open_clips(film(tmp_path / "a.mp4", 6))
    assert evaluate(clips, predictor, settings=SMALL).clips[0].frames == 5
    with pytest.raises(InputError, match="no clip has 16 frames, which FVD needs"):
        evaluate(clips, predictor, protocols=["fvd"], networks={"fvd": features}, settings=SMALL)
    with pytest.raises(InputError, match=r"b\.mp4: 1 frame; at least 2 are needed"):
        evaluate(open_clips(film(tmp_path / "b.mp4", 1)), predictor, settings=SMALL)
    with pytest.raises(InputError, match=r"a\.mp4: 6 frames; at least 9 are needed \(2 frames, 8 apart\)"):
        evaluate(clips, predictor, settings=Settings(stride=8, size=32))


@pytest.mark.parametrize("changed", [{"frames": 1}, {"stride": 0}, {"size": 16}, {"size": 5000}, {"size": -1}], ids=str)
def test_settings_out_of_range(changed: dict[str, int]) -> None:
    with pytest.raises(InputError, match=f"{next(iter(changed))}.* {next(iter(changed.values()))}[ ;]"):
        Settings(**changed)  # type: ignore[arg-type]


def test_eight_bit_frames() -> None:
    pixels = np.arange(2 * 4 * 5 * 3, dtype=np.uint8).reshape(2, 4, 5, 3)
    frames = to_frames(pixels)
    assert frames.shape == (2, 3, 4, 5)
    assert float(frames[1, 2, 3, 4] * 255) == pixels[1, 3, 4, 2]


# reconstructed


def test_clips_are_reconstructed(predictor: Predictor, tmp_path: Path) -> None:
    """Of every kind of clip, in its place; what is there is skipped; results are what `evaluate` makes itself."""
    for name in ("one/a.mp4", "one/b.mkv"):
        film(tmp_path / "data" / name, 9, times=[0.04 * n for n in range(9)])
    for number, pixels in enumerate(make_clips(1, 6, 40)[0].frames(range(6))):
        write_image(tmp_path / "data" / "two" / "v1.2" / f"{number}.png", Image(pixels))
    (tmp_path / "data" / "broken.mp4").write_text("no video")
    clips = open_clips(tmp_path / "data")
    settings, told = Settings(frames=5, size=32), list[str]()

    def make(**more: bool) -> Summary:
        return reconstruct_clips(
            clips, predictor, tmp_path / "out", settings=settings, suffix=".png", say=told.append, **more
        )

    summary = make()
    assert str(summary) == "3 done, 0 skipped as done before, 1 failed"
    assert "broken.mp4" in told[0]
    names = {str(path.relative_to(tmp_path / "out")) for path in summary.done}
    assert names == {"one/a", "one/b", "two/v1.2"}
    assert {path.name for path in (tmp_path / "out" / "two").iterdir()} == {"v1.2", "v1.2-figure.png"}
    assert str(make()) == "0 done, 3 skipped as done before, 1 failed"
    assert str(make(overwrite=True)) == "3 done, 0 skipped as done before, 1 failed"
    whole = [clip for clip in clips if clip.name != "broken.mp4"]
    own, found = (
        evaluate(whole, make_by, protocols=["frames"], settings=settings) for make_by in (predictor, tmp_path / "out")
    )
    assert found.means() == pytest.approx(own.means())
    settings = Settings(frames=4, size=32)
    assert str(make()) == "3 done, 0 skipped as done before, 1 failed"
    assert "a result" in told[-1] or "results are made anew: frames was 5 and is 4" in told[-2]


def test_videos_and_figures_of_reconstructions(predictor: Predictor, tmp_path: Path) -> None:
    clips = open_clips(film(tmp_path / "a.mp4", 9))
    for suffix, figure in ((".mp4", True), (".gif", False)):
        made = reconstruct_clips(
            clips, predictor, tmp_path / suffix[1:], settings=Settings(frames=6, size=0), suffix=suffix, figure=figure
        )
        (target,) = made.done
        (clip,) = open_clips(target)
        assert (target.name, clip.length) == (f"a{suffix}", 6)
        assert clip.frames([0]).shape == (1, 48, 64, 3)
        assert (target.parent / "a-figure.png").exists() == figure


def test_clips_that_cannot_be_reconstructed(predictor: Predictor, clips: list[Clip], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="made-up 0: is made up, and not read from a file"):
        reconstruct_clips(clips, predictor, tmp_path, settings=SMALL)
    for name in ("a.mp4", "a.mkv"):
        film(tmp_path / name, 3)
    with pytest.raises(InputError, match=r"a\.mp4: several clips would be written there"):
        reconstruct_clips(open_clips(tmp_path), predictor, tmp_path / "out", settings=SMALL)
    with pytest.raises(InputError, match=r"a\.mp4: this clip would be written over"):
        reconstruct_clips(open_clips(tmp_path / "a.mp4"), predictor, tmp_path, settings=SMALL)


@pytest.mark.parametrize("name", ["{}/videos/a.mp4", "../videos/a.mp4"])
def test_results_of_clips_elsewhere_stay_in_their_folder(predictor: Predictor, tmp_path: Path, name: str) -> None:
    """And the clip itself is not taken for what was made of it."""
    film(tmp_path / "videos" / "a.mp4", 3)
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "list.csv").write_text(f"path\n{name.format(tmp_path)}\n")
    clips, out, settings = open_clips(tmp_path / "lists" / "list.csv"), tmp_path / "out", Settings(frames=3, size=32)
    assert len(clips[0].frames([0])) == 1
    with pytest.raises(InputError, match="no video for 1 of 1 clips"):
        evaluate(clips, tmp_path / "lists", settings=settings)
    summary = reconstruct_clips(clips, predictor, out, settings=settings, suffix=".mkv", figure=False)
    (made,) = summary.done
    assert made.is_relative_to(out)
    assert ".." not in made.parts
    assert [path.name for path in (tmp_path / "videos").iterdir()] == ["a.mp4"]
    assert evaluate(clips, out, settings=settings).clips[0].frames == 2


def test_which_clips_are_measured(tmp_path: Path) -> None:
    made_up = measured_clips("made-up", SMALL)
    assert [(clip.length, clip.frames([0]).shape) for clip in made_up] == [(17, (1, 32, 32, 3))] * 8
    film(tmp_path / "a.mp4", 3)
    film(tmp_path / "b.mp4", 2)
    assert len(measured_clips(tmp_path, SMALL)) == 2
    told: list[str] = []
    (kept,) = measured_clips(tmp_path, Settings(stride=2), skip=True, say=told.append)
    assert (kept.name, len(told)) == ("a.mp4", 1)
    with pytest.raises(InputError, match=r"b\.mp4: 2 frames; at least 3 are needed"):
        measured_clips(tmp_path, Settings(stride=2))
