"""Networks that name style and content: what they learn, what their augmentation leaves, and their files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from artadapter_style.evaluation.judges import (
    Judge,
    JudgeConfig,
    contents_kept,
    styles_kept,
    to_images,
    train_judge,
)
from visioncore.errors import InputError

SMALL = JudgeConfig(("flat", "striped", "dotted"), size=32, width=8)


def patterns(count: int, seed: int) -> tuple[np.ndarray, list[int]]:
    """Return squares in a colour each, on white: flat, striped or dotted."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:32, :32]
    masks = (np.ones((32, 32)), rows % 4 < 2, (rows % 4 < 2) & (columns % 4 < 2))
    images, labels = np.full((count, 32, 32, 3), 255, np.uint8), [number % 3 for number in range(count)]
    for image, label in zip(images, labels, strict=True):
        top, left, side = *rng.integers(0, 12, 2), 18
        place = (slice(top, top + side), slice(left, left + side))
        image[place] = np.where(masks[label][place][..., None], rng.integers(0, 200, 3), 255)
    return images, labels


def test_a_judge_learns_and_is_kept(tmp_path: Path) -> None:
    images, labels = patterns(120, seed=0)
    held_out, right = patterns(60, seed=1)
    said: list[str] = []
    judge = train_judge(SMALL, images, labels, styles_kept, steps=60, batch=24, say=said.append)
    assert judge.accuracy(held_out, right) > 0.8
    assert judge.accuracy(held_out, right, first=3) == 1
    assert len(said) == 10
    again = train_judge(SMALL, images, labels, styles_kept, steps=60, batch=24, say=said.append)
    assert all(torch.equal(one, other) for one, other in zip(judge.parameters(), again.parameters(), strict=True))
    judge.save_file(tmp_path / "judge.safetensors")
    read = Judge.from_pretrained(tmp_path / "judge.safetensors")
    assert read.config == SMALL
    np.testing.assert_array_equal(read.ranks(held_out, right), judge.ranks(held_out, right, batch=7))


def test_ranks_count_the_likelier_classes() -> None:
    judge = Judge(SMALL).eval()
    with torch.no_grad():
        judge.head.weight.zero_()
        judge.head.bias.copy_(torch.tensor([1.0, 3.0, 2.0]))
    images = np.zeros((3, 32, 32, 3), np.uint8)
    assert judge.ranks(images, [0, 1, 2]).tolist() == [2, 0, 1]
    assert judge.accuracy(images, [0, 1, 2], first=2) == pytest.approx(2 / 3)


def test_augmentation_keeps_what_is_judged() -> None:
    images = to_images(patterns(6, seed=2)[0])
    for augment in (styles_kept, contents_kept):
        changed = augment(images, torch.Generator().manual_seed(0))
        assert changed.shape == images.shape
        assert 0 <= float(changed.min()) <= float(changed.max()) <= 1
        assert torch.equal(changed, augment(images, torch.Generator().manual_seed(0)))
        assert not torch.equal(changed, augment(images, torch.Generator().manual_seed(1)))
    # white comes in at the borders, and colours stay where styles are judged
    white = styles_kept(torch.ones(4, 3, 32, 32), torch.Generator().manual_seed(0))
    torch.testing.assert_close(white, torch.ones(4, 3, 32, 32))
    grey = contents_kept(images, torch.Generator().manual_seed(0))
    assert any(float((image[0] - image[1]).abs().max()) < 1e-6 for image in grey)


@pytest.mark.parametrize(
    ("names", "size", "told"),
    [(("a",), 64, "must be two at least"), (("a", "a"), 64, "each once"), (("a", "b"), 40, "multiple of 16")],
)
def test_configurations_out_of_range(names: tuple[str, ...], size: int, told: str) -> None:
    with pytest.raises(InputError, match=told):
        JudgeConfig(names, size)


def test_images_of_another_size() -> None:
    with pytest.raises(InputError, match=r"images are \(1, 3, 64, 64\); they must be \(B, 3, 32, 32\)"):
        Judge(SMALL)(torch.zeros(1, 3, 64, 64))
