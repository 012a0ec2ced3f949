"""Clips in, actions and entities out."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch

from alt_action import ALT, Predictor, load_model
from alt_action.data.corpus import Corpus
from alt_action.data.entities import Entity
from alt_action.data.people import PEOPLE_ACTIONS
from alt_action.data.sampling import frame_numbers
from alt_action.inference.colours import draw_regions, entity_colours
from alt_action.inference.files import predict_files
from alt_action.inference.frame_cache import FrameCache
from alt_action.inference.result import NONE, Result
from visioncore.errors import InputError
from visioncore.video import Frame, read_frames, write_video

ACTIONS = PEOPLE_ACTIONS[:4]


@pytest.fixture
def model(tiny_weights: Path) -> ALT:
    """A tiny network."""
    return load_model(tiny_weights)


def encode(texts: Sequence[str]) -> torch.Tensor:
    """Vectors that follow from the letters of texts."""
    rows = [np.random.default_rng([ord(sign) for sign in text]).normal(size=32) for text in texts]
    return torch.tensor(np.array(rows), dtype=torch.float32)


def frames_of(clip: Path) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.stack([frame.pixels for frame in read_frames(clip)])


def test_a_file_and_its_frames_are_the_same(model: ALT, clip: Path, tmp_path: Path) -> None:
    predictor = Predictor(model, "cpu")
    of_file, of_array = predictor(clip), predictor(frames_of(clip))
    np.testing.assert_allclose(of_file.probabilities, of_array.probabilities, rtol=1e-6)
    assert of_file.source == clip
    assert [frame.number for frame in of_file.frames] == frame_numbers(24, 4)
    assert of_file.frames[1].time == pytest.approx(frame_numbers(24, 4)[1] / 25)
    assert of_array.frames[1].time is None
    report = json.loads(of_file.save(tmp_path).read_text())
    assert report["verdict"] == report["top"][0]["label"] == of_file.verdict
    assert [each["label"] for each in report["top"]] == [label for label, _ in of_file.top]
    assert sum(each["probability"] for each in report["top"]) == pytest.approx(1)
    assert report["margin"] == pytest.approx(report["top"][0]["probability"] - report["top"][1]["probability"])
    assert report["none"] is None
    with pytest.raises(InputError, match=r"actions are written as \.json"):
        of_file.save(tmp_path / "a.txt")


def test_scores_are_those_of_the_model(model: ALT, clip: Path) -> None:
    """Against the network itself, on the same frames and views: the mean of probabilities, not of logits."""
    from alt_action.data.clips import cut, to_frames, view_crops

    whole = frames_of(clip)
    clips = [
        np.stack([cut(whole[number], view_crops(96, 128, 32, 3), 32)[crop] for number in frame_numbers(24, 4, view, 2)])
        for view in range(2)
        for crop in range(3)
    ]
    with torch.no_grad():
        model.logit_scale.fill_(3.0)
        logits = model.scores(model(torch.stack([to_frames(list(frames), "clip") for frames in clips])))
    result = Predictor(model, "cpu", views=2, crops=3)(clip)
    np.testing.assert_allclose(result.probabilities, logits.softmax(dim=-1).mean(dim=0).numpy(), atol=1e-6)
    assert np.abs(result.probabilities - logits.mean(dim=0).softmax(dim=-1).numpy()).max() > 2e-5
    np.testing.assert_allclose(np.linalg.norm(result.video), 1, rtol=1e-6)


def test_shares_and_masks_partition_the_frame(model: ALT, clip: Path, tmp_path: Path) -> None:
    predictor = Predictor(model, "cpu")
    result = predictor(clip)
    for frame in result.frames:
        assert frame.patches.shape == frame.regions.shape == (4, 4)
        assert sum(frame.shares.values()) == pytest.approx(1)
        regions = 16 - 2 * 3
        assert frame.regions.min() >= 1
        assert set(np.unique(frame.regions)) == set(range(1, regions + 1))
        for region in np.unique(frame.regions):
            assert len(set(frame.patches[frame.regions == region].tolist())) == 1
    with torch.no_grad():
        from alt_action.data.clips import to_frames

        output = model.watch(model.regions(to_frames(result.pixels, "clip")[None]))
    for place, frame in enumerate(result.frames):
        by_network = {model.config.units[i]: float(m) for i, m in enumerate(output.mass[0, place]) if m > 0}
        assert frame.shares == pytest.approx(by_network)
    with np.load(result.save_regions(tmp_path / "new" / "regions.npz")) as saved:
        assert saved["entities"].shape == saved["regions"].shape == (4, 4, 4)
        assert saved["units"].tolist() == list(model.config.units)
        np.testing.assert_array_equal(saved["video"], result.video)


def test_a_second_look_costs_no_tower(model: ALT, clip: Path, counted: list[int]) -> None:
    predictor = Predictor(model, "cpu", encode=encode, batch=3)
    first = predictor(clip)
    assert counted == [3, 1]
    counted.clear()
    again = predictor(clip)
    np.testing.assert_array_equal(again.probabilities, first.probabilities)
    predictor.set_labels(["juggling", "sleeping"])
    assert predictor(clip).labels == ("juggling", "sleeping")
    predictor.network.set_corpus(Corpus.of([Entity("rope"), Entity("ball")]), encode)
    assert predictor(clip).verdict in ("juggling", "sleeping")
    assert counted == []
    predictor.views = 2
    predictor(clip)
    new = {n for view in range(2) for n in frame_numbers(24, 4, view, 2)} - set(frame_numbers(24, 4))
    assert sum(counted) == len(new)


def test_a_changed_file_is_looked_at_again(model: ALT, clip: Path, tmp_path: Path) -> None:
    predictor = Predictor(model, "cpu")
    whole = frames_of(clip)
    write_video(tmp_path / "a.mp4", map(Frame, whole), rate=25)  # type: ignore[arg-type]
    first = predictor(tmp_path / "a.mp4")
    write_video(tmp_path / "a.mp4", map(Frame, 255 - whole), rate=25)  # type: ignore[arg-type]
    assert np.abs(predictor(tmp_path / "a.mp4").video - first.video).max() > 1e-3


def test_the_cache_is_no_larger_than_asked_for(model: ALT, clip: Path, counted: list[int]) -> None:
    predictor = Predictor(model, "cpu")
    predictor.tower.cache = FrameCache(40_000)
    predictor(clip)
    assert 0 < predictor.tower.cache.bytes <= 40_000
    predictor.tower.cache = FrameCache(0)
    counted.clear()
    predictor(clip)
    predictor(clip)
    assert sum(counted) == 8
    assert predictor.tower.cache.bytes == 0


def test_other_labels_by_clips_own_text_tower(tiny_weights: Path, tiny_clip: Path, clip: Path, tmp_path: Path) -> None:
    pytest.importorskip("open_clip")
    (tmp_path / "labels.txt").write_text("juggling balls\nriding a bike\nsleeping\n")
    (tmp_path / "none.txt").write_text("a wall\n")
    options: dict[str, Any] = {
        "labels": tmp_path / "labels.txt",
        "background": tmp_path / "none.txt",
        "clip": tiny_clip,
    }
    result = Predictor(tiny_weights, "cpu", **options)(clip)
    assert result.labels == ("juggling balls", "riding a bike", "sleeping")
    assert result.background == ("a wall",)
    assert len(result.probabilities) == 4
    assert result.none == pytest.approx(result.probabilities[3])
    two = Predictor(tiny_weights, "cpu", **options, templates=["a photo of {label}", "{label}"])(clip)
    assert not np.allclose(two.probabilities, result.probabilities)


def test_clip_s_own_weights_name_labels_and_show_entities(
    tiny_clip: Path, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file, or the name under which it was fetched, is all that is needed; the untrained adapter adds nothing."""
    pytest.importorskip("open_clip")
    monkeypatch.setenv("VISIONCORE_CACHE", str(tmp_path / "cache"))
    place = tmp_path / "cache" / "weights" / "alt-action" / "clip-vit-b-16" / "ViT-B-16.pt"
    place.parent.mkdir(parents=True)
    shutil.copy(tiny_clip, place)
    told: list[str] = []
    plain = Predictor(tiny_clip, "cpu", labels=["juggling", "sleeping"], notify=told.append)(clip)
    assert told == []
    corpus = Corpus.of([Entity("rope"), Entity("ball")])
    for source in (tiny_clip, "clip-vit-b-16"):
        predictor = Predictor(source, "cpu", labels=["juggling", "sleeping"], corpus=corpus, notify=told.append)
        result = predictor(clip)
        np.testing.assert_allclose(result.video, plain.video, atol=1e-6)
        np.testing.assert_allclose(result.probabilities, plain.probabilities, atol=1e-5)
        assert result.units == ("rope", "ball")
        assert told.pop().startswith("the adapter is not trained: entities are shown")


