"""Tiles cover an image, fit the memory, and compute little twice."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from visioncore.errors import InputError
from visioncore.inference import restoration
from visioncore.inference.restoration import ImagePredictor
from visioncore.inference.result import ImageResult
from visioncore.inference.tile_planning import plan_tiles
from visioncore.inference.tiling import run_tiled

SIDES = (1, 31, 100, 321)


def computed(height: int, width: int, size: tuple[int, int], overlap: int, multiple: int) -> int:
    """Return how many pixels a network is given that changes nothing, whose result must be the image."""
    pixels = 0

    def network(tiles: Tensor) -> Tensor:
        nonlocal pixels
        pixels += tiles[:, 0].numel()
        return tiles

    image = torch.rand(1, 1, height, width, generator=torch.Generator().manual_seed(0))
    overlap = min(overlap, min(size) - 1)  # of a side that is not cut
    result = run_tiled(network, image, size=size, overlap=overlap, multiple=multiple)
    assert (result - image).abs().max() <= 1e-6
    return pixels


@pytest.mark.parametrize(("overlap", "multiple"), [(32, 16), (8, 1), (0, 8)])
@pytest.mark.parametrize("most", [1, 60_000])
def test_tiles_fit_and_cover(overlap: int, multiple: int, most: int) -> None:
    least = max(2 * overlap + multiple - 1, multiple)
    for height, width in itertools.product(SIDES, SIDES):
        tall, wide = plan_tiles(height, width, most_pixels=most, overlap=overlap, multiple=multiple)
        assert tall * wide <= max(most, least**2)
        assert tall % multiple == wide % multiple == 0
        assert tall >= height or tall > overlap
        assert wide >= width or wide > overlap


@pytest.mark.parametrize(
    ("height", "width", "most", "size"),
    [
        (321, 481, 700_000, (336, 496)),  # whole
        (1024, 1024, 700_000, (528, 1024)),  # two
        (1080, 1920, 700_000, (560, 976)),  # two by two, and nothing but the overlap twice
        (1920, 1080, 700_000, (976, 560)),
        (3000, 4000, 700_000, (528, 1024)),
    ],
)
def test_known_plans(height: int, width: int, most: int, size: tuple[int, int]) -> None:
    assert plan_tiles(height, width, most_pixels=most, overlap=32, multiple=16) == size


@pytest.mark.parametrize(("height", "width"), [(481, 1), (321, 481), (640, 912), (1024, 1024)])
def test_tiles_cover_with_little_computed_twice(height: int, width: int) -> None:
    size = plan_tiles(height, width, most_pixels=700_000, overlap=32, multiple=16)
    assert computed(height, width, size, 32, 16) <= 1.09 * height * (width if width > 16 else 16)
    size = plan_tiles(height, width, most_pixels=100_000, overlap=32, multiple=16)
    assert computed(height, width, size, 32, 16) <= 1.28 * height * (width if width > 16 else 16)


def test_no_other_plan_is_cheaper() -> None:
    """Every even plan is tried."""
    height, width, most, overlap, multiple = 640, 912, 90_000, 32, 16
    size = plan_tiles(height, width, most_pixels=most, overlap=overlap, multiple=multiple)
    found = computed(height, width, size, overlap, multiple)
    for tall, wide in itertools.product(range(48, height + 1, 16), range(48, width + 1, 16)):
        if tall * wide <= most:
            rows, columns = (
                -(-(length - overlap) // (side - overlap)) for length, side in ((height, tall), (width, wide))
            )
            assert found <= rows * columns * tall * wide


@pytest.mark.parametrize("shape", [(40, 1000), (1000, 8), (1, 300)])
def test_strips_are_narrower_than_the_overlap(shape: tuple[int, int]) -> None:
    size = plan_tiles(*shape, most_pixels=2000, overlap=64, multiple=8)
    image = torch.rand(1, 1, *shape)
    torch.testing.assert_close(run_tiled(lambda tile: tile, image, size=size, overlap=64, multiple=8), image)


# tiles of "auto"


class Result(ImageResult):
    names = "before", "after"


class Unchanged(ImagePredictor[Result]):
    """Keeps the sizes that its network is given, which runs out of memory above ``room`` pixels."""

    multiple = 8
    auto_overlap = 16
    result = Result
    bytes_per_pixel = 4

    def __init__(self, notify: Callable[[str], None], room: int = 10**9, batch: int = 1) -> None:
        super().__init__(nn.Identity(), "cpu", tiles="auto", notify=notify, batch=batch)
        self.room, self.sizes = room, list[tuple[int, ...]]()
        self.network = self.look

    def look(self, images: Tensor) -> Tensor:
        self.sizes.append(tuple(images.shape))
        if images[:, 0].numel() > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return images


@pytest.mark.parametrize(("size", "shapes"), [((97, 98), [(1, 3, 104, 104)]), ((104, 120), [(1, 3, 104, 72)] * 2)])
def test_whole_where_it_fits_and_tiles_where_it_does_not(
    monkeypatch: pytest.MonkeyPatch, size: tuple[int, int], shapes: list[tuple[int, ...]]
) -> None:
    monkeypatch.setattr(restoration, "MEMORY", 4 * 104 * 104)
    predictor, image = Unchanged(print), torch.rand(1, 3, *size)
    torch.testing.assert_close(predictor.run(image), image)
    assert predictor.sizes == shapes


def test_memory_that_runs_out_makes_the_tiles_smaller_and_says_so() -> None:
    said: list[str] = []
    predictor = Unchanged(said.append, room=6000)
    image = torch.rand(1, 3, 96, 160)
    torch.testing.assert_close(predictor.run(image), image)
    assert said == ["out of memory for 160x96, going on with smaller tiles"] * 2
    assert all(shape[2] * shape[3] <= 6000 for shape in predictor.sizes[2:])
    with pytest.raises(InputError, match="out of memory"):
        Unchanged(said.append, room=100).run(image)


def test_results_do_not_depend_on_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restoration, "MEMORY", 4 * 64 * 64)
    shapes = []
    for batch in (1, 4):
        predictor = Unchanged(print, batch=batch)
        predictor.run(torch.rand(2, 3, 100, 100))
        shapes.append({shape[1:] for shape in predictor.sizes})
    assert shapes[0] == shapes[1]
