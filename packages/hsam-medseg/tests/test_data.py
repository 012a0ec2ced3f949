"""Training samples: published changes or none, class-balanced drawing, and the same again for the same generator."""

from __future__ import annotations

import pickle
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from hsam_medseg.data.samples import SliceSamples, to_sample
from hsam_medseg.data.slices import SliceFiles

RARE = [(np.full((20, 16), k / 10, np.float32), np.full((20, 16), k == 9, np.uint8)) for k in range(10)]


def seen(samples: SliceSamples, index: int, seed: int) -> int:
    """Return which slice of `RARE` a sample is."""
    return round(float(samples.sample(index, np.random.default_rng(seed))["image"].mean()) * 10)


def test_without_augmentation_a_sample_is_its_slice() -> None:
    samples = SliceSamples(RARE, 32, augmented=False)
    assert len(samples) == 10
    for index in (0, 9):
        sample, plain = samples.sample(index, np.random.default_rng(0)), to_sample(*RARE[index], 32)
        assert sample.keys() == plain.keys()
        assert all(sample[name].equal(plain[name]) for name in plain)


def test_augmented_samples_have_one_shape_and_come_again() -> None:
    rng = np.random.default_rng(0)
    slices = [(rng.random((40, 50), dtype=np.float32), rng.integers(0, 5, (40, 50)).astype(np.uint8))]
    samples = SliceSamples(slices, 32)
    shapes, images = set(), []
    for seed in range(40):
        sample = samples.sample(0, np.random.default_rng(seed))
        shapes.add(tuple(tuple(value.shape) for value in sample.values()))
        assert 0 <= int(sample["label"].min()) <= int(sample["label"].max()) < 5
        images.append(sample["image"].numpy())
        again = pickle.loads(pickle.dumps(samples)).sample(0, np.random.default_rng(seed))
        assert all(again[name].equal(sample[name]) for name in sample)
    assert shapes == {((3, 32, 32), (32, 32), (8, 8))}
    assert len({image.tobytes() for image in images}) > 30


def test_colours_are_kept() -> None:
    image = np.random.default_rng(0).random((32, 32, 3), dtype=np.float32)
    sample = SliceSamples([(image, np.zeros((32, 32), np.uint8))], 32, augmented=False)
    np.testing.assert_array_equal(sample.sample(0, np.random.default_rng(0))["image"], image.transpose(2, 0, 1))


def test_balanced_samples_show_a_rare_class_as_often_as_none() -> None:
    samples = SliceSamples(RARE, 16, augmented=False, balanced=True)
    counts = Counter(seen(samples, seed % 10, seed) for seed in range(400))
    assert counts[9] / 400 == pytest.approx(0.5, abs=0.08)
    assert set(counts) == set(range(10))
    plain = SliceSamples(RARE, 16, augmented=False)
    assert [seen(plain, index, 0) for index in range(10)] == list(range(10))


def test_balanced_samples_of_files(tmp_path: Path) -> None:
    for number, (image, labels) in enumerate(RARE):
        np.savez(tmp_path / f"a_slice{number:03d}.npz", image=image, label=labels)
    files = SliceFiles(tmp_path, [f"a_slice{number:03d}" for number in range(10)], ("spleen",))
    samples = pickle.loads(pickle.dumps(SliceSamples(files, 16, augmented=False, balanced=True)))
    counts = Counter(seen(samples, 0, seed) for seed in range(100))
    assert 30 < counts[9] < 70
