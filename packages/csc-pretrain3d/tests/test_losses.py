"""Segments, pooling, prototypes and the losses of pre-training: the golden case on both paths, and more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from csc_pretrain3d.network.losses import contrastive_loss, pretraining_loss, prototype_loss
from csc_pretrain3d.network.pooling import pool_pixels, pool_pixels_at_full_size, pool_points
from csc_pretrain3d.network.prototypes import PrototypeHead, Prototypes
from csc_pretrain3d.network.published_heads import head_from_published, head_to_published
from csc_pretrain3d.network.segments import Segments, paired_segments
from visioncore.errors import InputError
from visioncore.testing.deterministic import integer_input, normal_input


class Batch(NamedTuple):
    """What the golden case goes in with, and its segments."""

    points: Tensor
    images: Tensor
    maps: Tensor
    voxel: Tensor
    segments: Segments

    def superpoints(self) -> Tensor:
        return pool_points(self.points[self.voxel], self.segments.row, len(self.segments.ids))

    def superpixels(self) -> Tensor:
        # the golden features are those of pixels: of the same size, upsampling changes nothing
        return pool_pixels(self.images, self.maps, self.segments)


@pytest.fixture(scope="module")
def case(golden: Callable[[str], Any]) -> Any:
    return golden("pretrain_losses")


@pytest.fixture(scope="module")
def batch() -> Batch:
    points = F.normalize(torch.from_numpy(normal_input("csc-loss-points", (90, 64))))
    images = F.normalize(torch.from_numpy(normal_input("csc-loss-images", (3, 64, 12, 16))))
    small = torch.from_numpy(integer_input("csc-loss-superpixels", 0, 9, (3, 3, 4)))
    maps = small.repeat_interleave(4, 1).repeat_interleave(4, 2)
    image, row, column = (
        torch.from_numpy(integer_input(f"csc-loss-pair-{name}", 0, high, (160, 1))[:, 0])
        for name, high in (("image", 3), ("row", 12), ("col", 16))
    )
    voxel = torch.from_numpy(integer_input("csc-loss-pair-voxel", 0, 90, (160,)))
    return Batch(points, images, maps, voxel, paired_segments(maps, image, row, column))


def test_segments(case: Any, batch: Batch) -> None:
    segments = batch.segments
    case.close("segment_ids", segments.ids)
    assert segments.categories == 9
    ids = torch.arange(3)[:, None, None] * 9 + batch.maps
    case.close("segment_pixel_counts", (ids.flatten() == segments.ids[:, None]).sum(1))
    case.close("segment_point_counts", torch.bincount(segments.row[segments.row >= 0]))
    assert torch.equal(segments.image * 9 + segments.category, segments.ids)
    assert int((segments.row < 0).sum()) > 0  # pairs on category 0, which the authors' code cannot have


def test_pooling(case: Any, batch: Batch) -> None:
    case.close("superpixel_features", batch.superpixels())
    case.close("superpixel_features", pool_pixels_at_full_size(batch.images, batch.maps, batch.segments))
    case.close("superpoint_features", batch.superpoints())


def test_losses(case: Any, batch: Batch, layouts: dict[str, Any], fill: Callable[..., Any]) -> None:
    points, images, category = batch.superpoints(), batch.superpixels(), batch.segments.category
    contrastive = contrastive_loss(points, images)
    case.close("loss_contrastive_only", contrastive[None])
    head = PrototypeHead().double()
    for name, shifted in (("aligned", False), ("official", True)):
        of_points, of_pixels = Prototypes(shifted=shifted), Prototypes(shifted=shifted)
        of_points.update(points, category)
        of_pixels.update(images, category)
        case.close(f"pixel_prototypes_{name}", of_pixels.exact_means())
        case.close(f"point_prototypes_{name}", of_points.exact_means())
        for mode in ("train", "eval"):
            head.load_state_dict(head_from_published(fill(layouts["predictor_slot"])))
            joined = head.train(mode == "train")(of_points.exact_means(), of_pixels.exact_means())
            prototype = prototype_loss(points, joined, category)
            terms = torch.stack([pretraining_loss([contrastive, prototype]), contrastive, prototype])
            case.close(f"losses_{name}_{mode}", terms)
            if (name, mode) == ("aligned", "eval"):
                case.close("fused_prototypes_aligned_eval", joined)


def test_head_goes_back_to_the_published_names(layouts: dict[str, Any]) -> None:
    state = head_to_published(PrototypeHead())
    assert {name: list(tensor.shape) for name, tensor in state.items() if "tracked" not in name} == layouts[
        "predictor_slot"
    ]


@pytest.fixture(params=[(5, 7, 20, 28), (6, 9, 21, 34), (2, 2, 9, 5), (6, 6, 6, 6)])
def upsampled(request: pytest.FixtureRequest) -> tuple[Tensor, Tensor, Segments]:
    """Maps of four images, of which the second has no pair, and their segments."""
    h, w, height, width = request.param
    generator = torch.Generator().manual_seed(0)
    decoded = torch.randn(4, 3, h, w, dtype=torch.float64, generator=generator)
    maps = torch.randint(0, 5, (4, height, width), generator=generator)
    image = torch.tensor([0, 2, 3]).repeat_interleave(30)
    row, column = (torch.randint(0, size, (90,), generator=generator) for size in (height, width))
    return decoded, maps, paired_segments(maps, image, row, column)


def test_pooling_without_full_size_is_that_at_full_size(upsampled: tuple[Tensor, Tensor, Segments]) -> None:
    decoded, maps, segments = upsampled
    factors = torch.rand(len(segments.ids), 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    gradients = []
    for pool in (pool_pixels, pool_pixels_at_full_size):
        start = decoded.clone().requires_grad_()
        pooled = pool(start, maps, segments)
        (pooled * factors).sum().backward()
        gradients.append((pooled, start.grad))
    torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-9, atol=1e-12)
    of_maps = gradients[0][1]
    assert of_maps is not None
    assert of_maps[1].eq(0).all()  # the image without pairs


def test_gradient_of_pooling(upsampled: tuple[Tensor, Tensor, Segments]) -> None:
    decoded, maps, segments = upsampled
    assert torch.autograd.gradcheck(lambda x: pool_pixels(x, maps, segments), (decoded.requires_grad_(),))


def test_float32_is_close(upsampled: tuple[Tensor, Tensor, Segments]) -> None:
    decoded, maps, segments = upsampled
    exact = pool_pixels_at_full_size(decoded, maps, segments)
    torch.testing.assert_close(pool_pixels(decoded.float(), maps, segments).double(), exact, rtol=1e-4, atol=1e-5)


def test_short_precision_ends_before_the_sums(upsampled: tuple[Tensor, Tensor, Segments]) -> None:
    decoded, maps, segments = upsampled
    exact = pool_pixels(decoded.float(), maps, segments)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(pool_pixels(decoded.float(), maps, segments), exact, rtol=0, atol=0)
    assert pool_pixels(decoded.bfloat16(), maps, segments).dtype == torch.float32


def test_no_pair_at_all() -> None:
    nothing = torch.zeros(0, dtype=torch.long)
    maps = torch.ones(2, 8, 8, dtype=torch.long)
    segments = paired_segments(maps, nothing, nothing, nothing)
    assert pool_pixels(torch.rand(2, 4, 2, 2), maps, segments).shape == (0, 4)
    assert pool_points(torch.rand(0, 4), segments.row, 0).shape == (0, 4)


@pytest.mark.parametrize(
    ("maps", "row", "said"),
    [(torch.full((1, 4, 4), -1), 0, "categories begin at 0"), (torch.ones(1, 4, 4, dtype=torch.long), 4, "row 4 to 4")],
)
def test_pairs_and_maps_that_do_not_fit(maps: Tensor, row: int, said: str) -> None:
    with pytest.raises(InputError, match=said):
        paired_segments(maps, torch.tensor([0]), torch.tensor([row]), torch.tensor([0]))


def test_running_sums_are_those_of_all_scenes_at_once() -> None:
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(60, 4, dtype=torch.float64, generator=generator)
    categories = torch.randint(1, 6, (60,), generator=generator)
    whole, first, second = (Prototypes(7, 4) for _ in range(3))
    whole.update(features, categories)
    for process, rows in ((first, slice(0, 20)), (second, slice(20, 60))):
        for start in range(rows.start, rows.stop, 10):
            process.update(features[start : start + 10], categories[start : start + 10])
    others = {first.sums.shape: second.sums, first.counts.shape: second.counts}
    first.reduce(lambda own: own + others[own.shape])
    torch.testing.assert_close(first.exact_means(), whole.exact_means(), rtol=1e-12, atol=0)
    assert first.means()[5:].eq(0).all()
    with pytest.raises(InputError, match="1 to 8; prototypes are of 1 to 7"):
        whole.update(features[:2], torch.tensor([1, 8]))
