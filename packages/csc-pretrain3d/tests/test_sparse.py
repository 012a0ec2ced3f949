"""Sparse convolution in both dialects: golden cases, dense convolution, gradients, bad coordinates."""

from __future__ import annotations

import copy
import pickle
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from csc_pretrain3d.sparse import (
    MinkowskiConvolution,
    MinkowskiConvolutionTranspose,
    SparseConv3d,
    SparseInverseConv3d,
    SparseMaxPool3d,
    SparseSequential,
    SparseTensor,
    SubMConv3d,
)
from csc_pretrain3d.sparse.reference import ReferenceEngine
from visioncore.errors import InputError
from visioncore.testing.deterministic import integer_input, normal_input

Golden = Callable[[str], Any]
Fill = Callable[[Any], dict[str, Tensor]]

MINKOWSKI: dict[str, Callable[[], nn.Module]] = {
    "me_k3s1": lambda: MinkowskiConvolution(3, 5, 3, bias=True),
    "me_k2s2": lambda: MinkowskiConvolution(3, 4, 2, stride=2),
    "me_k3s2": lambda: MinkowskiConvolution(3, 4, 3, stride=2),
    "me_k1s1": lambda: MinkowskiConvolution(3, 4, 1),
}
SPCONV: dict[str, Callable[[], nn.Module]] = {
    "sp_subm_333": lambda: SubMConv3d(3, 5, 3),
    "sp_subm_133": lambda: SubMConv3d(3, 4, (1, 3, 3), bias=False),
    "sp_subm_313": lambda: SubMConv3d(3, 4, (3, 1, 3), bias=False),
    "sp_conv_k3s2p1": lambda: SparseConv3d(3, 4, 3, 2, 1, bias=False, indice_key="down"),
    "sp_conv_k3_s221_p1": lambda: SparseConv3d(3, 4, 3, (2, 2, 1), 1, bias=False),
    "sp_conv_k3_s2_p011": lambda: SparseConv3d(3, 4, 3, 2, (0, 1, 1), bias=False),
    "sp_conv_k311_s211_p0": lambda: SparseConv3d(3, 4, (3, 1, 1), (2, 1, 1), bias=False),
    "sp_maxpool_118": lambda: SparseMaxPool3d((1, 1, 8)),
}
GRID = (9, 11, 8)


def minkowski_input() -> SparseTensor:
    """The golden case's unbounded tensor."""
    columns = [integer_input("csc-ops-me-batch", 0, 2, (150, 1)), integer_input("csc-ops-me-xyz", -4, 4, (150, 3))]
    rows = np.unique(np.hstack(columns), axis=0)
    return SparseTensor(torch.from_numpy(rows), torch.from_numpy(normal_input("csc-ops-me-features", (len(rows), 3))))


def spconv_input() -> SparseTensor:
    """The golden case's bounded tensor."""
    columns = [integer_input("csc-ops-sp-batch", 0, 2, (300, 1))]
    columns += [integer_input(f"csc-ops-sp-{axis}", 0, size, (300, 1)) for axis, size in enumerate(GRID)]
    rows = np.unique(np.hstack(columns), axis=0)
    features = torch.from_numpy(normal_input("csc-ops-sp-features", (len(rows), 3)))
    return SparseTensor(torch.from_numpy(rows), features, spatial_shape=GRID)


def filled(layer: nn.Module, name: str, fill: Fill) -> nn.Module:
    """Return a layer with the golden case's weights."""
    shapes = {f"{name}.{key}": tensor.shape for key, tensor in layer.state_dict().items()}
    layer.double().load_state_dict({key.partition(".")[2]: tensor for key, tensor in fill(shapes).items()})
    return layer


def sorted_rows(x: SparseTensor) -> tuple[Tensor, Tensor]:
    """Return coordinates and features in the order of the coordinates."""
    order = torch.from_numpy(np.lexsort(x.coordinates.numpy().T[::-1]).copy())
    return x.coordinates[order], x.features[order]


