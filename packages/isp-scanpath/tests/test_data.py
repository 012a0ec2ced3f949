"""The data sets as they lie on disk, and what is wrong with them in one line."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat

from isp_scanpath.data.datasets import read_scanpaths
from isp_scanpath.data.osie import published_split
from isp_scanpath.network.scanpaths import Frame
from visioncore.errors import InputError
from visioncore.images import Image, write_image

LIST = {"name": "1001.jpg", "subject": 0, "X": [1.0, 800.0], "Y": [1, 300], "T": [200, 150], "split": "train"}
COCO = {**LIST, "subject": 1, "task": "cup", "split": "valid"}
AIR = {
    "question_id": "q1", "image_id": "7", "height": 300, "width": 400, "subject_idx": "AR", "X": [10.0], "Y": [20.0],
    "T_start": [100], "T_end": [350], "length": 1, "answers": ["yes"],
}  # fmt: skip


def written(path: Path, entries: object) -> Path:
    path.write_text(json.dumps(entries), encoding="utf-8")
    return path


def matlab(path: Path, observers: int = 15, **changes: Any) -> Path:
    """Write a file as OSIE's, of three images."""
    subjects = np.empty((observers,), object)
    for index in range(observers):
        subjects[index] = {"fix_x": [10.5, 700.0], "fix_y": [20.0, 590.5], "fix_duration": [200 + index, 90]} | changes
    items = np.empty((3, 1), object)
    for row, name in enumerate(("1001.jpg", "1009.jpg", "1002.jpg")):
        items[row, 0] = {"img": name, "subjects": subjects}
    savemat(path, {"fixations": items})
    return path


def test_osie(tmp_path: Path) -> None:
    (tmp_path / "stimuli").mkdir()
    (tmp_path / "eye").mkdir()
    data = read_scanpaths(matlab(tmp_path / "eye" / "fixations.mat").parent.parent)
    assert data.name == "osie"
    assert data.frame_of("1001.jpg") == Frame(800, 600)
    assert data.first_pixel == 1
    assert data.images == tmp_path / "stimuli"
    assert Counter(trial.split for trial in data.trials) == {"test": 15, "train": 30}
    trial = data.trials[16]
    assert (trial.image, trial.observer, trial.split) == ("1009.jpg", 1, "test")
    np.testing.assert_allclose(trial.fixations, [[10.5, 20, 0.201], [700, 590.5, 0.09]])
    with pytest.raises(InputError, match=r"3 of 3 images of fixations\.mat are missing: 1001\.jpg, 1009\.jpg, 1002"):
        data.check_images()
    with pytest.raises(InputError, match=r"no observer '15'; known are 0, 1, .*, 14$"):
        data.observer_index("15")
    assert data.observer_index("14") == 14


def test_osie_split() -> None:
    """Sizes, some of the test images, and the first ones that are shuffled into validation."""
    images = [f"{1000 + number}.jpg" for number in range(1, 701)]
    split = published_split(images)
    assert Counter(split.values()) == {"train": 560, "validation": 70, "test": 70}
    assert {name for name in images if split[name] == "test"} >= {"1009.jpg", "1017.jpg", "1699.jpg"}
    shuffled = [name for name, part in split.items() if part == "validation"]
    assert shuffled[:4] == ["1104.jpg", "1678.jpg", "1188.jpg", "1333.jpg"]


