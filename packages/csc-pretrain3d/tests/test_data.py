"""Frames as training sees them: made ones, some of many, and the part that is labelled."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from csc_pretrain3d.data.frames import chosen, labelled_part
from csc_pretrain3d.data.made_frames import MadeFrames
from csc_pretrain3d.data.synthetic import SensorConfig, synthetic_frame
from visioncore.errors import InputError

SENSORS = SensorConfig(beams=8, azimuths=60, size=(16, 32))


class Drives:
    """Two frames of each of five scenes, in turn."""

    scenes = tuple(f"scene {number % 5}" for number in range(10))

    def __len__(self) -> int:
        return 10

    def __getitem__(self, index: int) -> object:
        return index


def test_made_frames_are_those_of_their_seeds() -> None:
    frames = MadeFrames((7, 3), SENSORS, cameras=False)
    assert len(frames) == 2
    assert frames.scenes == ("street 7", "street 3")
    assert frames[1] is frames[1]
    np.testing.assert_array_equal(frames[1].scan.points, synthetic_frame(3, sensors=SENSORS).scan.points)
    assert not frames[0].cameras
    assert len(MadeFrames((7,), SENSORS)[0].cameras) == 6
    # as samples are loaded in processes of their own
    again = pickle.loads(pickle.dumps(frames))
    np.testing.assert_array_equal(again[0].scan.points, frames[0].scan.points)
    with pytest.raises(IndexError):
        frames[2]


def test_chosen_frames() -> None:
    some = chosen(Drives(), (9, 0, 4))  # type: ignore[arg-type]
    assert len(some) == 3
    for place, index in enumerate((9, 0, 4)):
        assert some[place] == index  # type: ignore[comparison-overlap]
    assert some.scenes == ("scene 4", "scene 0", "scene 4")


@pytest.mark.parametrize(
    ("every", "unit", "indices"),
    [
        (1, "scene", tuple(range(10))),
        # the second and the fourth scene, whole
        (2, "scene", (1, 3, 6, 8)),
        (5, "scene", (4, 9)),
        (5, "scan", (0, 5)),
        (4, "scan", (0, 4, 8)),
    ],
)
def test_the_labelled_part(every: int, unit: str, indices: tuple[int, ...]) -> None:
    assert labelled_part(Drives(), every, unit).indices == indices  # type: ignore[arg-type]


def test_more_than_there_are() -> None:
    with pytest.raises(InputError, match="label_every is 6 and there are 5 scenes to train on"):
        labelled_part(Drives(), 6)  # type: ignore[arg-type]
