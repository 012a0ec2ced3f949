"""Clips of every kind: which there are, which frames they have, and one clear line for what is wrong."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lvmm_motion.data.clips import Clip
from lvmm_motion.data.datasets import open_clips, usable_clips
from lvmm_motion.data.preparation import square
from lvmm_motion.data.splits import split_clips
from visioncore.errors import InputError
from visioncore.testing.videos import film, gif, level, number_of, rotated, trimmed

SHARED = Path(__file__).parents[4] / "shared" / "data"


def numbers(clip: Clip) -> list[int]:
    return [number_of(frame) for frame in clip.frames(range(clip.length))]


def refused(data: Path, *told: str, **settings: float | str) -> None:
    with pytest.raises(InputError) as caught:
        usable_clips(open_clips(data, **settings))  # type: ignore[arg-type]
    message = str(caught.value)
    assert "\n" not in message
    for text in told:
        assert text in message


# which clips


def test_videos_in_a_folder(tmp_path: Path) -> None:
    for name in ("wave/b10.mp4", "wave/b2.mp4", "bend/a.mkv", "loose.mp4"):
        film(tmp_path / name, 3)
    gif(tmp_path / "wave" / "c.gif", [40, 40])
    (tmp_path / "notes.txt").write_text("no clip")
    clips = open_clips(tmp_path)
    assert [(clip.name, clip.label) for clip in clips] == [
        ("loose.mp4", None),
        ("bend/a.mkv", "bend"),
        ("wave/b2.mp4", "wave"),
        ("wave/b10.mp4", "wave"),
        ("wave/c.gif", "wave"),
    ]
    assert [clip.length for clip in usable_clips(clips)] == [3, 3, 3, 3, 2]


def test_folders_of_frames(tmp_path: Path) -> None:
    for name in ("wave/one/f1.png", "wave/one/f10.png", "wave/one/f2.png", "two/f1.jpg", "two/f2.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        number = int(Path(name).stem[1:])
        Image.new("RGB", (32, 32), (level(number),) * 3).save(tmp_path / name)
    two, one = open_clips(tmp_path, fps=12)
    assert (two.name, two.label, one.name, one.label) == ("two", None, "wave/one", "wave")
    assert numbers(one) == [1, 2, 10]
    assert one.fps == 12
    (itself,) = open_clips(tmp_path / "two")
    assert (itself.name, itself.label, itself.fps, numbers(itself)) == ("two", None, None, [1, 2])


def test_frames_with_alpha_are_put_on_white(tmp_path: Path) -> None:
    for number, alpha in enumerate((255, 0, 51)):
        Image.new("RGBA", (32, 32), (0, 100, 0, alpha)).save(tmp_path / f"{number}.png")
    (clip,) = open_clips(tmp_path)
    assert [tuple(frame[0, 0]) for frame in clip.frames(range(3))] == [(0, 100, 0), (255, 255, 255), (204, 224, 204)]


def test_one_video(tmp_path: Path) -> None:
    (clip,) = open_clips(film(tmp_path / "a.mp4", 5))
    assert (clip.name, clip.length, numbers(clip)) == ("a.mp4", 5, [0, 1, 2, 3, 4])
    assert clip.fps == pytest.approx(25)


@pytest.mark.parametrize("header", ["path,text,split,label,group\n", "", "Split,PATH,text,group,label\n"])
def test_a_csv_file(tmp_path: Path, header: str) -> None:
    film(tmp_path / "videos" / "a.mp4", 3)
    film(tmp_path / "videos" / "b.mp4", 3)
    rows = ["videos/a.mp4,a flag,train,flag,pole 1", "videos/b.mp4,,val,flag,pole 2"]
    if header.startswith("Split"):
        rows = ["train,videos/a.mp4,a flag,pole 1,flag", "val,videos/b.mp4,,pole 2,flag"]
    path = tmp_path / "list.csv"
    path.write_text(header + "\n".join(rows))
    a, b = usable_clips(open_clips(path))
    assert (a.name, a.text(), a.split, a.label, a.group) == ("videos/a.mp4", "a flag", "train", "flag", "pole 1")
    assert (b.text(), b.split) == ("", "val")
    assert [clip.name for clip in open_clips(path, split="val")] == ["videos/b.mp4"]
    refused(path, "no clip of split 'test'; there are train, val", split="test")


def test_lines_of_webvid(tmp_path: Path) -> None:
    film(tmp_path / "data" / "0" / "a.mp4", 3)
    lists = tmp_path / "lists"
    lists.mkdir()
    (lists / "00000.jsonl").write_text('{"path": "0/a.mp4", "text": "a flag in the wind"}\n')
    (lists / "00001.jsonl").write_text('\n{"path": "0/b.mp4", "text": "a fire"}\n')
    a, b = open_clips(lists, videos=tmp_path / "data")
    assert (a.name, a.text(), a.length, b.text()) == ("0/a.mp4", "a flag in the wind", 3, "a fire")
    with pytest.raises(InputError, match=r"data/0/b\.mp4"):
        usable_clips([a, b])


def test_lines_of_celebv_text(tmp_path: Path) -> None:
    film(tmp_path / "celebvtext_6" / "x_1.mp4", 3)
    line = {"video_name": "x_1", "action": "he nods\nhe shakes his head", "emotion": "glad", "light_dir": ""}
    (tmp_path / "train.jsonl").write_text(json.dumps(line))
    (clip,) = usable_clips(open_clips(tmp_path / "train.jsonl"))
    assert (clip.length, clip.label, clip.text()) == (3, None, "he nods glad")
    drawn = {clip.text(np.random.default_rng(seed)) for seed in range(20)}
    assert drawn == {"he nods glad", "he shakes his head glad"}


def sheet(path: Path, **changed: object) -> Path:
    """Five tiles of 8x6, three in a row, with their index."""
    pixels = np.zeros((12, 24, 3), np.uint8)
    for n in range(5):
        pixels[6 * (n // 3) : 6 * (n // 3) + 6, 8 * (n % 3) : 8 * (n % 3) + 8] = 10 * n
    Image.fromarray(pixels).save(path / "a.png")
    entry = {"file": "a.png", "frames": 5, "columns": 3, "tile": [8, 6], "action": "bend", "person": "D", "fps": 10}
    (path / "index.json").write_text(json.dumps([entry | changed]))
    return path


def test_sheets(tmp_path: Path) -> None:
    (clip,) = open_clips(sheet(tmp_path))
    assert (clip.name, clip.label, clip.group, clip.length, clip.fps) == ("a.png", "bend", "D", 5, 10)
    frames = clip.frames([4, 0, 2])
    assert frames.shape == (3, 6, 8, 3)
    assert [int(frame.max()) for frame in frames] == [int(frame.min()) for frame in frames] == [40, 0, 20]
    assert len(open_clips(tmp_path / "index.json")) == 1


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"frames": 0}, "entry 1, frames is 0"),
        ({"tile": "big"}, "entry 1, tile is 'big'"),
        ({"columns": True}, "entry 1, columns is True"),
        ({"file": ""}, "entry 1: file is ''"),
        ({"person": [1]}, "entry 1: group is [1]"),
        ({"fps": 0}, "entry 1: fps is 0; it should be a number from 0.001 to 1000"),
        ({"fps": "25"}, "entry 1: fps is '25'"),
    ],
)
def test_wrong_entries_of_sheets(tmp_path: Path, changed: dict[str, object], told: str) -> None:
    refused(sheet(tmp_path, **changed), str(tmp_path / "index.json"), told)


def test_a_sheet_too_small_for_its_tiles(tmp_path: Path) -> None:
    (clip,) = open_clips(sheet(tmp_path, frames=7))
    with pytest.raises(InputError, match=r"a\.png: 24x12; 7 tiles of 8x6, 3 in a row, need 24x18"):
        clip.frames([0])


# which frames


def test_frames_in_any_order(tmp_path: Path) -> None:
    (clip,) = open_clips(film(tmp_path / "a.mp4", 12))
    assert [number_of(frame) for frame in clip.frames([7, 2, 11, 2])] == [7, 2, 11, 2]
    for wrong in ([], [12], [-1]):
        with pytest.raises(ValueError, match=r"a\.mp4: frames .*it has 0 to 11"):
            clip.frames(wrong)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
def test_frames_per_second(tmp_path: Path, suffix: str) -> None:
    path = film(tmp_path / f"a{suffix}", 12)
    (same,), (half,), (double,), (tenth,) = (open_clips(path, fps=fps) for fps in (25, 12.5, 50, 2.5))
    assert numbers(same) == list(range(12))
    assert numbers(half) == [0, 2, 4, 6, 8, 10]
    assert double.length == 24
    assert numbers(double)[::2] == list(range(12))
    assert numbers(tenth) == [0, 10]
    assert (same.fps, half.fps) == (25, 12.5)


def test_variable_rate_is_taken_at_even_spacing(tmp_path: Path) -> None:
    """Half of the film at 10 and half at 50 frames a second: as many are taken, a fast half of them from the slow."""
    times = [0.1 * n for n in range(11)] + [1 + 0.02 * n for n in range(1, 51)]
    path = film(tmp_path / "a.mkv", 61, times=times)
    told: list[str] = []
    (clip,) = usable_clips(open_clips(path), say=told.append)
    assert told == ["1 clips have a variable frame rate, and frames of even spacing are taken: a.mkv"]
    assert clip.fps == pytest.approx(30)
    taken = numbers(clip)
    assert len(taken) == 61
    expected = [int(np.argmin(np.abs(np.array(times) - n / 30))) for n in range(61)]
    assert np.abs(np.array(taken) - expected).max() == 0
    assert taken[30:33] == [10, 12, 13]
    (slow,) = open_clips(path, fps=10)
    assert numbers(slow) == [*range(11), *range(15, 61, 5)]


def test_a_film_with_a_lost_frame_is_of_constant_rate(tmp_path: Path) -> None:
    times = [0.04 * n for n in range(40) if n != 20]
    told: list[str] = []
    (clip,) = usable_clips(open_clips(film(tmp_path / "a.mp4", 39, times=times)), say=told.append)
    assert (numbers(clip), told) == (list(range(39)), [])


def test_gifs_of_variable_rate(tmp_path: Path) -> None:
    (clip,) = open_clips(gif(tmp_path / "a.gif", [100, 100, 500, 100, 100]))
    taken = numbers(clip)
    assert taken == sorted(taken)
    assert taken.count(2) > 1


def test_rotated_films_stand_upright(tmp_path: Path) -> None:
    (clip,) = open_clips(rotated(film(tmp_path / "a.mp4", 3)))
    frames = clip.frames([0, 2])
    assert frames.shape == (2, 64, 48, 3)
    # its white left edge, turned clockwise, is on top
    assert frames[0, :6].min() > 240
    assert frames[0, 10:].max() < 60


def test_films_that_an_edit_list_trims(tmp_path: Path) -> None:
    (clip,) = open_clips(trimmed(film(tmp_path / "a.mp4", 12), first=5))
    assert numbers(clip) == list(range(5, 12))


# what is wrong


def test_a_clip_that_is_too_short(tmp_path: Path) -> None:
    refused(film(tmp_path / "a.mp4", 1), "a.mp4: 1 frame; at least 2 are needed")
    with pytest.raises(InputError, match=r"b\.mp4: 4 frames; at least 16 are needed"):
        usable_clips(open_clips(film(tmp_path / "b.mp4", 4)), 16)


def test_no_clips(tmp_path: Path) -> None:
    refused(tmp_path, str(tmp_path), "no clips in it; .mp4")
    refused(tmp_path / "none", "none: no such file or folder")
    (tmp_path / "a.csv").write_text("path,text\n")
    refused(tmp_path / "a.csv", "a.csv: no clips in it")


def test_a_broken_clip_names_itself_or_is_left_out(tmp_path: Path) -> None:
    whole = film(tmp_path / "b.mp4", 12).read_bytes()
    (tmp_path / "a.mp4").write_bytes(whole[: len(whole) // 2])
    film(tmp_path / "c.mp4", 1)
    refused(tmp_path, "a.mp4")
    told: list[str] = []
    (kept,) = usable_clips(open_clips(tmp_path), skip=True, say=told.append)
    assert kept.name == "b.mp4"
    assert len(told) == 1
    assert told[0].startswith("2 of 3 clips are left out; the first one: ")
    assert "a.mp4" in told[0]
    with pytest.raises(InputError, match="none of 2 clips can be used; the first one: "):
        usable_clips([clip for clip in open_clips(tmp_path) if clip.name != "b.mp4"], skip=True)


def test_frames_of_mixed_sizes(tmp_path: Path) -> None:
    for number, width in enumerate((32, 32, 40)):
        Image.new("RGB", (width, 32)).save(tmp_path / f"{number}.png")
    (clip,) = open_clips(tmp_path)
    with pytest.raises(InputError, match="frame 2 is 40x32, and frame 0 is 32x32; frames of a clip must have one size"):
        clip.frames([2, 0])


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.csv", "a.mp4,x,train,l,g,more\n", "line 1: 6 columns"),
        ("a.csv", "path,text\n,only text\n", "line 2: path is None"),
        ("a.jsonl", '{"path": "a.mp4"}\n{"path"', "line 2: not JSON"),
        ("a.jsonl", "[1]", "line 1: should be a JSON object"),
        ("a.jsonl", '{"path": 3}', "line 1: path is 3"),
        ("a.jsonl", '{"video_name": ""}', "line 1: video_name is ''"),
        ("a.jsonl", '{"video_name": "a", "emotion": 3}', "line 1, emotion is 3"),
        ("a.jsonl", '{"path": "a.mp4"}\n{"path": "a.mp4"}', "1 clips are there more than once: a.mp4"),
        ("a.json", "{}", "should be a list of objects"),
        ("a.mp4", "no video", "cannot be read as a video"),
    ],
)
def test_lists_that_are_none(tmp_path: Path, name: str, content: str, told: str) -> None:
    (tmp_path / name).write_text(content)
    refused(tmp_path / name, str(tmp_path / name), told)


@pytest.mark.parametrize("fps", [0, -1, float("nan"), 2000])
def test_wrong_rates(tmp_path: Path, fps: float) -> None:
    refused(film(tmp_path / "a.mp4", 3), "fps is", "it must be above 0 and at most 1000", fps=fps)


# parting


def test_groups_and_classes_are_not_parted(tmp_path: Path) -> None:
    clips = [
        Clip(f"{person}{n}{action}", open_clips(sheet(tmp_path))[0].source, label=action, group=person)
        for person in ("D", "E", "H", "I", None)
        for action in ("bend", "wave")
        for n in range(2)
    ]
    training, held_out = split_clips(clips, "group", 0.25)
    assert len({clip.group for clip in held_out}) == 1
    assert not {clip.group for clip in held_out} & {clip.group for clip in training}
    assert {None} < {clip.group for clip in training}
    assert split_clips(clips, "group", 0.25) == (training, held_out)
    assert len({split_clips(clips, "group", 0.25, seed)[1][0].group for seed in range(12)}) > 2
    training, held_out = split_clips(clips, "group", ["D", "E"])
    assert ({clip.group for clip in held_out}, len(training)) == ({"D", "E"}, 12)
    training, held_out = split_clips(clips, "label", ["wave"])
    assert {clip.label for clip in training} == {"bend"}
    assert len(split_clips(clips, "name", 0.2)[1]) == 4


@pytest.mark.parametrize(
    ("by", "held_out", "told"),
    [
        ("group", ["Z"], "no clip has the group Z; there are D, E"),
        ("name", 0, "held_out is 0"),
        ("name", 1.0, "held_out is 1.0"),
        ("label", 0.5, "clips have 0 different labels"),
        ("group", ["D", "E"], "0 clips to train on and 2 held out"),
    ],
)
def test_nothing_to_part(tmp_path: Path, by: str, held_out: float | list[str], told: str) -> None:
    source = open_clips(sheet(tmp_path))[0].source
    with pytest.raises(InputError, match=told):
        split_clips([Clip(name, source, group=name) for name in "DE"], by, held_out)  # type: ignore[arg-type]


# prepared


def test_the_middle_of_a_frame() -> None:
    """As torchvision resizes the shorter side of a Pillow image and cuts out the middle."""
    frame = np.zeros((30, 50, 3), np.uint8)
    frame[:, 9:41] = 200
    middle = square(frame, 15)
    assert middle.shape == (15, 15, 3)
    assert middle.min() >= 190
    assert square(frame.transpose(1, 0, 2), 15).min() >= 190
    assert square(frame, 64).shape == (64, 64, 3)
    assert square(middle, 15) is middle
    # each pixel is a mean over all that it stands for
    checks = np.tile(np.array([[0, 200], [200, 0]], np.uint8)[..., None], (16, 16, 3))
    assert np.abs(square(checks, 16)[2:-2, 2:-2].astype(int) - 100).max() <= 2
    # 25 columns of which 15 are kept: 5 on either side, and of 24 the even one of 4 and 5
    ramp = np.tile(np.arange(25, dtype=np.uint8)[None, :, None], (15, 1, 3))
    assert square(ramp, 15)[0, :, 0].tolist() == list(range(5, 20))
    assert square(ramp[:, :24], 15)[0, 0, 0] == 4


def test_clips_go_to_other_processes(tmp_path: Path) -> None:
    (clip,) = open_clips(film(tmp_path / "a.mp4", 5))
    assert clip.length == 5
    again: Clip = pickle.loads(pickle.dumps(clip))
    assert numbers(again) == [0, 1, 2, 3, 4]


@pytest.mark.skipif(not SHARED.is_dir(), reason="no folder of shared data beside the repository")
def test_real_clips() -> None:
    people = usable_clips(open_clips(SHARED / "human_actions"))
    assert (len(people), sum(clip.length for clip in people)) == (72, 5290)
    training, held_out = split_clips(people, "group", ["D", "E", "H", "I"])
    assert (len(training), len(held_out)) == (40, 32)
    assert len({clip.label for clip in held_out}) == 4
    natural = {clip.name: clip.length for clip in usable_clips(open_clips(SHARED / "natural_motion"))}
    assert (natural["flag.mp4"], natural["newtonscradle.gif"], len(natural)) == (250, 36, 8)