def test_osie_of_one_fixation(tmp_path: Path) -> None:
    data = read_scanpaths(matlab(tmp_path / "f.mat", fix_x=[3.5], fix_y=[4.5], fix_duration=[80]))
    assert data.trials[0].fixations.tolist() == [[3.5, 4.5, 0.08]]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fix_x": [1.0, 2.0, 3.0]}, "1001.jpg, observer 0: 3 x, 2 y and 2 durations"),
        ({"fix_duration": [100, 0]}, "1001.jpg, observer 0: fixation 2 lasts 0 ms"),
        ({"fix_duration": [-5, 10]}, "fixation 1 lasts -5 ms; durations must be above 0"),
        ({"fix_y": [1.0, np.nan]}, "fixation 2 is no finite number"),
        ({"fix_x": [], "fix_y": [], "fix_duration": []}, "a scanpath without a fixation"),
        ({"fix_x": "text"}, "must be lists of numbers"),
        ({"observers": 16}, "1001.jpg: 16 observers; OSIE has 15"),
    ],
)
def test_osie_that_is_wrong(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_scanpaths(matlab(tmp_path / "f.mat", **changes))


def test_matlab_files_of_another_layout(tmp_path: Path) -> None:
    savemat(tmp_path / "other.mat", {"points": [1, 2]})
    with pytest.raises(InputError, match=r"other\.mat: of another layout; it should hold fixations"):
        read_scanpaths(tmp_path / "other.mat")
    savemat(tmp_path / "flat.mat", {"fixations": [1, 2]})
    with pytest.raises(InputError, match=r"flat\.mat, image 1: of another layout"):
        read_scanpaths(tmp_path / "flat.mat")
    (tmp_path / "text.mat").write_text("no MATLAB file at all, but text that is longer than a header would be" * 4)
    with pytest.raises(InputError, match=r"text\.mat: truncated, damaged or no MATLAB file"):
        read_scanpaths(tmp_path / "text.mat")
    with pytest.raises(InputError, match=r"no fixations\.mat here or in eye"):
        read_scanpaths(tmp_path)


def test_lists_of_osie(tmp_path: Path) -> None:
    data = read_scanpaths(written(tmp_path / "f.json", [LIST, {**LIST, "subject": 14}]), tmp_path)
    assert (data.name, data.first_pixel, data.outside()) == ("osie", 1, 0)
    assert [trial.observer for trial in data.trials] == [0, 14]
    np.testing.assert_allclose(data.trials[0].fixations, [[1, 1, 0.2], [800, 300, 0.15]])
    asd = read_scanpaths(written(tmp_path / "g.json", [{**LIST, "subject": 38, "group": 1}]))
    assert (asd.name, asd.groups[38], len(asd.observers)) == ("osie-asd", "asd", 39)


def test_lists_of_coco(tmp_path: Path) -> None:
    entries = [{**COCO, "subject": number} for number in (1, 2, 3)]
    with pytest.warns(UserWarning, match=r"f\.json: 3 of 6 fixations lie outside their image; they count as on its"):
        data = read_scanpaths(written(tmp_path / "f.json", entries))
    assert (data.name, data.first_pixel) == ("coco-search18", 0)
    assert [trial.observer for trial in data.trials] == [0, 1, 2]  # the list counts from 1
    trial = data.part("validation")[0]
    assert (trial.image, trial.task) == ("cup/1001.jpg", "cup")
    assert data.frame_of(trial.image) == Frame(512, 320)
    assert data.outside() == 3


def test_lists_of_air(tmp_path: Path) -> None:
    written(tmp_path / "AiR_fixations_test.json", [{**AIR, "question_id": "q2"}])
    data = read_scanpaths(written(tmp_path / "AiR_fixations_train.json", [AIR]))
    assert [(t.image, t.task, t.split) for t in data.trials] == [("7.jpg", "q1", "train"), ("7.jpg", "q2", "test")]
    assert data.observers[data.trials[0].observer] == "AR"
    assert data.frame_of("7.jpg") == Frame(400, 300)
    assert data.trials[0].fixations.tolist() == [[10, 20, 0.25]]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({**LIST, "subject": 15}, "entry 2: subject 15; osie has those from 0 to 14"),
        ({**COCO, "subject": 0}, "entry 2: .*subject 0; .* from 1 to 10|entry 2: split"),
        ({**LIST, "split": "dev"}, "entry 2: split is 'dev'; it must be one of train, valid, validation, test"),
        ({**LIST, "X": [1, 2, 3]}, "entry 2: 3 x, 2 y and 2 durations"),
        ({**LIST, "name": "../out.jpg"}, "entry 2: name is '../out.jpg'; it must be a name in the folder"),
        ({**LIST, "subject": "one"}, "entry 2: subject is one; it must be a whole number"),
        ({key: value for key, value in LIST.items() if key != "T"}, "entry 2: has no T; it has name, subject"),
        (LIST, "1 scanpaths are there more than once: 1001.jpg by 0"),
    ],
)
def test_lists_that_are_wrong(tmp_path: Path, entry: dict[str, Any], message: str) -> None:
    first = COCO if "task" in entry else LIST
    with pytest.raises(InputError, match=message):
        read_scanpaths(written(tmp_path / "f.json", [first, entry]))


def test_unknown_task_and_observer(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"entry 1: unknown task 'spoon'; known are bottle, bowl, .*, tv"):
        read_scanpaths(written(tmp_path / "f.json", [{**COCO, "task": "spoon"}]))
    with pytest.raises(InputError, match=r"entry 1: unknown observer 'XX'; known are AL, AR, .*, ZL"):
        read_scanpaths(written(tmp_path / "AiR_fixations_train.json", [{**AIR, "subject_idx": "XX"}]))


@pytest.mark.parametrize("text", ["{", "{}", "[]", "[1]"])
def test_no_list(tmp_path: Path, text: str) -> None:
    (tmp_path / "f.json").write_text(text)
    with pytest.raises(InputError, match=r"f\.json: (this is not JSON|must be a list of scanpaths)"):
        read_scanpaths(tmp_path / "f.json")


