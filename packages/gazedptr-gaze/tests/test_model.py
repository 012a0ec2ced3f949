"""The networks: batches of any size, saving and loading, autocast, what they refuse."""

from __future__ import annotations

import copy
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from gazedptr_gaze import GazeConfig, GazeDPTR, GazeDPTRV2, GazePTR, load_model
from gazedptr_gaze.network.fast import for_inference
from gazedptr_gaze.network.model import NETWORKS
from gazedptr_gaze.network.packed_trunk import PackedTrunk, can_pack
from gazedptr_gaze.network.positional_code import PositionalCode
from gazedptr_gaze.network.projection import tri_plane_points
from gazedptr_gaze.network.reference import as_reference
from gazedptr_gaze.network.weights import AnyGaze
from gazedptr_gaze.network.zone_branch import ZoneBranch
from visioncore.errors import InputError


def small(variant: str, **settings: object) -> GazeConfig:
    """Return the settings of a small network."""
    return GazeConfig(variant, (8, 8, 16, 16), (1, 1, 1, 1), 16, 2, 2, 32, **settings)  # type: ignore[arg-type]


def inputs(variant: str, batch: int) -> list[torch.Tensor]:
    """Return random inputs of a network."""
    torch.manual_seed(0)
    to_camera = torch.linalg.qr(torch.randn(batch, 3, 3)).Q.contiguous()
    faces = [torch.rand(batch, 3, 48, 40) for _ in range(2)]
    given = [*faces, to_camera[:, :, 2].contiguous(), to_camera, torch.randn(batch, 3)]
    return given[: {"gazeptr": 1, "gazedptr": 3, "gazedptr_v2": 5}[variant]]


@pytest.mark.parametrize("variant", NETWORKS)
@torch.no_grad()
def test_batches_of_any_size(variant: str) -> None:
    model = AnyGaze(small(variant)).double().eval()
    given = [tensor.double() for tensor in inputs(variant, 3)]
    for network in (model, for_inference(model, torch.device("cpu"), torch.float64)):
        whole = network(*given)
        for index in range(3):
            alone = network(*(tensor[index : index + 1] for tensor in given))
            torch.testing.assert_close(alone.gaze[0], whole.gaze[index], rtol=0, atol=1e-12)
            if alone.zone_logits is not None:
                torch.testing.assert_close(alone.zone_logits[:, 0], whole.zone_logits[:, index], rtol=0, atol=1e-3)
        none = network(*(tensor[:0] for tensor in given), auxiliary=True)
        assert none.gaze.shape == (0, 2)
        assert variant != "gazedptr_v2" or none.zone_logits.shape == (3, 0, 122)