def test_an_adapter_alone_is_looked_at_with_the_clip_that_is_given(tiny_clip: Path, clip: Path, tmp_path: Path) -> None:
    corpus = Corpus.of([Entity("rope"), Entity("ball")])
    network = ALT.from_clip(tiny_clip, corpus, ["juggling", "sleeping"], encode=encode, frames=4)
    network.save_pretrained(tmp_path / "adapter", adapter_only=True)
    for source in (tmp_path / "adapter", tmp_path / "adapter" / "model.safetensors"):
        result = Predictor(source, "cpu", clip=tiny_clip)(clip)
        np.testing.assert_allclose(result.video, Predictor(network, "cpu")(clip).video, atol=1e-6)
    assert Predictor("demo", "cpu", clip=tiny_clip).labels.names


def test_the_text_tower_of_another_clip(tiny_weights: Path, tiny_clip: Path, tmp_path: Path) -> None:
    state = torch.load(tiny_clip)
    state["visual.conv1.weight"] = torch.zeros(64, 3, 4, 4)
    torch.save(state, tmp_path / "other.pt")
    with pytest.raises(
        InputError, match=r"other\.pt: another CLIP, with patches of 4 pixels, .* the network has 8, 64"
    ):
        Predictor(tiny_weights, "cpu", labels=["jumping"], clip=tmp_path / "other.pt")


