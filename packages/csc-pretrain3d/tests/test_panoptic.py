"""Panoptic segmentation: the golden case of targets, losses, instances, quality and the bird's-eye network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from csc_pretrain3d.data.panoptic_targets import PanopticTargets, panoptic_classes, panoptic_targets
from csc_pretrain3d.data.voxelization import voxelize_cylinder3d
from csc_pretrain3d.evaluation.panoptic_quality import PanopticQuality
from csc_pretrain3d.inference.instances import find_centres, nearest_centres, panoptic_labels, segment_instances
from csc_pretrain3d.network.bev_unet import BEVUNet
from csc_pretrain3d.network.config import Cylinder3DConfig
from csc_pretrain3d.network.drop_block import DropBlock
from csc_pretrain3d.network.model import Cylinder3D
from csc_pretrain3d.network.panoptic import PanopticNet, PanopticOutput, begin_from
from csc_pretrain3d.network.panoptic_config import PanopticConfig
from csc_pretrain3d.network.panoptic_losses import panoptic_losses
from csc_pretrain3d.network.published import to_published
from csc_pretrain3d.network.weights import load_model, load_published
from csc_pretrain3d.sparse import SparseTensor
from visioncore.errors import InputError
from visioncore.testing.deterministic import integer_input, normal_input, uniform_input
from visioncore.weights.state_dicts import load_into

GRID = (48, 36, 8)
TINY = PanopticConfig(
    Cylinder3DConfig(grid=(48, 36, 16), point_widths=(4, 4, 4), point_channels=4, width=2, out_channels=6),
    classes=4,
    things=2,
    width=4,
)


@pytest.fixture(scope="module")
def case(golden: Callable[[str], Any]) -> Any:
    return golden("panoptic")


def made_targets() -> tuple[PanopticTargets, Any]:
    centres = 60 * uniform_input("csc-pan-centres", (4, 2)) - 30
    centres[0] = -20, 0.3
    flat = np.repeat(centres, 12, axis=0) + 1.5 * normal_input("csc-pan-spread", (48, 2))
    points = np.hstack([flat, 3 * uniform_input("csc-pan-height", (48, 1)) - 2]).astype(np.float32)
    ids = np.repeat([1001, 4002, 4005, 7003], 12)
    voxels = voxelize_cylinder3d(points, points[:, 0], grid=GRID)
    return panoptic_targets(points, ids // 1000, ids, voxels.coordinates, voxels.inverse, grid=GRID), voxels


def test_targets(case: Any) -> None:
    targets, voxels = made_targets()
    case.close("bev_instance", np.where(targets.instance == 0, 255, targets.instance))
    case.close("centre_cells", targets.centres)
    case.close("centre_target", targets.heat.astype(np.float64))
    case.close("offset_target", targets.offset.astype(np.float64))
    assert sorted(set(targets.labels)) == [1, 4, 7]
    assert targets.seen.sum() == len(np.unique(voxels.coordinates[:, :2], axis=0))


def test_targets_by_vote_and_without_things() -> None:
    """A voxel has the class of most of its points, points of no thing make no instance, and nothing is seen of none."""
    points = np.array([[10, 0, 0]] * 5 + [[20, 0, 0]], np.float32)
    voxels = voxelize_cylinder3d(points, points[:, 0], grid=GRID)
    classes = panoptic_classes(np.array([3, 3, 1, 1, 1, 0]))
    targets = panoptic_targets(points, classes, np.zeros(6, int), voxels.coordinates, voxels.inverse, grid=GRID)
    assert targets.labels.tolist() == [0, 16]
    assert (targets.seen.sum(), targets.instance.sum(), len(targets.centres), targets.heat.max()) == (1, 0, 0, 0)


@pytest.fixture(scope="module")
def predicted() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    logits = torch.from_numpy(2 * normal_input("csc-pan-sem", (1, 17, 24, 20, 4)))[0]
    heat = torch.from_numpy(uniform_input("csc-pan-heat", (1, 1, 24, 20)) ** 4)[0, 0]
    offset = torch.from_numpy(3 * normal_input("csc-pan-offset", (1, 2, 24, 20)))[0]
    occupied = torch.from_numpy(uniform_input("csc-pan-occupied", (1, 24, 20, 4)))[0] < 0.5
    return logits, heat, offset, occupied


def test_centres_and_grouping(case: Any, predicted: tuple[Tensor, ...]) -> None:
    _, heat, offset, _ = predicted
    centres = find_centres(heat)
    case.close("centres", centres)
    cells = torch.cartesian_prod(torch.arange(24), torch.arange(20))
    found = nearest_centres(centres, offset, cells, official=True)
    expected = torch.from_numpy(case.outputs["instance_of_cell"]).flatten()
    # two centres lie 20 cells apart, one turn by the authors' count: some cells are equally near to both
    goals = cells + offset[:, cells[:, 0], cells[:, 1]].t()
    outwards, across = (centres[:, None] - goals).unbind(2)
    distance = torch.where(outwards > 10, outwards - 20, outwards) ** 2 + across**2
    chosen, golden = (distance.gather(0, number[None] - 1) for number in (found, expected))
    torch.testing.assert_close(chosen, golden, rtol=0, atol=1e-12)
    assert int((found != expected).sum()) <= 5


def test_published_labels(case: Any, predicted: tuple[Tensor, ...]) -> None:
    logits, _, _, occupied = predicted
    instance = torch.from_numpy(case.outputs["instance_of_cell"])[0][:, :, None].expand(-1, -1, 4)
    rows = occupied.nonzero()
    found = logits.argmax(0)
    voxels = panoptic_labels(logits.permute(1, 2, 3, 0)[occupied], instance[occupied], official=True)
    found[tuple(rows.t())] = voxels
    case.close("panoptic_official", found[None])
    right = panoptic_labels(logits.permute(1, 2, 3, 0)[occupied], instance[occupied])
    assert torch.equal(right // 65536, voxels // 65536)
    assert sorted((right % 65536)[right >= 65536].unique().tolist())[-1] == 9  # the class that is never chosen there


def test_instances_go_round() -> None:
    """Two cells on both sides of the cut at 180 degrees point to one centre beside it; the authors' code parts them."""
    heat, offset = torch.zeros(12, 20), torch.zeros(2, 12, 20)
    heat[6, 0] = heat[6, 10] = 0.9
    coordinates = torch.tensor([[6, 18, 1], [6, 0, 1]])
    logits = torch.tensor([[3.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    right = segment_instances(logits, coordinates, heat, offset, things=2)
    assert right.tolist() == [65536, 65536]
    assert segment_instances(logits, coordinates, heat, offset, things=2, official=True)[0] == 2 * 65536 + 1
    without_centre = segment_instances(logits, coordinates, 0 * heat, offset, things=2)
    assert without_centre.tolist() == [0, 1]


def test_at_most_so_many_centres() -> None:
    heat = torch.zeros(40, 40)
    heat[::4, ::4] = torch.linspace(0.2, 1, 100).reshape(10, 10)
    assert len(find_centres(heat, most=101)) == 100
    assert len(find_centres(heat, threshold=0.6, most=101)) == 50
    assert find_centres(heat, most=3).tolist() == [[36, 32], [36, 36]]  # above the third
    assert len(find_centres(heat)) == 99  # of exactly a hundred the last goes


def test_low_heat_is_no_centre() -> None:
    heat = torch.zeros(9, 30, dtype=torch.float64)
    heat[2, 4], heat[2, 14], heat[2, 24] = 0.09, 0.1, 0.11
    assert find_centres(heat).tolist() == [[2, 24]]


def test_a_turn_is_one_cell_less_than_there_are() -> None:
    """Of 20 cells the first begins and the last one begins to end at the same angle."""
    centres, cell = torch.tensor([[6, 0], [7, 17]]), torch.tensor([[6, 18]])
    assert nearest_centres(centres, torch.zeros(2, 12, 20), cell).tolist() == [1]


def made_losses() -> tuple[PanopticOutput, Tensor, Tensor, Tensor, Tensor]:
    logits = torch.from_numpy(normal_input("csc-pan-l-sem", (2, 17, 6, 5, 4)))
    labels = torch.from_numpy(integer_input("csc-pan-l-label", 0, 17, (2, 6, 5, 4)))
    centre, offset = (
        torch.from_numpy(normal_input(f"csc-pan-l-{name}", (2, channels, 6, 5)))
        for name, channels in (("centre", 1), ("offset", 2))
    )
    of_centre = torch.from_numpy(uniform_input("csc-pan-l-centre-gt", (2, 1, 6, 5)))
    mask = uniform_input("csc-pan-l-offset-mask", (2, 2, 6, 5)) < 0.4
    of_offset = torch.from_numpy(np.where(mask, normal_input("csc-pan-l-offset-gt", (2, 2, 6, 5)), 0))
    output = PanopticOutput(logits.permute(0, 2, 3, 4, 1).reshape(-1, 17), centre, offset)
    return output, labels.flatten(), of_centre, of_offset, (labels != 16).any(dim=3)[:, None]


def test_losses(case: Any) -> None:
    output, *targets = made_losses()
    terms = panoptic_losses(output, *targets, official=True)
    case.close("losses", torch.stack([torch.stack(list(terms.values())).sum(), *terms.values()]))


def test_losses_where_they_count() -> None:
    """The centre counts where a label or a target is, the offset where an instance is, each as the mean over those."""
    output, labels, centre, offset, seen = made_losses()
    seen[:], centre[:], offset[:] = False, 0, 0
    seen[0, 0, 1, 1], centre[1, 0, 2, 2], offset[0, :, 3, 3] = True, 0.5, torch.tensor([0.0, 2.0])
    terms = panoptic_losses(output, labels, centre, offset, seen)
    heat = (output.centre[0, 0, 1, 1] ** 2 + (output.centre[1, 0, 2, 2] - 0.5) ** 2) / 2
    torch.testing.assert_close(terms["centre"], 100 * heat)
    far = (output.offset[0, :, 3, 3] - torch.tensor([0.0, 2.0])).abs().mean()
    torch.testing.assert_close(terms["offset"], 10 * far)
    nothing = panoptic_losses(output, torch.full_like(labels, 16), 0 * centre, 0 * offset, torch.zeros_like(seen))
    assert [float(value) for value in nothing.values()] == [0, 0, 0, 0]


def test_quality(case: Any) -> None:
    quality = PanopticQuality()
    for batch in range(2):
        labels = np.sort(integer_input(f"csc-pan-pq-gt-{batch}", 0, 17, (1500,)))
        instances = 1000 * labels + integer_input(f"csc-pan-pq-inst-{batch}", 1, 3, (1500,))
        other = integer_input(f"csc-pan-pq-alt-{batch}", 0, 16, (1500,))
        predictions = np.where(uniform_input(f"csc-pan-pq-flip-{batch}", (1500,)) < 0.15, other, labels)
        predicted = np.where(uniform_input(f"csc-pan-pq-flip2-{batch}", (1500,)) < 0.1, 77, instances)
        quality.add(labels, instances, predictions, predicted)
    scores = quality.scores()
    case.close("pq_per_class", np.stack([scores.pq, scores.sq, scores.rq, scores.iou]))
    case.close("pq_sq_rq_miou", np.array(list(scores.means().values())))


def test_quality_of_few_points() -> None:
    """A match at exactly one half does not count, nor does a small segment without one."""
    quality = PanopticQuality(classes=3, ignore=2, fewest_points=4)
    labels, instances = np.array([0] * 6 + [1] * 4 + [2] * 9), np.array([1] * 6 + [1] * 4 + [0] * 9)
    predictions = np.array([0] * 3 + [1] * 3 + [1] * 4 + [0] * 9)
    predicted = np.array([5] * 3 + [6] * 3 + [7] * 4 + [8] * 9)
    quality.add(labels, instances, predictions, predicted)
    assert quality.matched.tolist() == [0, 1, 0]  # 3 of 6 is no match
    assert (quality.missed.tolist(), quality.invented.tolist()) == ([1, 0, 0], [0, 0, 0])
    smaller = PanopticQuality(classes=3, ignore=2, fewest_points=3)
    smaller.add(labels, instances, predictions, predicted)
    assert smaller.invented.tolist() == [1, 1, 0]
    scores = quality.scores()
    assert (scores.pq.tolist(), scores.iou.round(3).tolist()) == ([0, 1, 0], [0.5, 0.571, 0])


@pytest.mark.parametrize(
    ("labels", "predictions", "said"),
    [([0, 1], [0], "2, 2, 1, 1 values"), ([0, 3], [0, 1], "a label is 3"), ([0, 1], [-1, 1], "a prediction is -1")],
)
def test_quality_of_labels_that_do_not_fit(labels: list[int], predictions: list[int], said: str) -> None:
    quality = PanopticQuality(classes=3)
    true, found = np.array(labels), np.array(predictions)
    with pytest.raises(InputError, match=said):
        quality.add(true, true, found, found, "scan 7")


@torch.no_grad()
def test_bev_network(case: Any, layouts: dict[str, Any], fill: Callable[..., Any]) -> None:
    prefix = "backbone_2d."
    network = BEVUNet(64, PanopticConfig()).double().eval()
    layout = layouts["panoptic_polarnet"] | dict.fromkeys(layouts["kept"]["panoptic_polarnet"], ())
    state = fill({name: shape for name, shape in layout.items() if name.startswith(prefix)})
    load_into(network, {name.removeprefix(prefix): tensor for name, tensor in state.items()}, where="golden")
    centre, offset = network(torch.from_numpy(normal_input("csc-pan-bev", (1, 64, 32, 24))))
    case.close("bev_unet_centre", centre)
    case.close("bev_unet_offset", offset)


def test_bev_network_drops_blocks_on_its_way_up() -> None:
    """Behind each step up while it trains; and odd sides come back to their size."""
    torch.manual_seed(0)
    network = BEVUNet(6, replace(TINY, block=1))  # each cell by itself, so that some are gone however few there are
    dropped: list[tuple[int, bool]] = []
    drop = next(module for module in network.modules() if isinstance(module, DropBlock))
    drop.register_forward_hook(lambda _, __, out: dropped.append((out.shape[1], bool((out == 0).any()))))
    centre, offset = network(torch.rand(2, 6, 49, 35))
    assert (centre.shape, offset.shape) == ((2, 1, 49, 35), (2, 2, 49, 35))
    assert dropped == [(16, True), (8, True), (4, True), (2, True), (2, True)]
    dropped.clear()
    network.eval()(torch.rand(2, 6, 49, 35))
    assert not any(gone for _, gone in dropped)


def test_published_file(layouts: dict[str, Any], tmp_path: Path) -> None:
    """Every published tensor has a place of its shape, and the settings are read from the shapes."""
    layout = layouts["panoptic_polarnet"]
    with torch.device("meta"):
        shapes = {name: list(t.shape) for name, t in PanopticNet().state_dict().items() if "tracked" not in name}
    assert shapes == layout
    tiny = PanopticNet(TINY).eval()
    state = {f"module.{name}": tensor for name, tensor in tiny.state_dict().items()}
    torch.save({"model": state, "config": {}}, tmp_path / "best_model.pt")
    for read in (load_published, load_model, PanopticNet.from_published):
        found = read(tmp_path / "best_model.pt")
        assert isinstance(found, PanopticNet)
        assert not found.training
        torch.testing.assert_close(dict(found.state_dict()), dict(tiny.state_dict()), rtol=0, atol=0)
    with pytest.raises(InputError, match="the voxels' spatial_shape"):  # the grid is not in a file: it is nuScenes'
        PanopticNet.from_published(tmp_path / "best_model.pt")(*tiny_input())
    torch.save(to_published(tiny, "spconv1"), tmp_path / "spconv1.pt")
    torch.testing.assert_close(dict(load_model(tmp_path / "spconv1.pt").state_dict()), dict(tiny.state_dict()))
    torch.save(tiny.backbone_3d.state_dict(), tmp_path / "backbone.pt")
    for file, family in (("best_model", Cylinder3D), ("backbone", PanopticNet)):
        with pytest.raises(InputError, match=f"not of {family.__name__}"):
            family.from_published(tmp_path / f"{file}.pt")


def tiny_input() -> tuple[SparseTensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    cells = torch.cat([torch.full((60, 1), s) for s in (0, 1)]), torch.randint(0, 12, (120, 3), generator=generator)
    coordinates, inverse = torch.cat(cells, dim=1).unique(dim=0, return_inverse=True)
    voxels = SparseTensor(coordinates, torch.empty(len(coordinates), 0), spatial_shape=TINY.backbone.grid)
    return voxels, torch.rand(120, 4, generator=generator), inverse


def test_whole_network() -> None:
    torch.manual_seed(0)
    network = PanopticNet(TINY)
    voxels, points, inverse = tiny_input()
    output = network(voxels, points, inverse)
    assert (output.logits.shape[1], output.centre.shape, output.offset.shape) == (4, (2, 1, 48, 36), (2, 2, 48, 36))
    sum(each.square().sum() for each in output).backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_pre_trained_backbone() -> None:
    torch.manual_seed(0)
    network, backbone = PanopticNet(TINY), Cylinder3D(TINY.backbone)
    begin_from(network, backbone)
    for own, given in zip(network.backbone_3d.parameters(), backbone.parameters(), strict=True):
        assert torch.equal(own, given)
    with pytest.raises(InputError, match="make the network for it"):
        begin_from(network, Cylinder3D(Cylinder3DConfig(width=2)))


def test_blocks_are_dropped_in_training_alone() -> None:
    torch.manual_seed(0)
    drop, x = DropBlock(0.3, 5), torch.ones(8, 3, 40, 40)
    dropped = drop(x)
    assert torch.equal(drop.eval()(x), x)
    torch.testing.assert_close(dropped.mean(), torch.tensor(1.0), rtol=1e-4, atol=0)
    share = float((dropped == 0).float().mean())
    assert 0.2 < share < 0.3  # 0.3 less what overlaps
    assert torch.equal(dropped[:, :1] == 0, dropped[:, 2:] == 0)  # one block for all channels
    holes = (dropped[:, 0] == 0).float()[:, None]
    again = torch.nn.functional.max_pool2d(-torch.nn.functional.max_pool2d(-holes, 3, 1, 1), 3, 1, 1)
    assert torch.equal(again, holes)  # squares of 5 survive an opening by 3