def mixed_faces(batch: int, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return gazes, origins in mm on all sides of the camera, and inverse rotations, all different."""
    draw = torch.Generator().manual_seed(3)
    gaze = torch.rand(batch, 2, generator=draw, dtype=torch.float64) - 0.5
    origin = torch.tensor([300.0, 200, 400]) * torch.randn(batch, 3, generator=draw, dtype=torch.float64)
    to_camera = torch.linalg.qr(torch.randn(batch, 3, 3, generator=draw, dtype=torch.float64)).Q
    return gaze.to(dtype), origin.to(dtype), to_camera.to(dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_points_of_mixed_faces_are_those_of_each(dtype: torch.dtype) -> None:
    """To the last bit, for the code's highest frequencies see it; and they lie on their rays and planes."""
    gaze, origin, to_camera = mixed_faces(37, dtype)
    points = tri_plane_points(gaze, origin, to_camera)
    for face in range(37):
        one = slice(face, face + 1)
        assert torch.equal(tri_plane_points(gaze[one], origin[one], to_camera[one])[:, 0], points[:, face])
    if dtype == torch.float64:
        for face in range(37):
            # not by the function's own formula: the ray by NumPy, and the distance by least squares
            yaw, pitch = gaze[face].tolist()
            ray = np.array([-np.cos(pitch) * np.sin(yaw), -np.sin(pitch), -np.cos(pitch) * np.cos(yaw)])
            ray = to_camera[face].numpy() @ ray
            start = origin[face].numpy()
            for plane in range(3):
                point = points[plane, face].numpy()
                scale = np.abs(point).max() + np.abs(start).max()
                assert abs(point[plane]) < 1e-12 * scale
                along = (point - start) @ ray
                np.testing.assert_allclose(start + along * ray, point, rtol=0, atol=1e-12 * scale)


def test_rays_need_no_product_of_matrices() -> None:
    """Such products may run in TF32 or bfloat16, and their sums may depend on the batch."""
    with WithoutMatrixProducts():  # type: ignore[no-untyped-call]
        tri_plane_points(*mixed_faces(3, torch.float32))


class WithoutMatrixProducts(TorchDispatchMode):
    """Refuses the operations that precision settings of matrix products apply to."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        assert func._schema.name.removeprefix("aten::") not in {"mm", "bmm", "matmul", "addmm", "baddbmm", "mv"}
        return func(*args, **(kwargs or {}))


@torch.no_grad()
def test_zones_of_mixed_faces_are_those_of_each() -> None:
    model = GazeDPTRV2(small("gazedptr_v2")).double().eval()
    given = [tensor.double() for tensor in inputs("gazedptr_v2", 6)]
    given[-1] = mixed_faces(6, torch.float64)[1] / 300
    for network in (model, for_inference(model, torch.device("cpu"), torch.float64), as_reference(model)):
        whole = network(*given)
        for face in range(6):
            alone = network(*(tensor[face : face + 1] for tensor in given))
            torch.testing.assert_close(alone.gaze[0], whole.gaze[face], rtol=0, atol=1e-12)
            torch.testing.assert_close(alone.points[:, 0], whole.points[:, face], rtol=1e-9, atol=1e-9)
            torch.testing.assert_close(alone.zone_logits[:, 0], whole.zone_logits[:, face], rtol=0, atol=1e-3)


@torch.no_grad()
def test_gaze_alone_is_the_same() -> None:
    model = GazeDPTRV2(small("gazedptr_v2")).eval()
    given = inputs("gazedptr_v2", 2)
    whole, alone = model(*given), model(*given[:3])
    assert alone.zone_logits is None
    torch.testing.assert_close(alone.gaze, whole.gaze, rtol=0, atol=1e-5)
    with pytest.raises(InputError, match="go together"):
        model(*given[:4])
    with pytest.raises(InputError, match="holds no zones"):
        model.zone(alone)


@torch.no_grad()
def test_the_zone_head_is_chosen() -> None:
    for head in (1, 2, 3):
        model = GazeDPTRV2(small("gazedptr_v2", zone_head=head)).eval()
        out = model(*inputs("gazedptr_v2", 2))
        assert torch.equal(model.zone(out), out.zone_logits[head - 1].argmax(-1))


@torch.no_grad()
def test_unit_of_points() -> None:
    code = PositionalCode(3)
    in_m, in_mm = (ZoneBranch(small("gazedptr_v2", n_freqs=3, unit=unit), code) for unit in (1.0, 1000.0))
    in_mm.load_state_dict(in_m.state_dict())
    points = torch.rand(3, 2, 3)
    torch.testing.assert_close(in_mm.point_tokens(1000 * points), in_m.point_tokens(points))


def test_geometry_stays_out_of_autocast() -> None:
    given = inputs("gazedptr_v2", 2)
    for double, dtype in ((False, torch.float32), (True, torch.float64)):
        model = GazeDPTRV2(small("gazedptr_v2", double_geometry=double)).eval()
        with torch.autocast("cpu", torch.bfloat16):
            assert model(*given).points.dtype == dtype
            code = model.code(given[2])
        assert code.dtype == dtype
        torch.testing.assert_close(code, model.code(given[2]), rtol=0, atol=0)


@torch.no_grad()
def test_the_code_is_the_same_in_every_precision_of_the_network() -> None:
    """float16 ends at 65504, below the sixteenth power of two; the code and what reads it stay in float32."""
    model, given = GazeDPTRV2(small("gazedptr_v2")).eval(), inputs("gazedptr_v2", 2)
    given[-1] *= 1000  # millimetres, whose projections go beyond
    expected, code = model(*given), model.code(given[2])
    for dtype, atol in ((torch.bfloat16, 0.1), (torch.float16, 0.01)):
        fast: Any = for_inference(model, torch.device("cpu"), dtype)
        assert torch.equal(fast.network.code(given[2]), code)
        for name in ("pose.pos_encode.0.weight", "zones.planes.0.weight"):
            assert torch.equal(fast.network.get_parameter(name), model.get_parameter(name)), name
        assert fast.network.gaze_head.weight.dtype == dtype
        out = fast(*given)
        assert all(value.isfinite().all() for value in (out.gaze, out.points, out.zone_logits))
        torch.testing.assert_close(out.gaze, expected.gaze, rtol=0, atol=atol)
        torch.testing.assert_close(out.zone_logits[0], expected.zone_logits[0], rtol=0, atol=10 * atol)
        with torch.autocast("cpu", torch.bfloat16):
            assert torch.equal(fast.network.code(given[2]), code)


@pytest.mark.skipif(not can_pack(torch.device("cpu"), torch.float32), reason="this PyTorch has no oneDNN")
@torch.no_grad()
def test_packed_trunks_are_the_trunks() -> None:
    torch.manual_seed(0)
    model = GazePTR(replace(small("gazeptr"), blocks=(2, 1, 2, 1))).eval()
    for norm in model.modules():
        if isinstance(norm, torch.nn.BatchNorm2d):
            torch.nn.init.normal_(norm.running_mean, std=0.1)  # type: ignore[arg-type]
            torch.nn.init.uniform_(norm.running_var, 0.5, 2)  # type: ignore[arg-type]
    ready: Any = for_inference(model, torch.device("cpu"), torch.float32)
    fast = ready.network.normalised.trunk
    assert isinstance(fast, PackedTrunk)
    for shape in ((1, 3, 64, 48), (2, 3, 64, 48), (1, 3, 37, 32), (0, 3, 64, 48)):
        faces = torch.rand(shape)
        assert torch.equal(fast(faces)[-1], fast(faces)[-1])
        for found, expected in zip(fast(faces), model.normalised.trunk(faces), strict=True):
            torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    again = pickle.loads(pickle.dumps(copy.deepcopy(fast)))
    faces = torch.rand(1, 3, 32, 32)
    assert all(torch.equal(*stages) for stages in zip(again(faces), fast(faces), strict=True))


@pytest.mark.parametrize("variant", NETWORKS)
@torch.no_grad()
def test_saved_and_loaded(variant: str, tmp_path: Path) -> None:
    model = AnyGaze(small(variant, n_freqs=10)).eval()
    model.save_pretrained(tmp_path / "model")
    model.save_file(tmp_path / "model.safetensors")
    given = inputs(variant, 2)
    for source in ("model", "model.safetensors"):
        again = load_model(tmp_path / source)
        assert type(again) is NETWORKS[variant]  # type: ignore[index]
        assert torch.equal(again(*given).gaze, model(*given).gaze)


def test_shapes_that_are_wrong() -> None:
    face, axis = torch.rand(2, 3, 48, 48), torch.rand(2, 3)
    model = GazeDPTR(small("gazedptr"))
    for given, told in (
        ((face[:, :1], face, axis), r"normalised has shape \(2, 1, 48, 48\)"),
        ((face, face[:1], axis), "hold .2, 1. images"),
        ((face, face, axis[:1]), r"axis has shape \(1, 3\); it must be \(2, 3\)"),
    ):
        with pytest.raises(InputError, match=told):
            model(*given)
    with pytest.raises(InputError, match="sides of at least 32"):
        GazePTR(small("gazeptr"))(face[:, :, :20])
    with pytest.raises(InputError, match="GazePTR is gazeptr; these settings are of gazedptr"):
        GazePTR(small("gazedptr"))


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"zone_head": 4}, "zone_head is 4"),
        ({"n_freqs": 0}, "n_freqs is 0"),
        ({"n_freqs": 61}, "n_freqs is 61"),
        ({"dropout": 1.0}, "dropout is 1.0"),
        ({"unit": 0.0}, "unit is 0.0"),
    ],
)
def test_settings_that_are_wrong(settings: dict[str, object], told: str) -> None:
    with pytest.raises(InputError, match=told):
        small("gazedptr", **settings)