@torch.no_grad()
@pytest.mark.parametrize("name", [*MINKOWSKI, *SPCONV])
def test_golden_layers(golden: Golden, fill: Fill, name: str) -> None:
    case = golden("sparse_ops")
    start = minkowski_input() if name in MINKOWSKI else spconv_input()
    layer = filled((MINKOWSKI | SPCONV)[name](), name, fill)
    hold(case, name, layer(start))
    if name.startswith(("me_k3s1", "sp_subm")):
        assert torch.equal(layer(start).coordinates, start.coordinates), "rows moved"
    ways_back: dict[str, tuple[str, Callable[[], nn.Module]]] = {
        "me_k2s2": ("me_k2s2_transpose", lambda: MinkowskiConvolutionTranspose(4, 3, 2, 2)),
        "sp_conv_k3s2p1": ("sp_inverse_k3s2p1", lambda: SparseInverseConv3d(4, 3, 3, "down", bias=False)),
    }
    if (back := ways_back.get(name)) is not None:
        returned = filled(back[1](), back[0], fill)(layer(start))
        hold(case, back[0], returned)
        assert torch.equal(returned.coordinates, start.coordinates), "rows moved"


def hold(case: Any, name: str, found: SparseTensor) -> None:
    coordinates, features = sorted_rows(found)
    case.close(f"{name}_{'coordinates' if name.startswith('me') else 'indices'}", coordinates)
    case.close(name, features)
    if found.spatial_shape is not None:
        assert list(found.spatial_shape) == case.about["config"]["sp_spatial_shape_out"][name]


def shuffled(x: SparseTensor, seed: int = 0) -> SparseTensor:
    """Return the tensor with its rows in another order."""
    order = torch.randperm(len(x.features), generator=torch.Generator().manual_seed(seed))
    return SparseTensor(x.coordinates[order], x.features[order], spatial_shape=x.spatial_shape)