def test_a_text_tower_of_the_same_shape(tiny_clip: Path, tmp_path: Path) -> None:
    """Its vectors have nothing to do with those that are stored."""
    pytest.importorskip("open_clip")
    trained = ALT.from_clip(tiny_clip, Corpus.of([Entity("rope"), Entity("ball")]), ["juggling"], frames=4)
    state = torch.load(tiny_clip)
    state["text_projection"] = state["text_projection"].flip(0)
    torch.save(state, tmp_path / "other.pt")
    trained.save_pretrained(tmp_path / "whole")
    for network in (trained, tmp_path / "whole", tiny_clip):
        assert Predictor(network, "cpu", labels=["jumping"], clip=tiny_clip).labels.names == ("jumping",)
        with pytest.raises(InputError, match=r"other\.pt: another text tower than the network's, though of the same"):
            Predictor(network, "cpu", labels=["jumping"], clip=tmp_path / "other.pt")
    # of vectors that something else made nothing is known
    trained.set_labels(["juggling"], encode)
    assert Predictor(trained, "cpu", labels=["jumping"], clip=tmp_path / "other.pt").labels.names == ("jumping",)


def test_a_network_that_is_ready_already(model: ALT) -> None:
    with pytest.raises(InputError, match=r"ready for inference already .* give the network or the weights that it was"):
        Predictor(Predictor(model, "cpu").network, "cpu")


def test_another_corpus_costs_no_tower(model: ALT, clip: Path, counted: list[int]) -> None:
    predictor = Predictor(model, "cpu", encode=encode)
    predictor(clip)
    counted.clear()
    predictor.set_corpus(Corpus.of([Entity("rope"), Entity("ball")]))
    result = predictor(clip)
    assert counted == []
    assert result.units == ("rope", "ball")
    assert set(result.shares) <= {"rope", "ball"}
    assert predictor.recorded()["corpus"] == predictor.network.config.digest


def test_none_of_these() -> None:
    video = np.ones(2, np.float32)
    sure = Result(("a", "b"), ("x", "y"), np.array([0.5, 0.1, 0.3, 0.1], np.float32), video)
    unsure = Result(("a", "b"), ("x", "y"), np.array([0.3, 0.1, 0.5, 0.1], np.float32), video)
    assert (sure.verdict, unsure.verdict) == ("a", NONE)
    assert sure.none == pytest.approx(0.4)
    assert unsure.none == pytest.approx(0.6)
    assert unsure.margin == pytest.approx(0.2)
    assert unsure.top[0][1] == pytest.approx(0.3)
    assert NONE in str(unsure)
    assert Result(("a",), (), np.ones(1, np.float32), video).margin == 1


def test_stored_labels_need_no_text_tower(model: ALT, tmp_path: Path) -> None:
    (tmp_path / "same.txt").write_text("\n".join(label.replace(" ", "_") for label in ACTIONS))
    assert Predictor(model, "cpu", labels=tmp_path / "same.txt").labels.names[0] == ACTIONS[0].replace(" ", "_")
    given: tuple[dict[str, Any], ...] = (
        *({"labels": ["jumping"]}, {"background": ["a wall"]}, {"templates": ["a {label}"]}),
    )
    first, *others = ACTIONS
    split = Predictor(model, "cpu", labels=[first], background=others).labels
    assert split.background == tuple(others)
    torch.testing.assert_close(split.vectors, model.label_features)
    for options in given:
        with pytest.raises(InputError, match=r"the stored ones \(bending forward, .*\) need a text tower; give clip"):
            Predictor(model, "cpu", **options)
    with pytest.raises(InputError, match="need a text tower"):
        Predictor(model, "cpu", corpus=Corpus.of([Entity("rope")]))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"frames": 0}, "frames is 0"),
        ({"frames": 5000}, "frames is 5000; it must be from 1 to 256; a long video is taken by windows"),
        ({"views": 0}, "views is 0; it must be from 1 to 100"),
        ({"crops": 2}, "crops 2"),
        ({"cache_mb": -1}, "cache_mb is -1"),
        ({"templates": ["a photo"]}, "template 'a photo' lacks {label}"),
        ({"labels": []}, "labels: no labels"),
        ({"labels": ["run", "Run"]}, "labels are there twice: run"),
        ({"background": ["bending forward"]}, "background: 'bending forward' is a label too"),
    ],
)
def test_options_that_will_not_do(model: ALT, options: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError) as caught:
        Predictor(model, "cpu", encode=encode, **options)
    assert told in str(caught.value)


