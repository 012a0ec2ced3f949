"""Published checkpoints of every trainer and engine: found, named, loaded, and written back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from csc_pretrain3d.network.config import VARIANTS, MinkUNetConfig, VoxelNetConfig
from csc_pretrain3d.network.engines import ENGINES, convert, detect_engine
from csc_pretrain3d.network.examples import grid_of, inputs
from csc_pretrain3d.network.model import CSC, MinkUNet, VoxelNet
from csc_pretrain3d.network.published import detect_config, to_published
from csc_pretrain3d.network.weights import load_matching, load_model, load_published
from csc_pretrain3d.sparse import SparseTensor
from visioncore.errors import InputError


def same_weights(found: CSC, model: CSC) -> None:
    for name, tensor in model.state_dict().items():
        assert torch.equal(found.state_dict()[name], tensor), name


@pytest.mark.parametrize("engine", ENGINES)
def test_every_layout_loads(tiny_minkunet: MinkUNet, tmp_path: Path, engine: Any) -> None:
    state = to_published(tiny_minkunet, engine)
    assert detect_engine(state) == engine
    torch.save({"model_points": state, "pixel_prototype": torch.zeros(150, 64), "epoch": 3}, tmp_path / "theirs.pt")
    found = load_published(tmp_path / "theirs.pt")
    assert isinstance(found, MinkUNet)
    assert found.config.widths == tiny_minkunet.config.widths
    assert not found.training
    same_weights(found, tiny_minkunet)


def test_layouts_are_the_cards() -> None:
    """MinkowskiEngine's c0 is fastest; torchsparse's even kernels have c2 fastest; spconv's axes are (k0, k1, k2)."""
    odd = {"a.kernel": torch.randn(27, 2, 3), "n.bn.running_mean": torch.zeros(1)}
    even = {"a.kernel": torch.randn(8, 2, 3), "n.bn.running_mean": torch.zeros(1)}
    spconv = convert(odd, "minkowski", "spconv2")["a.weight"]
    assert spconv.shape == (3, 3, 3, 3, 2)
    assert torch.equal(spconv[:, 2, 0, 1], odd["a.kernel"][2 + 0 * 3 + 1 * 9].T)
    assert torch.equal(convert(odd, "minkowski", "spconv1")["a.weight"][2, 0, 1], odd["a.kernel"][2 + 9])
    assert torch.equal(convert(odd, "minkowski", "torchsparse")["a.kernel"], odd["a.kernel"])
    swapped = convert(even, "minkowski", "torchsparse")
    assert "n.running_mean" in swapped
    assert torch.equal(swapped["a.kernel"][4 * 1 + 2 * 0 + 1], even["a.kernel"][1 + 2 * 0 + 4 * 1])
    assert torch.equal(swapped["a.kernel"][4], even["a.kernel"][1])


@torch.no_grad()
@pytest.mark.parametrize("variant", ["voxelnet", "voxelnet-upsample16"])
def test_voxelnet_loads(tmp_path: Path, variant: str) -> None:
    model = VoxelNet(variant).eval()
    for engine in ("spconv1", "spconv2"):
        state = {f"module.{name}": tensor for name, tensor in to_published(model, engine).items()}
        torch.save({"model_points": state, "epoch": 1, "config": {}}, tmp_path / f"{engine}.pt")
        found = VoxelNet.from_published(tmp_path / f"{engine}.pt")
        assert found.config == VARIANTS[variant]
        same_weights(found, model)
    given = inputs(model.config)
    voxels = SparseTensor(given["coordinates"], given["features"], spatial_shape=grid_of(model.config))
    output = model(voxels)
    if variant == "voxelnet":
        assert output.shape == (1, 64, 128, 128)
    else:
        assert output.coordinates is voxels.coordinates
        torch.testing.assert_close(output.features.norm(dim=1), torch.ones(len(voxels.features)))


@torch.no_grad()
@pytest.mark.parametrize(("upsample", "levels", "side"), [(2, 4, 128), (4, 10, 256), (8, 20, 512)])
def test_decoders(upsample: int, levels: int, side: int) -> None:
    model = VoxelNet(VoxelNetConfig(upsample=upsample, out_channels=3)).eval()
    given = inputs(model.config)
    bev = model(SparseTensor(given["coordinates"], given["features"], spatial_shape=model.config.grid))
    assert bev.shape == (1, 3 * levels, side, side)
    voxels = VoxelNet(VoxelNetConfig(upsample=upsample, out_channels=3, compressed=False)).eval()(
        SparseTensor(given["coordinates"], given["features"], spatial_shape=model.config.grid)
    )
    assert voxels.spatial_shape == (levels, side, side)


@pytest.mark.parametrize(
    ("wrap", "prefix"),
    [
        (lambda state: {"model_points": state, "model_images": {"decoder.0.weight": torch.zeros(1)}}, ""),
        (lambda state: {"state_dict": state, "hyper_parameters": {"config": {}}}, "model_points."),
        (lambda state: {"state_dict": state}, "module.model_q."),
        (lambda state: {"model": state, "optimizer": {}, "train_criterion": {}, "epoch": 1}, "trunk.2."),
        (lambda state: state, "module.encoder."),
        (lambda state: state, "model."),
    ],
)
def test_every_trainers_file(tiny_minkunet: MinkUNet, tmp_path: Path, wrap: Any, prefix: str) -> None:
    """CSC's and SLidR's, Lightning's, MoCo's, DepthContrast's, bare ones."""
    state = {f"{prefix}{name}": tensor for name, tensor in to_published(tiny_minkunet).items()}
    if "_q" in prefix:
        state |= {name.replace("_q", "_k"): torch.zeros_like(tensor) for name, tensor in state.items()}
    torch.save(wrap(state), tmp_path / "theirs.pt")
    same_weights(MinkUNet.from_published(tmp_path / "theirs.pt"), tiny_minkunet)
    same_weights(load_model(tmp_path / "theirs.pt"), tiny_minkunet)