TABLE = """image,observer,x,y,duration_ms,width,height,split,group
a.png,ann,10,20,200,64,48,train,asd
a.png,ann,30,40.5,100,64,48,train,asd
a.png,bob,5,5,300,64,48,test,control
"""


def test_tables(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(TABLE)
    data = read_scanpaths(path)
    assert (data.name, data.observers, data.groups) == ("mine", ("ann", "bob"), ("asd", "control"))
    assert data.frame_of("a.png") == Frame(64, 48)
    np.testing.assert_allclose(data.part("train")[0].fixations, [[10, 20, 0.2], [30, 40.5, 0.1]])
    with pytest.raises(InputError, match=r"the validation split is empty \(scanpaths: 1 train, 1 test\)"):
        data.part("validation")


def test_sizes_of_images(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("image,observer,x,y,duration_ms\na.png,ann,10,20,200\n")
    with pytest.raises(InputError, match=r"line 2: no width and height; add these columns, or give the folder"):
        read_scanpaths(path)
    with pytest.raises(InputError, match=r"line 2: .*a\.png: no such image"):
        read_scanpaths(path, tmp_path)
    write_image(tmp_path / "a.png", Image(np.zeros((7, 9, 3), np.uint8)))
    assert read_scanpaths(path, tmp_path).frame_of("a.png") == Frame(9, 7)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a.png,ann,1,1,50,64,48", "line 5: a.png by ann is there already, from line 2"),
        ("b.png,ann,one,1,50,64,48", "line 5: x is 'one'; it must be a number"),
        ("b.png,ann,1,1,0,64,48", "from line 5: fixation 1 lasts 0 ms"),
        ("b.png,ann,1,1,50,0,48", "line 5: width and height must be whole numbers"),
        ("b.png,ann,1,1,50,64,48,dev", "line 5: split is 'dev'; it must be one of train, validation, test"),
        ("a.png,cy,1,1,50,65,48,train", "line 5: width of a.png is '65', but '64' on line 2"),
        ("b.png,ann,1", "line 5: no y; each line needs image,observer,x,y,duration_ms"),
    ],
)
def test_tables_that_are_wrong(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(TABLE + line + "\n")
    with pytest.raises(InputError, match=message):
        read_scanpaths(path)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("a.png,ann,1,1,50,train,x\na.png,ann,2,2,50,test,", "line 3: split of a.png by ann is 'test', but 'train' on"),
        (
            "a.png,ann,1,1,50,,x\nb.png,bob,2,2,50\nb.png,ann,2,2,50,,y",
            "line 4: group of ann is 'y', but 'x' on line 2",
        ),
    ],
)
def test_lines_that_contradict_each_other(tmp_path: Path, lines: str, message: str) -> None:
    write_image(tmp_path / "a.png", Image(np.zeros((7, 9, 3), np.uint8)))
    write_image(tmp_path / "b.png", Image(np.zeros((7, 9, 3), np.uint8)))
    path = tmp_path / "mine.csv"
    path.write_text(f"image,observer,x,y,duration_ms,split,group\n{lines}\n")
    with pytest.raises(InputError, match=message):
        read_scanpaths(path, tmp_path)


def test_said_once_is_enough(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    head = "image,observer,x,y,duration_ms,width,height,split,group"
    path.write_text(f"{head}\na.png,ann,1,1,50,64,48\na.png,ann,2,2,50,,,test,g\na.png,bob,2,2,50\n")
    data = read_scanpaths(path)
    assert data.frame_of("a.png") == Frame(64, 48)
    assert [trial.split for trial in data.trials] == ["test", None]
    assert data.groups == ("g", "")


def test_other_units_are_suspected(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    head = "image,observer,x,y,duration_ms,width,height"
    path.write_text(f"{head}\na.png,ann,20,10,0.3,64,48\na.png,ann,2,2,0.25,64,48\n")
    with pytest.warns(
        UserWarning, match="half of the fixations last less than 5 ms; durations must be in milliseconds"
    ):
        read_scanpaths(path)
    path.write_text(f"{head}\na.png,ann,0.3,0.4,200,64,48\na.png,ann,0.9,1,150,64,48\n")
    with pytest.warns(UserWarning, match="no coordinate is above 1; they must be pixels, not shares of the image"):
        read_scanpaths(path)


def test_other_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no such file or folder"):
        read_scanpaths(tmp_path / "none.csv")
    (tmp_path / "f.txt").touch()
    with pytest.raises(InputError, match=r"known are \.mat, \.json, \.csv and OSIE's folder"):
        read_scanpaths(tmp_path / "f.txt")
    (tmp_path / "f.csv").write_text("image,observer,x,y,duration_ms\n")
    with pytest.raises(InputError, match=r"holds no scanpath"):
        read_scanpaths(tmp_path / "f.csv")