def test_vectors_of_another_length(model: ALT) -> None:
    with pytest.raises(InputError, match="their vectors have length 5; those of the network have 32"):
        Predictor(model, "cpu", background=["a wall"], encode=lambda texts: torch.rand(len(texts), 5))
    with pytest.raises(InputError, match="vectors have length 8"):
        Predictor(model, "cpu", encode=lambda texts: torch.ones(len(texts), 8), labels=["jumping"])


def test_frames_that_are_none(model: ALT) -> None:
    predictor = Predictor(model, "cpu")
    for frames in (np.zeros((0, 8, 8, 3), np.uint8), np.zeros((4, 8, 8, 3)), np.zeros((8, 8, 3), np.uint8)):
        with pytest.raises(InputError, match=r"they must be \(N, H, W, 3\) of uint8"):
            predictor(frames)  # type: ignore[arg-type]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_videos_with_fewer_frames_than_are_looked_at(model: ALT, clip: Path, tmp_path: Path, count: int) -> None:
    write_video(tmp_path / "short.mp4", map(Frame, frames_of(clip)[:count]), rate=25)  # type: ignore[arg-type]
    result = Predictor(model, "cpu", views=2)(tmp_path / "short.mp4")
    assert len(result.frames) <= count
    assert result.probabilities.sum() == pytest.approx(1)


def sound_alone(path: Path) -> None:
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("aac", rate=48000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.rate, frame.pts = 48000, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode())


def without_frames(path: Path, clip: Path) -> None:
    with av.open(str(clip)) as old, av.open(str(path), "w") as new:
        new.add_stream_from_template(old.streams.video[0])
        new.start_encoding()


def test_videos_that_cannot_be_read(model: ALT, clip: Path, tmp_path: Path) -> None:
    predictor = Predictor(model, "cpu")
    sound_alone(tmp_path / "sound.mp4")
    without_frames(tmp_path / "empty.mkv", clip)
    (tmp_path / "text.mp4").write_text("no video")
    whole = clip.read_bytes()
    (tmp_path / "half.mp4").write_bytes(whole[: len(whole) // 2])
    with av.open(str(clip)) as old, av.open(str(tmp_path / "whole.mkv"), "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in old.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                new.mux(packet)
    cut = (tmp_path / "whole.mkv").read_bytes()
    (tmp_path / "cut.mkv").write_bytes(cut[: int(0.7 * len(cut))])
    for name, told in (
        ("sound.mp4", "no video stream"),
        ("empty.mkv", "no frame can be decoded|cannot be read as a video"),
        ("text.mp4", "cannot be read as a video"),
        ("half.mp4", "cannot be read as a video"),
        ("cut.mkv", "truncated"),
        ("none.mp4", "No such file"),
    ):
        with pytest.raises(InputError, match=told) as caught:
            predictor(tmp_path / name)
        assert "\n" not in str(caught.value)
        assert str(caught.value).startswith(str(tmp_path / name))


def test_regions_are_drawn_where_they_are() -> None:
    frame = np.zeros((40, 60, 3), np.uint8)
    patches = np.array([[0, 1], [2, 2]], np.int16)
    from alt_action.data.clips import Crop

    drawn = draw_regions(frame, patches, entity_colours([0, 2]), Crop(0, 10, 40, 40))
    coloured = drawn.max(axis=2) > 0
    assert coloured[:20, 10:30].all()
    assert not coloured[:20, 30:].any()
    assert coloured[20:, 10:50].all()
    assert not coloured[:, :10].any()
    assert (drawn[0, 10] != drawn[30, 10]).any()


def test_weights_without_labels_have_features_alone(tiny_clip: Path, clip: Path, tmp_path: Path) -> None:
    predictor = Predictor(ALT.from_clip(tiny_clip), "cpu")
    assert predictor.features(clip).shape == (32,)
    with pytest.raises(InputError, match="these weights have no labels; give labels"):
        predictor(clip)
    with pytest.raises(InputError, match="these weights have no labels"):
        predict_files([clip], predictor, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_features_are_vectors_of_length_one(model: ALT, videos: Path) -> None:
    predictor = Predictor(model, "cpu")
    vectors = np.stack([predictor.features(path) for path in sorted(videos.rglob("*.mp4"))])
    assert vectors.shape == (8, 32)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
