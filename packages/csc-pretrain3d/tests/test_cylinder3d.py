"""Cylinder3D: the golden case of pre-training on all paths, its layout, and what it says of wrong input."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from csc_pretrain3d.network.config import Cylinder3DConfig
from csc_pretrain3d.network.model import CSC, Cylinder3D
from csc_pretrain3d.network.published import to_published
from csc_pretrain3d.network.reference import as_reference
from csc_pretrain3d.sparse import SparseMaxPool3d, SparseTensor
from visioncore.errors import InputError
from visioncore.testing.deterministic import integer_input, normal_input
from visioncore.weights.state_dicts import load_into

GRID = (480, 360, 32)
PARTS = {"cylinder3d_generator": "cylinder_3d_generator", "cylinder3d_spconv_seg": "cylinder_3d_spconv_seg"}


@pytest.fixture(scope="module")
def case(golden: Callable[[str], Any]) -> Any:
    return golden("cylinder3d_pretrain")


@pytest.fixture(scope="module")
def states(case: Any, layouts: dict[str, Any], fill: Callable[..., Any]) -> dict[str, dict[str, Tensor]]:
    """The tensors of both parts, as the authors' trainer saves them."""
    counters = {layout: dict.fromkeys(layouts["kept"][layout], ()) for layout in PARTS}
    found = {name: fill(layouts[layout] | counters[layout]) for layout, name in PARTS.items()}
    (pattern, factor), unet = next(iter(case.about["scale"].items())), found["cylinder_3d_spconv_seg"]
    return found | {"cylinder_3d_spconv_seg": {n: t * factor if re.search(pattern, n) else t for n, t in unet.items()}}


@pytest.fixture(scope="module")
def model(states: dict[str, dict[str, Tensor]]) -> Cylinder3D:
    network = Cylinder3D().double().eval()
    load_into(network, states["cylinder_3d_generator"] | states["cylinder_3d_spconv_seg"], where="golden")
    return network


@pytest.fixture(scope="module")
def inputs() -> tuple[SparseTensor, Tensor, Tensor]:
    """Voxels of both samples, all points, and the voxel of each."""
    points, cells = [], []
    for sample, count in enumerate((260, 200)):
        points.append(normal_input(f"csc-cyl-points-{sample}", (count, 4)))
        axes = (("rho", 100, 110), ("phi", 350, 360), ("z", 8, 18))
        columns = [integer_input(f"csc-cyl-{name}-{sample}", low, high, (count, 1)) for name, low, high in axes]
        cells.append(np.hstack([np.full((count, 1), sample), *columns]))
    coordinates, inverse = np.unique(np.vstack(cells), axis=0, return_inverse=True)
    voxels = SparseTensor(torch.from_numpy(coordinates), torch.empty(len(coordinates), 0), spatial_shape=GRID)
    return voxels, torch.from_numpy(np.vstack(points)), torch.from_numpy(inverse.reshape(-1))


def hold(case: Any, name: str, found: SparseTensor) -> None:
    """Hold a tensor whose rows are in no given order."""
    order = np.lexsort(found.coordinates.numpy().T[::-1])
    case.close(f"{name}_indices", found.coordinates.numpy()[order])
    case.close(name, found.features[torch.from_numpy(order)])


@torch.no_grad()
def test_published_network(case: Any, model: Cylinder3D, inputs: Any) -> None:
    voxels, points, inverse = inputs
    case.close("voxel_indices", voxels.coordinates)
    case.close("point_to_voxel", inverse)
    pooled = model.pool(points, inverse, len(voxels.coordinates))
    case.close("voxel_input", pooled)
    inner: dict[str, Any] = {}
    hooks = [
        getattr(model, name).register_forward_hook(lambda _, __, out, name=name: inner.update({name: out}))
        for name in case.about["stages"]
    ]
    bottleneck = model.resBlock5.pool.register_forward_hook(lambda _, __, out: inner.update(bottleneck=out))
    found = model(voxels, points, inverse)
    for hook in [*hooks, bottleneck]:
        hook.remove()
    assert torch.equal(found.coordinates, voxels.coordinates)
    case.close("voxel_features", found.features)
    hold(case, "bottleneck", inner["bottleneck"])
    hold(case, "bev", SparseMaxPool3d((1, 1, 32))(model.joined(voxels.replace(pooled))))
    for name, said in case.about["stages"].items():
        stage = inner["bottleneck"] if name == "resBlock5" else inner[name]
        values = stage.features
        if name in ("resBlock2",):
            stage = model.resBlock2.pool(inner[name])
            values = stage.features
        assert [len(values), values.shape[1], list(stage.spatial_shape)] == [
            said["voxels"],
            said["channels"],
            said["spatial_shape"],
        ], name
        size = values.square().mean().sqrt()
        np.testing.assert_allclose([values.mean(), size], [said["mean"], said["rms"]], rtol=1e-9, atol=1e-9)


@torch.no_grad()
def test_all_paths_agree(case: Any, model: Cylinder3D, inputs: Any) -> None:
    voxels, points, inverse = inputs
    from csc_pretrain3d.network.fast import for_inference

    fast = for_inference(model, torch.device("cpu"), torch.float64)
    for network in (as_reference(model), fast):
        case.close("voxel_features", network(voxels, points, inverse).features)
    assert isinstance(fast.get_submodule("network.ReconNet.bn0"), torch.nn.Identity)  # the gates' norms are folded


def test_published_file(states: dict[str, dict[str, Tensor]], tmp_path: Any) -> None:
    wrapped = {part: {f"module.{n}": t for n, t in state.items()} for part, state in states.items()}
    torch.save(wrapped | {"model_images": {}, "epoch": 3, "config": {}}, tmp_path / "model.pt")
    network = CSC.from_published(tmp_path / "model.pt")
    assert isinstance(network, Cylinder3D)
    assert network.config == Cylinder3DConfig()
    back = to_published(network)
    for name, tensor in (states["cylinder_3d_generator"] | states["cylinder_3d_spconv_seg"]).items():
        assert torch.equal(back[name], tensor.to(back[name].dtype)), name


def test_points_and_voxels_that_do_not_fit(inputs: Any) -> None:
    voxels, points, inverse = inputs
    network = Cylinder3D(Cylinder3DConfig(point_widths=(4, 4, 4), point_channels=4, width=2)).double()
    with pytest.raises(InputError, match="give points and their voxels"):
        network(voxels)
    with pytest.raises(InputError, match="give points and their voxels"):
        network(voxels, points)
    with pytest.raises(InputError, match=r"must be \(P, 4\) with one voxel for each"):
        network(voxels, points[:, :3], inverse)
    smaller = SparseTensor(voxels.coordinates, voxels.features, spatial_shape=(480, 360, 40))
    with pytest.raises(InputError, match=r"it must be \(480, 360, 32\)"):
        network(smaller, points, inverse)


def test_gradients_reach_every_parameter(inputs: Any) -> None:
    voxels, points, inverse = inputs
    torch.manual_seed(0)
    network = Cylinder3D(Cylinder3DConfig(point_widths=(4, 4, 4), point_channels=4, width=2)).double()
    gradients = []
    for engine in (network, as_reference(network)):
        engine.zero_grad()
        engine(voxels, points, inverse).features.square().sum().backward()
        gradients.append({name.removeprefix("network."): p.grad for name, p in engine.named_parameters()})
    assert gradients[0].keys() == gradients[1].keys()
    for name, gradient in gradients[0].items():
        assert gradient is not None, name
        torch.testing.assert_close(gradient, gradients[1][name], rtol=1e-7, atol=1e-9, msg=name)