@torch.no_grad()
@pytest.mark.parametrize("kernel", [(3, 3, 3), (1, 3, 3), (3, 1, 3), (1, 1, 3), (5, 3, 1)])
def test_submanifold_is_dense_convolution(kernel: tuple[int, int, int]) -> None:
    x = shuffled(spconv_input())
    layer = SubMConv3d(3, 4, kernel).double()
    weight = layer.weight.permute(0, 4, 1, 2, 3)
    expected = F.conv3d(x.dense(), weight, layer.bias, padding=[side // 2 for side in kernel])
    read(layer(x), expected)


@torch.no_grad()
@pytest.mark.parametrize(
    ("kernel", "stride", "padding"),
    [
        (3, 2, 1),
        (3, (2, 2, 1), 1),
        (2, 2, 0),
        (3, 2, (0, 1, 1)),
        ((3, 1, 1), (2, 1, 1), 0),
        (3, 1, 1),
        ((1, 1, 8), 4, 0),
    ],
)
def test_strided_is_dense_convolution(kernel: Any, stride: Any, padding: Any) -> None:
    """At the sites that an input reaches, which the dense convolution of ones tells."""
    x = shuffled(spconv_input())
    layer = SparseConv3d(3, 4, kernel, stride, padding, bias=False, indice_key="down").double()
    weight = layer.weight.permute(0, 4, 1, 2, 3)
    found = layer(x)
    read(found, F.conv3d(x.dense(), weight, stride=stride, padding=padding))
    ones = F.conv3d(
        x.replace(torch.ones_like(x.features)).dense(), torch.ones_like(weight), stride=stride, padding=padding
    )
    assert len(found.features) == int((ones[:, 0] > 0.5).sum())

    inverse = SparseInverseConv3d(4, 2, kernel, "down").double()
    sides = zip(GRID, layer.kernel_size, layer.stride, layer.padding, strict=True)
    rest = [(size + 2 * p - k) % s for size, k, s, p in sides]
    transposed = F.conv_transpose3d(
        found.dense(), inverse.weight.permute(4, 0, 1, 2, 3), inverse.bias, stride, padding, output_padding=rest
    )  # fmt: skip
    back = inverse(found)
    assert back.sites is x.sites
    read(back, transposed)


def read(found: SparseTensor, dense: Tensor) -> None:
    """Hold a tensor against a dense one (B, C, ...) at its sites."""
    batch, *places = found.coordinates.long().unbind(1)
    expected = dense[batch, :, places[0], places[1], places[2]]
    torch.testing.assert_close(found.features, expected, rtol=1e-12, atol=1e-12)


@torch.no_grad()
def test_minkowski_is_dense_convolution() -> None:
    """On a lattice moved by a multiple of the stride; the kernel's first axis is the fastest."""
    x = shuffled(minkowski_input())
    shift = torch.tensor([0, 4, 4, 4])
    moved = SparseTensor(x.coordinates + shift, x.features, spatial_shape=(8, 8, 8))
    for side, stride, ahead in ((3, 1, 1), (3, 2, 1), (2, 2, 0), (5, 1, 2)):
        layer = MinkowskiConvolution(3, 4, side, stride).double()
        weight = layer.kernel.view(side, side, side, 3, 4).permute(4, 3, 2, 1, 0)
        dense = F.conv3d(F.pad(moved.dense(), (ahead, side) * 3), weight, stride=stride)
        found = layer(x)
        at = (found.coordinates + shift) // torch.tensor([1, stride, stride, stride])
        read(SparseTensor(at, found.features), dense)


@torch.no_grad()
def test_coarser_levels_are_those_of_the_reference() -> None:
    """Neighbours on a lattice lie as far apart as its stride says."""
    x = shuffled(minkowski_input())
    down, same = MinkowskiConvolution(3, 4, 2, (2, 4, 2)).double(), MinkowskiConvolution(4, 4, (3, 5, 3)).double()
    up = MinkowskiConvolutionTranspose(4, 2, 2, (2, 4, 2)).double()
    (at, found), (expected_at, expected) = (sorted_rows(same(down(y))) for y in (x, x.on(ReferenceEngine())))
    assert torch.equal(at, expected_at)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    back, again = up(same(down(x))), up(same(down(x.on(ReferenceEngine()))))
    torch.testing.assert_close(back.features, again.features, rtol=1e-12, atol=1e-12)


@torch.no_grad()
def test_pooling_begins_at_zero() -> None:
    x = shuffled(spconv_input())
    found = SparseMaxPool3d(3, 2, 1)(x)
    read(found, F.max_pool3d(x.dense(), 3, 2, 1))
    assert float(x.features.min()) < 0 == float(found.features.min())


@pytest.mark.parametrize("name", [*MINKOWSKI, *SPCONV])
def test_gradients(name: str) -> None:
    start = minkowski_input() if name in MINKOWSKI else spconv_input()
    few = SparseTensor(start.coordinates[:40], start.features[:40], spatial_shape=start.spatial_shape)
    layer = (MINKOWSKI | SPCONV)[name]().double()
    names, values = zip(*layer.named_parameters(), strict=True) if list(layer.parameters()) else ((), ())

    def forward(features: Tensor, *parameters: Tensor) -> Tensor:
        found = torch.func.functional_call(layer, dict(zip(names, parameters, strict=True)), (few.replace(features),))
        return found.features

    assert torch.autograd.gradcheck(forward, (few.features.clone().requires_grad_(), *values))


def test_gradients_of_the_way_back() -> None:
    x = minkowski_input()
    down, up = MinkowskiConvolution(3, 2, 2, 2).double(), MinkowskiConvolutionTranspose(2, 2, 2, 2).double()
    few = SparseTensor(x.coordinates[:30], x.features[:30])

    def forward(features: Tensor, first: Tensor, second: Tensor) -> Tensor:
        coarse = torch.func.functional_call(down, {"kernel": first}, (few.replace(features),))
        return torch.func.functional_call(up, {"kernel": second}, (coarse,)).features

    inputs = (few.features.clone().requires_grad_(), down.kernel, up.kernel)
    assert torch.autograd.gradcheck(forward, inputs)


@torch.no_grad()
def test_short_precision() -> None:
    """Sums are in float32, so that bfloat16 loses no more than its inputs do."""
    x = spconv_input()
    layer = SubMConv3d(3, 5, 3)
    exact = layer.double()(x).features
    short = layer.bfloat16()(x.replace(x.features.bfloat16())).features
    assert short.dtype == torch.bfloat16
    assert float((short.double() - exact).abs().max()) < 0.03 * float(exact.abs().max())
    with torch.autocast("cpu", torch.bfloat16):
        mixed = layer.float()(x.replace(x.features.float())).features
    assert float((mixed.double() - exact).abs().max()) < 0.03 * float(exact.abs().max())


def test_maps_are_made_once() -> None:
    x = minkowski_input()
    layer, down, up = (
        MinkowskiConvolution(3, 3, 3).double(),
        MinkowskiConvolution(3, 3, 2, 2).double(),
        MinkowskiConvolutionTranspose(3, 3, 2, 2).double(),
    )
    layer(up(down(layer(layer(x)))))
    assert len(x.cache.maps) == 2
    y = spconv_input()
    first, second = SubMConv3d(3, 3, 3).double(), SubMConv3d(3, 3, 3).double()
    second(first(y))
    assert len(y.cache.maps) == 1


@pytest.mark.parametrize(
    ("coordinates", "options", "message"),
    [
        ([[0, 1, 2]], {}, r"shape \(1, 3\); they must be integers \(N, 4\)"),
        (torch.zeros(0, 4, dtype=torch.long), {}, "no voxels; at least one"),
        ([[-1, 0, 0, 0]], {}, "from -1 to -1; they must be from 0"),
        ([[2, 0, 0, 0]], {"batch_size": 2}, "from 2 to 2; they must be from 0 to 1"),
        ([[0, 0, 9, 0]], {"spatial_shape": (9, 9, 9)}, r"the grid \(9, 9, 9\) begins at 0"),
        ([[0, -1, 0, 0]], {"spatial_shape": (9, 9, 9)}, "begins at 0"),
        (torch.zeros(1, 4), {}, "torch.float32"),
        ([[0, 2, 3, 4]], {"stride": (2, 2, 2)}, r"at stride \(2, 2, 2\) must be multiples"),
    ],
)
def test_bad_coordinates(coordinates: Any, options: dict[str, Any], message: str) -> None:
    rows = torch.as_tensor(coordinates)
    with pytest.raises(InputError, match=message):
        SparseTensor(rows, torch.zeros(len(rows), 2), **options)


def test_features_elsewhere() -> None:
    with pytest.raises(InputError, match="coordinates are on meta, features on cpu; move one to the other"):
        SparseTensor(torch.zeros(1, 4, dtype=torch.int, device="meta"), torch.zeros(1, 1))


def test_coordinates_beyond_the_key() -> None:
    far = torch.tensor([[0, 0, 0, 0], [0, 2**30, 2**30, 2**30]])
    with pytest.raises(InputError, match=r"span 1 x 1073741827 x .* more than the 2\^63 that one key can tell apart"):
        MinkowskiConvolution(1, 1, 3)(SparseTensor(far, torch.zeros(2, 1)))
    near = far // 2**10
    assert MinkowskiConvolution(1, 1, 3)(SparseTensor(near, torch.ones(2, 1))).features.shape == (2, 1)


@pytest.mark.parametrize(
    "layer", [MinkowskiConvolution(1, 1, 3), SubMConv3d(1, 1, 3), SparseConv3d(1, 1, 3, 2, 1), SparseMaxPool3d(2)]
)
def test_a_voxel_twice(layer: nn.Module) -> None:
    rows = torch.tensor([[0, 1, 2, 3], [0, 0, 0, 0], [0, 1, 2, 3]])
    with pytest.raises(InputError, match=r"1 rows of the coordinates repeat a voxel, such as \[0, 1, 2, 3\]"):
        layer(SparseTensor(rows, torch.zeros(3, 1), spatial_shape=(4, 4, 4)))


@torch.no_grad()
def test_nothing_of_the_input_is_changed() -> None:
    x = spconv_input()
    before = x.features.clone()
    found = SparseSequential(nn.ReLU(), SubMConv3d(3, 4, 3), nn.ReLU()).double()(x)
    assert torch.equal(x.features, before)
    assert float(found.features.min()) == 0


@torch.no_grad()
def test_copies_keep_their_maps() -> None:
    x = spconv_input()
    down, same, up = (
        SparseConv3d(3, 3, 3, 2, 1, indice_key="down"),
        SubMConv3d(3, 3, 3),
        SparseInverseConv3d(3, 3, 3, "down"),
    )
    layers = nn.Sequential(down, same, up).double()
    coarse, expected = down(x), layers(x).features
    for copied in (copy.deepcopy(coarse), pickle.loads(pickle.dumps(coarse))):
        maps = len(copied.cache.maps)
        assert torch.equal(up(same(copied)).features, expected)
        assert len(copied.cache.maps) == maps, "a map was made again"


def test_maps_of_one_dialect_do_not_serve_the_other() -> None:
    x = spconv_input()
    strided = SparseConv3d(3, 3, 3, 2, 1).double()(x)
    MinkowskiConvolution(3, 3, 2, 2).double()(x)
    with pytest.raises(InputError, match=r"no MinkowskiConvolution led from stride \(1, 1, 1\) to the sites of this"):
        MinkowskiConvolutionTranspose(3, 3, 2, 2).double()(strided)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"kernel_size": 0}, "kernel_size is 0; it must be one number or three, each at least 1"),
        ({"kernel_size": (3, 3)}, r"kernel_size is \(3, 3\)"),
        ({"kernel_size": 3, "stride": (2, 0, 2)}, r"stride is \(2, 0, 2\)"),
        ({"kernel_size": 3, "padding": -1}, "padding is -1; it must be one number or three, each at least 0"),
    ],
)
def test_kernels_that_are_none(options: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        SparseConv3d(1, 1, **options)


def test_ways_back_that_do_not_exist() -> None:
    with pytest.raises(InputError, match=r"no sites of stride \(1, 1, 1\) to return to from stride \(2, 2, 2\)"):
        MinkowskiConvolutionTranspose(3, 3, 2, 2).double()(
            SparseTensor(torch.zeros(1, 4, dtype=torch.long), torch.zeros(1, 3), stride=(2, 2, 2))
        )
    with pytest.raises(InputError, match="no SparseConv3d named 'down' with kernel"):
        SparseInverseConv3d(3, 3, 3, "down").double()(spconv_input())
    with pytest.raises(InputError, match="no spatial_shape; spconv's layers need"):
        SparseConv3d(3, 3, 3, 2, 1).double()(minkowski_input())
    with pytest.raises(InputError, match="each side must be odd"):
        MinkowskiConvolution(3, 3, 2).double()(minkowski_input())
    with pytest.raises(InputError, match="each side must be odd"):
        SubMConv3d(3, 3, 2)


@torch.no_grad()
def test_engine_of_spconv() -> None:
    """Where spconv is installed, on the kernel maps of both dialects."""
    pytest.importorskip("spconv", reason="spconv is an extra of its own")
    from csc_pretrain3d.sparse.spconv_engine import SpconvEngine

    used = []

    class Watched(SpconvEngine):
        def convolve(self, features: Tensor, weight: Tensor, pairs: Any) -> Tensor:
            used.append(len(pairs.counts))
            return super().convolve(features, weight, pairs)

    cases = {minkowski_input(): ("me_k3s1", "me_k2s2"), spconv_input(): ("sp_subm_313", "sp_conv_k3s2p1")}
    for start, names in cases.items():
        x = start.replace(start.features.float())
        for name in names:
            layer = (MINKOWSKI | SPCONV)[name]()
            torch.testing.assert_close(layer(x.on(Watched())).features, layer(x).features, rtol=1e-5, atol=1e-6)
    assert used == [27, 8, 9, 27]
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:  # with two threads of its own spconv would be wrong about some sums of so many voxels
        cells = torch.randperm(40**3)[:8000]
        rows = torch.stack([0 * cells, cells // 1600, cells // 40 % 40, cells % 40], dim=1)
        many, layer = SparseTensor(rows, torch.rand(8000, 32)), MinkowskiConvolution(32, 32, 3)
        torch.testing.assert_close(layer(many.on(SpconvEngine())).features, layer(many).features, rtol=1e-5, atol=1e-5)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)


def test_engine_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    from csc_pretrain3d.sparse.spconv_engine import SpconvEngine

    monkeypatch.setitem(sys.modules, "spconv.core", None)
    with pytest.raises(InputError, match=r'spconv is not installed; run: pip install "csc-pretrain3d\[spconv\]"'):
        SpconvEngine()
