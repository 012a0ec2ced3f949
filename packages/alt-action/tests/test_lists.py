"""Lists of videos as the community shares them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from alt_action.data.labels import Labels, as_labels
from alt_action.data.splits import read_splits
from alt_action.data.subsets import few_shot, hold_out
from alt_action.data.video_lists import read_videos
from visioncore.errors import InputError

UCF = as_labels(["ApplyEyeMakeup", "Archery"])


@pytest.fixture
def files(tmp_path: Path) -> Callable[..., Path]:
    """Makes empty files, which nothing here reads, and returns their folder."""

    def make(*names: str) -> Path:
        for name in names:
            path = tmp_path / "videos" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"")
        return tmp_path / "videos"

    return make


def listed(folder: Path, name: str, text: str) -> Path:
    (folder / name).write_text(text)
    return folder / name


def test_text_is_split_at_the_last_blank(files: Callable[..., Path], tmp_path: Path) -> None:
    root = files("Archery/a b.mp4", "c.mp4")
    path = listed(tmp_path, "val.txt", "Archery/a b.mp4 1\nc.mp4 0\n\ngone/d.mp4 1\n")
    found = read_videos(path, UCF, videos=root)
    assert [(video.path.name, video.label) for video in found.videos] == [("a b.mp4", 1), ("c.mp4", 0)]
    assert (found.listed, found.missing) == (3, ("gone/d.mp4",))
    assert found.found == "2 of 3 listed videos found; missing are gone/d.mp4"


def test_ucf_names_classes_by_folders_and_counts_from_one(files: Callable[..., Path], tmp_path: Path) -> None:
    names = ("ApplyEyeMakeup/v_ApplyEyeMakeup_g01_c01.avi", "Archery/v_Archery_g01_c01.avi")
    root = files(*names)
    test = listed(tmp_path, "testlist01.txt", "\n".join(names))
    train = listed(tmp_path, "trainlist01.txt", "\n".join(f"{name} {id}" for id, name in enumerate(names, start=1)))
    labels = Labels(("ApplyEyeMakeup", "Archery"), (1, 2))
    for path, given in ((test, labels), (test, UCF), (train, labels), (test, None)):
        assert [video.label for video in read_videos(path, given, videos=root).videos] == [0, 1]
    zero_based = Labels(("ApplyEyeMakeup", "Archery", "BabyCrawling"), (0, 1, 2))
    with pytest.raises(InputError, match=r"line 1: .* class 1, 'Archery', but lies in the folder of 'ApplyEyeMakeup'"):
        read_videos(train, zero_based, videos=root)


def test_hmdb(files: Callable[..., Path], tmp_path: Path) -> None:
    root, splits = files("brush_hair/a.avi", "brush_hair/b.avi", "clap/c.avi"), tmp_path / "splits"
    splits.mkdir()
    listed(splits, "brush_hair_test_split1.txt", "a.avi 1 \nb.avi 2 \nx.avi 0 \n")
    listed(splits, "clap_test_split1.txt", "c.avi 2 \n")
    listed(splits, "clap_test_split2.txt", "c.avi 1 \n")
    test, train = (
        read_videos(splits, as_labels(["clap", "brush hair"]), videos=root, part=p) for p in ("test", "train")
    )
    assert [(video.path.name, video.label) for video in test.videos] == [("b.avi", 1), ("c.avi", 0)]
    assert [video.path.name for video in train.videos] == ["a.avi"]
    assert test.name == "splits 1"
    with pytest.raises(InputError, match="they must be 1, 2 or 3, and train or test"):
        read_videos(splits, videos=root, part="validation")


def test_kinetics_and_something(files: Callable[..., Path], tmp_path: Path) -> None:
    root = files("val/abc_000010_000020.mp4", "deep/er/-de_000001_000011.mkv", "78687.webm")
    lines = ("abseiling,abc,10,20,validate", "yoga,-de,1,11,validate", "yoga,no,1,2,val")
    rows = "\n".join(["label,youtube_id,time_start,time_end,split", *lines])
    found = read_videos(listed(tmp_path, "val.csv", rows), videos=root)
    assert [(video.path.name, video.label) for video in found.videos] == [
        ("abc_000010_000020.mp4", 0),
        ("-de_000001_000011.mkv", 1),
    ]
    assert found.labels.names == ("abseiling", "yoga")
    assert found.missing == ("no_000001_000002.mp4",)
    something = [{"id": "78687", "label": "holding a cup", "template": "Holding [something]"}]
    labels = as_labels(["Bending something", "Holding something"])
    path = listed(tmp_path, "validation.json", json.dumps(something))
    assert read_videos(path, labels, videos=root).videos[0].label == 1


def test_csv_and_folders(files: Callable[..., Path], tmp_path: Path) -> None:
    root = files("Archery/1.mp4", "ApplyEyeMakeup/sub/2.avi", "ApplyEyeMakeup/notes.txt")
    rows = "path,label\nArchery/1.mp4,archery\nApplyEyeMakeup/sub/2.avi,0\n"
    found = read_videos(listed(tmp_path, "mine.csv", rows), UCF, videos=root)
    assert [video.label for video in found.videos] == [1, 0]
    found = read_videos(root)
    assert [(video.name, video.label) for video in found.videos] == [
        ("ApplyEyeMakeup/sub/2.avi", 0),
        ("Archery/1.mp4", 1),
    ]
    assert found.found == "2 of 2 listed videos found"
    files("loose.mp4")
    with pytest.raises(InputError, match=r"loose\.mp4 lies in no folder of a class"):
        read_videos(root)


def test_copies_that_are_laid_out_otherwise_are_found_by_name(files: Callable[..., Path], tmp_path: Path) -> None:
    root = files("x/one.mp4", "y/two.mp4", "z/two.mp4")
    path = listed(tmp_path, "val.txt", "Archery/one.mp4 1\nArchery/two.mp4 1\n")
    found = read_videos(path, UCF, videos=root)
    assert [video.path for video in found.videos] == [root / "x" / "one.mp4"]
    assert found.missing == ("Archery/two.mp4",)


def test_a_video_of_another_class_is_not_taken_for_one_that_is_missing(
    files: Callable[..., Path], tmp_path: Path
) -> None:
    root = files("Archery/001.mp4", "Archery/002.mp4")
    path = listed(tmp_path, "val.txt", "Archery/001.mp4 1\nApplyEyeMakeup/001.mp4 0\nApplyEyeMakeup/002.mp4 0\n")
    found = read_videos(path, UCF, videos=root)
    assert [(video.path, video.label) for video in found.videos] == [(root / "Archery" / "001.mp4", 1)]
    assert found.missing == ("ApplyEyeMakeup/001.mp4", "ApplyEyeMakeup/002.mp4")
    loose = listed(tmp_path, "loose.txt", "one/003.mp4 1\ntwo/003.mp4 0\none/001.mp4 1\n")
    files("three/003.mp4")
    assert read_videos(loose, UCF, videos=root).missing == ("one/003.mp4", "two/003.mp4")


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("a.txt", "", "no videos in this list"),
        ("a.txt", "Archery/1.mp4 7\n", "line 1: class 7 is not one of the 2 labels, whose ids are 0 to 1"),
        ("a.txt", "1.mp4\n", "line 1: '1.mp4' has no class; it should end with its id"),
        ("a.txt", "Archery/none.mp4 1\n", "none of its 1 videos is in"),
        ("a.csv", "path,label\nArchery/1.mp4,swimming\n", "line 2: 'swimming' is not one of the 2 labels"),
        ("a.csv", "path,label\nArchery/1.mp4\n", "line 2: 'Archery/1.mp4'; it should be a path and a label"),
        ("a.csv", "youtube_id,label\nabc,Archery\n", "line 2: should be youtube_id,label,time_start,time_end,split"),
        ("a.json", "{}", "it should be a list of objects with id and template"),
        ("a.json", '[{"id": 3}]', "object 1: should have id and template"),
        ("a.json", "{", "not JSON"),
    ],
)
def test_lists_that_will_not_do(files: Callable[..., Path], tmp_path: Path, name: str, text: str, told: str) -> None:
    root, path = files("Archery/1.mp4"), listed(tmp_path, name, text)
    with pytest.raises(InputError) as caught:
        read_videos(path, UCF, videos=root)
    assert told in str(caught.value)
    assert str(caught.value).startswith(str(path))


def test_ids_need_labels(files: Callable[..., Path], tmp_path: Path) -> None:
    path = listed(tmp_path, "a.txt", "Archery/1.mp4 1\n")
    with pytest.raises(InputError, match=r"names classes by ids, such as 1; give the file of labels too"):
        read_videos(path, videos=files("Archery/1.mp4"))


def test_few_shot_lists(files: Callable[..., Path]) -> None:
    root = files(*(f"{label}/{number}.mp4" for label in ("a", "b") for number in range(9)))
    every = read_videos(root)
    drawn = few_shot(every, 4, seed=1)
    assert [video.label for video in drawn.videos] == [0] * 4 + [1] * 4
    assert drawn == few_shot(every, 4, seed=1)
    assert drawn != few_shot(every, 4, seed=2)
    assert drawn.listed == 8
    (root / "b" / "8.mp4").unlink()
    with pytest.raises(InputError, match="9 videos of each class are asked for; fewer are there of b"):
        few_shot(read_videos(root), 9)


def test_the_same_share_of_each_class_is_held_out(files: Callable[..., Path], tmp_path: Path) -> None:
    sizes = {"a": 20, "b": 10, "c": 1}
    root = files(*(f"{label}/{number}.mp4" for label, count in sizes.items() for number in range(count)))
    every = read_videos(root)
    sides = [hold_out(every, 0.3, 500, seed) for seed in range(5)]
    for inside, outside in sides:
        counts = [Counter(video.label for video in side.videos) for side in (inside, outside)]
        assert counts == [{0: 14, 1: 7, 2: 1}, {0: 6, 1: 3}]
        assert {*inside.videos} | {*outside.videos} == {*every.videos}
    assert len({outside.videos for _, outside in sides}) == 5
    assert sides[2] == hold_out(every, 0.3, 500, 2)
    assert len(hold_out(every, 0.3, 4)[1]) == 4
    assert len(hold_out(every, 0.001, 500)[1]) == 1
    twice = listed(tmp_path, "twice.txt", "a/1.mp4\na/1.mp4\na/2.mp4\n")
    assert sorted(map(len, hold_out(read_videos(twice, videos=root), 0.1, 500))) == [1, 2]
    with pytest.raises(InputError, match="videos, 1 in all: 1 would be held out for validation, and at least one must"):
        hold_out(read_videos(listed(tmp_path, "one.txt", "a/1.mp4\n"), videos=root), 0.1, 500)


def test_several_splits(files: Callable[..., Path], tmp_path: Path) -> None:
    root = files("1.mp4", "2.mp4")
    for number in (1, 2):
        listed(tmp_path, f"list{number}.txt", f"{number}.mp4 0\n")
        listed(tmp_path, f"labels{number}.csv", f"id,name\n0,action {number}\n")
    found = read_splits(tmp_path / "list*.txt", tmp_path / "labels*.csv", root)
    assert [(split.name, split.labels.names) for split in found] == [
        ("list1.txt", ("action 1",)),
        ("list2.txt", ("action 2",)),
    ]
    one = read_splits(tmp_path / "list*.txt", tmp_path / "labels1.csv", root)
    assert [split.labels.names for split in one] == [("action 1",)] * 2
    listed(tmp_path, "labels3.csv", "id,name\n0,action 3\n")
    with pytest.raises(InputError, match="3 files of labels for 2 lists"):
        read_splits(tmp_path / "list*.txt", tmp_path / "labels*.csv", root)
    with pytest.raises(InputError, match="no file matches this pattern"):
        read_splits(tmp_path / "none*.txt")
