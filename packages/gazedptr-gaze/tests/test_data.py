"""Samples for training: images read, resized and kept, and their augmentation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from gazedptr_gaze.data.augmentation import Augmentation, augmented, mirrored
from gazedptr_gaze.data.conventions import official_angles
from gazedptr_gaze.data.faces import FaceSamples
from gazedptr_gaze.data.ivgaze import read_fold
from gazedptr_gaze.data.normalisation import normalise
from gazedptr_gaze.data.rotations import to_matrices
from gazedptr_gaze.network.losses import UNKNOWN_ZONE
from visioncore.images import Image, write_image


def test_images_of_another_size_are_resized_and_told(drivers: Path) -> None:
    said: list[str] = []
    fold = read_fold(drivers, 1)
    small = FaceSamples([fold], "gazedptr", 32, say=said.append)
    assert small[0]["original"].shape == (3, 32, 32)
    first = fold.names[0]
    assert said == [
        f"{drivers / tree / first}: 64x64 pixels; such images are resized to 32x32" for tree in ("Norm", "Origin")
    ]
    said.clear()
    FaceSamples([fold], "gazedptr", 64, say=said.append)
    assert said == []
    # one tree alone, and no square
    for name in fold.names:
        write_image(drivers / "Origin" / name, Image(np.zeros((40, 64, 3), np.uint8)))
    FaceSamples([fold], "gazedptr", 64, say=said.append)
    assert said == [f"{drivers / 'Origin' / first}: 64x40 pixels; such images are resized to 64x64"]
    FaceSamples([fold], "gazeptr", 64, say=said.append)
    assert len(said) == 1


def test_sets_that_are_too_large_to_keep(drivers: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fold = read_fold(drivers, 1)
    kept = FaceSamples([fold], "gazedptr", 64)
    monkeypatch.setattr("gazedptr_gaze.data.faces.KEPT_BYTES", 12 * 3 * 64**2 - 1)
    read = FaceSamples([fold], "gazedptr", 64)
    assert (len(kept.kept), len(read.kept)) == (2, 0)
    for name, value in kept[5].items():
        assert torch.equal(value, read[5][name])


def reflected(vector: Any) -> Any:
    """Return vectors (..., 3) with left and right exchanged."""
    return np.asarray(vector) * [-1, 1, 1]


def test_a_mirrored_sample_is_that_of_the_mirrored_scene() -> None:
    camera, size = np.array([[600.0, 0, 320], [0, 600, 240], [0, 0, 1]]), 64
    centre, gaze = np.array([80.0, -40, 600]), np.array([0.5, 0.2, -0.8])
    head = to_matrices(np.array([0.2, 0.5, 0.1]))
    # what was the head's left is its right in the mirror
    mirrored_head = np.diag([-1, 1, 1]) @ head @ np.diag([-1, 1, 1])

    def tensors(centre: Any, gaze: Any, head: Any) -> tuple[dict[str, Tensor], Any]:
        virtual = normalise(camera, centre, head, focal=960 * size / 224, size=(size, size))
        values = {
            "normalised_gaze": official_angles(virtual.gaze(gaze)),
            "original_gaze": official_angles(gaze),
            "axis": virtual.axis,
            "to_camera": virtual.to_camera,
            "origin": centre,
        }
        return {name: torch.from_numpy(value).float() for name, value in values.items()}, virtual.warp

    sample, warp = tensors(centre, gaze, head)
    expected, mirrored_warp = tensors(reflected(centre), reflected(gaze), mirrored_head)
    x = torch.arange(size).expand(3, size, size)
    made = mirrored(sample | {"normalised": x, "zone": torch.tensor(3)})
    for name, value in expected.items():
        torch.testing.assert_close(made[name], value, rtol=0, atol=1e-5, msg=name)
    assert torch.equal(made["normalised"], size - 1 - x)
    assert made["zone"] == UNKNOWN_ZONE
    # a point of the scene, and its mirror point, in the two virtual cameras; the middle of the image is size / 2
    point = centre + np.array([20, 10, -5])
    first, second = (each @ camera @ p for each, p in ((warp, point), (mirrored_warp, reflected(point))))
    first, second = first[:2] / first[2], second[:2] / second[2]
    np.testing.assert_allclose(second, [size - first[0], first[1]])


def test_brightness_contrast_and_noise(drivers: Path) -> None:
    sample = FaceSamples([read_fold(drivers, 1)], "gazedptr", 64)[0]
    grey = sample | {name: torch.full((3, 64, 64), 100, dtype=torch.uint8) for name in ("normalised", "original")}
    for how in (Augmentation(brightness=0.2), Augmentation(noise=0.1)):
        made = augmented(grey, how, np.random.default_rng(1))
        normalised, original = (made[name].float() for name in ("normalised", "original"))
        assert made["normalised"].dtype == torch.uint8
        assert torch.equal(normalised[0], normalised[2])
        if how.brightness:
            # one shift, that of both faces
            assert normalised.unique().tolist() == original.unique().tolist() != [100]
            assert abs(float(normalised[0, 0, 0]) - 100) <= 51
        else:
            assert 1 < normalised.std() < 25.5
            assert abs(float(normalised.mean()) - 100) < 2
            assert not torch.equal(normalised, original)
    face = sample["normalised"].float()
    changed = augmented(sample, Augmentation(contrast=0.5), np.random.default_rng(3))["normalised"].float()
    gain = 1 + 0.5 * np.random.default_rng(3).uniform(-1, 1, 2)[1]
    torch.testing.assert_close(changed, ((face - face.mean()) * gain + face.mean()).round().clamp(0, 255))
    assert augmented(sample, Augmentation(), np.random.default_rng(0)) is sample


def test_flips_are_drawn(drivers: Path) -> None:
    samples = FaceSamples([read_fold(drivers, 1)], "gazedptr", 64, augmentation=Augmentation(flip=0.5))
    plain, rng = samples[0], np.random.default_rng(0)
    flipped = [not torch.equal(samples.sample(0, rng)["original"], plain["original"]) for _ in range(40)]
    assert 10 < sum(flipped) < 30
