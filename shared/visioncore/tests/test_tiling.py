"""Tiles must not show, at any size of image, tile and overlap, and must not all be in memory at once."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from visioncore.errors import InputError
from visioncore.inference.tiling import check_tiles, pad_to_multiple, parse_tiles, run_tiled, run_whole


def content(height: int, width: int, batch: int = 1, channels: int = 3) -> Tensor:
    return torch.rand(batch, channels, height, width, generator=torch.Generator().manual_seed(height * 1000 + width))


def test_padding_mirrors_and_repeats_where_too_short() -> None:
    image = torch.arange(10.0).reshape(1, 1, 2, 5)
    padded = pad_to_multiple(image, 4)
    assert padded.shape == (1, 1, 4, 8)
    assert torch.equal(padded[..., :2, :5], image)
    assert padded[0, 0, 0].tolist() == [0, 1, 2, 3, 4, 3, 2, 1]
    # Two rows cannot be mirrored into four, so the last one is repeated.
    assert padded[0, 0, :, 0].tolist() == [0, 5, 5, 5]
    assert pad_to_multiple(padded, 4) is padded
    assert pad_to_multiple(torch.ones(1, 3, 1, 1), 16).shape == (1, 3, 16, 16)


def test_whole_pads_runs_and_crops() -> None:
    seen = []

    def network(image: Tensor) -> Tensor:
        seen.append(image.shape)
        return image + 1

    image = content(13, 30)
    assert torch.equal(run_whole(network, image, 16), image + 1)
    assert seen == [(1, 3, 16, 32)]


CASES = [
    # height, width, size, overlap, multiple
    (64, 64, 32, 8, 1),
    (37, 53, 16, 5, 1),
    (37, 53, 16, 1, 1),
    (37, 53, 16, 0, 1),
    (37, 53, 16, 15, 1),
    (37, 53, 16, 15, 16),
    (40, 41, 16, 11, 4),
    (70, 100, 32, 16, 16),
    (33, 129, 32, 8, 8),
    (5, 100, 32, 8, 8),
    (100, 5, 32, 31, 8),
    (9, 11, 64, 16, 16),
    (1, 1, 16, 4, 8),
    (16, 16, 16, 4, 16),
    (17, 16, 16, 4, 1),
]


@pytest.mark.parametrize(("height", "width", "size", "overlap", "multiple"), CASES)
@pytest.mark.parametrize("batch", [1, 3])
def test_identity_is_the_input(height: int, width: int, size: int, overlap: int, multiple: int, batch: int) -> None:
    image = content(height, width, batch=2)
    sizes: set[int] = set()

    def network(tiles: Tensor) -> Tensor:
        assert len(tiles) <= batch
        sizes.update(tiles.shape[-2:])
        return tiles

    result = run_tiled(network, image, size=size, overlap=overlap, multiple=multiple, batch=batch)
    assert result.shape == image.shape
    assert (result - image).abs().max() <= 1e-6
    assert all(side <= size and side % multiple == 0 for side in sizes)


@pytest.mark.parametrize(("height", "width", "size", "overlap", "multiple"), CASES)
def test_a_local_network_gives_the_same_as_on_the_whole_image(
    height: int, width: int, size: int, overlap: int, multiple: int
) -> None:
    radius = overlap // 4
    torch.manual_seed(0)
    network = nn.Conv2d(3, 4, 2 * radius + 1, padding=radius).double()
    image = content(height, width, batch=2).double()
    whole = run_whole(network, image, multiple)
    tiled = run_tiled(network, image, size=size, overlap=overlap, multiple=multiple, batch=2)
    assert tiled.dtype == torch.float64
    assert (tiled - whole).abs().max() <= 1e-12


def test_a_network_with_strides_sees_the_grid_of_the_whole_image() -> None:
    def blocky(image: Tensor) -> Tensor:
        return nn.functional.interpolate(nn.functional.avg_pool2d(image, 8), scale_factor=8)

    image = content(70, 91)
    tiled = run_tiled(blocky, image, size=32, overlap=10, multiple=8)
    assert (tiled - run_whole(blocky, image, 8)).abs().max() <= 1e-6


def test_tiles_that_disagree_fade_without_a_step() -> None:
    """Each tile answers with its own number: along a row the result must change slowly, and stay between them."""
    count = 0

    def network(tile: Tensor) -> Tensor:
        nonlocal count
        count += 1
        return torch.full_like(tile, float(count % 2))

    row = run_tiled(network, content(32, 200), size=32, overlap=16)[0, 0, 0]
    assert 0 <= row.min() < 0.01
    assert 0.99 < row.max() <= 1
    assert row.diff().abs().max() <= 1 / 8 + 1e-6


def test_a_far_reaching_network_differs_little_where_tiles_meet() -> None:
    """Beyond the dropped margin the error must fade, not jump: a wide blur, compared with the whole image."""
    blur = nn.Conv2d(1, 1, 25, padding=12, padding_mode="reflect", bias=False)
    nn.init.constant_(blur.weight, 1 / 25**2)
    image = content(96, 96, channels=1)
    whole = run_whole(blur, image, 1)
    plain = (run_tiled(blur, image, size=32, overlap=0) - whole).abs().max()
    faded = (run_tiled(blur, image, size=32, overlap=16) - whole).abs().max()
    assert faded < 0.5 * plain


def test_only_a_batch_of_tiles_is_handed_over_at_a_time() -> None:
    counts = []

    def network(tiles: Tensor) -> Tensor:
        counts.append(len(tiles))
        return tiles

    run_tiled(network, content(64, 80), size=16, overlap=0, batch=3)
    assert counts == [3] * 6 + [2]


def test_the_batch_shrinks_when_memory_runs_out_and_nothing_is_done_twice() -> None:
    tried: list[int] = []
    done: list[int] = []
    said: list[str] = []

    def network(tiles: Tensor) -> Tensor:
        tried.append(len(tiles))
        if len(tiles) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        done.append(len(tiles))
        return tiles

    image = content(64, 64)
    result = run_tiled(network, image, size=16, overlap=0, batch=8, notify=said.append)
    assert (result - image).abs().max() <= 1e-6
    assert tried[:3] == [8, 4, 2]
    assert done == [2] * 8
    assert said == ["out of memory at size 8, going on with 4", "out of memory at size 4, going on with 2"]


def test_memory_that_does_not_hold_one_tile() -> None:
    def network(tiles: Tensor) -> Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    with pytest.raises(InputError, match="out of memory even at the smallest size"):
        run_tiled(network, content(64, 64), size=16, overlap=0, batch=4)


def test_other_errors_of_the_network_pass_through() -> None:
    def network(tiles: Tensor) -> Tensor:
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        run_tiled(network, content(64, 64), size=16, overlap=0, batch=4)


def test_low_precision_is_summed_in_float32() -> None:
    image = content(50, 50)
    result = run_tiled(lambda tiles: tiles.bfloat16(), image, size=16, overlap=8)
    assert result.dtype == torch.float32
    # Every tile holds the same rounded values; sums in bfloat16 would round again.
    assert (result - image.bfloat16().float()).abs().max() <= 1e-6


def test_channels_may_change_and_no_gradient_is_kept() -> None:
    network = nn.Conv2d(3, 7, 1)
    result = run_tiled(network, content(20, 20), size=16, overlap=4)
    assert result.shape == (1, 7, 20, 20)
    assert not result.requires_grad


def test_a_network_that_changes_the_size_is_an_error() -> None:
    with pytest.raises(ValueError, match="16x16 to 8x8"):
        run_tiled(lambda tiles: tiles[..., ::2, ::2], content(20, 20), size=16, overlap=4)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"size": 20, "overlap": 4, "multiple": 16}, "multiple of 16, such as 16"),
        ({"size": 0, "overlap": 0}, "tile size 0"),
        ({"size": 16, "overlap": 16}, "from 0 to 15"),
        ({"size": 16, "overlap": -1}, "tile overlap -1"),
        ({"size": 16, "overlap": 4, "batch": 0}, "tile batch 0"),
    ],
)
def test_settings_that_do_not_go_together(options: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        run_tiled(lambda tiles: tiles, content(20, 20), **options)


@pytest.mark.parametrize("image", [torch.rand(3, 20, 20), torch.rand(1, 3, 0, 20), torch.ones(1, 3, 20, 20).byte()])
def test_what_is_no_image(image: Tensor) -> None:
    with pytest.raises(InputError, match="should be"):
        run_tiled(lambda tiles: tiles, image, size=16, overlap=4)


# tiles as they are given


@pytest.mark.parametrize(
    ("given", "tiles"),
    [("whole", "whole"), (None, "whole"), ("own", "own"), (" 64, 16", (64, 16)), ((64, 16), (64, 16))],
)
def test_tiles_as_text_and_numbers(given: Any, tiles: Any) -> None:
    assert parse_tiles(given, ["own"]) == tiles


@pytest.mark.parametrize("given", ["", "64", "64,", "64;16", "a,b", "-16,2", "Whole", (64, -1), (64,)])
def test_what_is_no_tiles_is_refused(given: Any) -> None:
    with pytest.raises(InputError, match=r"it must be auto, own, whole or SIZE,OVERLAP such as 512,64"):
        parse_tiles(given, ["own"], "512,64")


def test_tiles_must_suit_the_network() -> None:
    check_tiles("whole", 16)
    check_tiles((64, 0), 16)
    for tiles, least, told in (
        ((72, 8), 0, "tiles are 72,8; the size must be a positive multiple of 16, the overlap smaller than that"),
        ((0, 0), 0, "positive multiple"),
        ((64, 64), 0, "smaller than that"),
        ((64, 8), 16, "the overlap at least 16 and smaller than that"),
    ):
        with pytest.raises(InputError, match=told):
            check_tiles(tiles, 16, least)