@pytest.mark.parametrize("variant", ["minkunet", "minkunet-nuscenes", "minkunet-semantickitti", "voxelnet"])
def test_settings_are_read_from_the_tensors(layouts: dict[str, Any], variant: str) -> None:
    name = {"minkunet": "minkunet_pretrain", "voxelnet": "voxelnet_pretrain"}.get(variant, variant.replace("-", "_"))
    state = {key: torch.empty(shape, device="meta") for key, shape in layouts[name].items()}
    assert detect_config(type(VARIANTS[variant]), state, {}, "here") == VARIANTS[variant]


def test_settings_of_the_trainer(tiny_minkunet: MinkUNet, tmp_path: Path) -> None:
    said = {"voxel_size": 0.05, "cylindrical_coordinates": False, "normalize_features": True, "bn_momentum": 0.03}
    torch.save({"model_points": to_published(tiny_minkunet), "config": said}, tmp_path / "theirs.pt")
    config = MinkUNet.from_published(tmp_path / "theirs.pt").config
    assert (config.voxel_size, config.cylindrical, config.normalised, config.norm_momentum) == (0.05, False, True, 0.03)


def test_files_that_do_not_fit(tiny_minkunet: MinkUNet, tmp_path: Path) -> None:
    path = tmp_path / "theirs.pt"

    def saved(content: Any) -> Path:
        torch.save(content, path)
        return path

    state = to_published(tiny_minkunet)
    with pytest.raises(InputError, match=r"theirs.pt: this is a checkpoint of MinkUNet, not of VoxelNet"):
        VoxelNet.from_published(saved(state))
    with pytest.raises(InputError, match=r"several such networks, under a\., b\.; save the one"):
        load_published(saved({"a": state, "b": state}))
    with pytest.raises(InputError, match=r"these weights do not fit MinkUNet: 1 unexpected \(left_over\)"):
        load_published(saved(state | {"left_over": torch.zeros(1)}))
    with pytest.raises(InputError, match=r"this MinkUNet lacks tensors that show its size \('final.kernel'\)"):
        load_published(saved({name: tensor for name, tensor in state.items() if "final" not in name}))
    with pytest.raises(InputError, match=r"no tensors by name"):
        load_published(saved({"epoch": 3}))
    with pytest.raises(InputError, match=r"not a checkpoint of MinkUNet .* no sparse convolutions, and its 1 tensors"):
        load_published(saved({"weight": torch.zeros(2)}))


def test_another_dialect_is_named(tmp_path: Path) -> None:
    path = tmp_path / "theirs.pt"
    torch.save({"stem.0.kernel": torch.zeros(27, 4, 32), "stem.1.running_mean": torch.zeros(32)}, path)
    with pytest.raises(InputError, match=r"its convolutions are in the layout of torchsparse, and its 2 tensors begin"):
        load_published(path)
    voxelnet = to_published(VoxelNet())
    kernels = {
        n.replace("weight", "kernel"): t.flatten(1, 3).permute(1, 2, 0) for n, t in voxelnet.items() if t.ndim == 5
    }
    torch.save({n: t for n, t in voxelnet.items() if t.ndim < 5} | kernels, path)
    with pytest.raises(
        InputError, match=r"of this VoxelNet are in the layout of torchsparse; they should be .*spconv 2"
    ):
        load_published(path)
    with pytest.raises(InputError, match=r"engine is 'minkowski'; VoxelNet is to be had as spconv2, spconv1"):
        to_published(VoxelNet(), "minkowski")


def test_weights_for_fine_tuning(tiny_minkunet: MinkUNet, tmp_path: Path) -> None:
    """All but the last layer, whose shape is another."""
    other = MinkUNet(MinkUNetConfig(**{**vars(tiny_minkunet.config), "out_channels": 3}))
    last = other.final.kernel.clone()
    assert load_matching(other, tiny_minkunet.state_dict(), "here") == ["final.kernel", "final.bias"]
    assert torch.equal(other.final.kernel, last)
    assert torch.equal(other.conv0p1s1.kernel, tiny_minkunet.conv0p1s1.kernel)
    with pytest.raises(InputError, match="here: no tensor fits MinkUNet; weights of the same network"):
        load_matching(other, VoxelNet().state_dict(), "here")


def test_saved_and_loaded_by_either_name(tiny_minkunet: MinkUNet, tmp_path: Path) -> None:
    tiny_minkunet.save_pretrained(tmp_path / "saved")
    for family in (MinkUNet, CSC):
        same_weights(family.from_pretrained(tmp_path / "saved"), tiny_minkunet)
    with pytest.raises(InputError, match="MinkUNet, not VoxelNet"):
        VoxelNet.from_pretrained(tmp_path / "saved")
    assert isinstance(CSC("voxelnet"), VoxelNet)
