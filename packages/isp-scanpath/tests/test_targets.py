"""What the losses and the networks take, held to the golden case of the published loaders."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from isp_scanpath.data.guidance import from_attention, from_boxes
from isp_scanpath.data.preparation import prepare
from isp_scanpath.data.targets import encode
from isp_scanpath.data.trials import ScanpathData, Trial
from isp_scanpath.network.scanpaths import Frame
from visioncore.errors import InputError
from visioncore.testing.deterministic import uniform_input

Golden = Callable[[str], Any]


def paths_of(frame: Frame, first_pixel: int) -> list[np.ndarray[Any, Any]]:
    paths = []
    for index, length in enumerate((5, 18, 1)):
        u = uniform_input(f"isp/target/fix/{index}", (length, 3))
        x, y = (u[:, axis] * (side - first_pixel) + first_pixel for axis, side in enumerate(frame))
        paths.append(np.stack([x, y, (50 + 500 * u[:, 2]) / 1000], axis=1))
    return paths


def test_osie(golden: Golden) -> None:
    case, frame = golden("targets"), Frame(800, 600)
    paths = paths_of(frame, 1)
    targets = encode(paths, [frame] * 3, (30, 40), 16, first_pixel=1)
    case.close("osie_classes", targets.cells)
    case.close("osie_action_mask", targets.action_mask)
    case.close("osie_duration_mask", targets.duration_mask)
    case.close("osie_durations", targets.durations)
    data = ScanpathData("osie", (Trial("a.jpg", 0, paths[0]),), ("1",), Path("a.mat"), frame)
    case.close("osie_eval_gt0", data.scaled(data.trials, Frame(320, 240)).to_list()[0])


def test_coco(golden: Golden) -> None:
    case, frame = golden("targets"), Frame(512, 320)
    targets = encode(paths_of(frame, 0), [frame] * 3, (30, 40), 7)
    case.close("coco_classes", targets.cells)
    case.close("coco_action_mask", targets.action_mask)


def test_image(golden: Golden, make_input: Callable[[Any], Any]) -> None:
    case = golden("targets")
    pixels = make_input(case.about["inputs"]["pixels"]).numpy().astype(np.uint8)
    photo = np.asarray(Image.fromarray(pixels).resize((800, 600), Image.Resampling.NEAREST))
    case.close("osie_image", prepare(photo, (240, 320)))


def test_guidance(golden: Golden) -> None:
    case, frame = golden("targets"), Frame(1680, 1050)
    case.close("coco_attention_map", from_boxes([[200.7, 300.2, 700.9, 640.0]], frame, (30, 40))[None])
    assert not from_boxes([], frame, (30, 40)).any()


def test_attention_maps() -> None:
    even = from_attention(np.full((7, 9), 0.25), (3, 5))
    np.testing.assert_allclose(even, 1, rtol=1e-6)
    with pytest.raises(InputError, match="no positive value"):
        from_attention(np.zeros((7, 9)), (3, 5))
    with pytest.raises(InputError, match="must be one map"):
        from_attention(np.zeros((7, 9, 3)), (3, 5))


def test_fixations_outside_count_as_on_the_border() -> None:
    frame = Frame(40, 30)
    path = np.array([[-7.0, 3.0, 0.2], [40.0, 99.0, 0.2], [39.9, 29.9, 0.2]])
    targets = encode([path], [frame], (3, 4), 5)
    assert targets.cells.tolist() == [[1, 12, 12, 0, 0]]
    assert targets.action_mask.tolist() == [[1, 1, 1, 1, 0]]
