"""SAM's image encoder: equal to that of its package at any size, position tables, and files that will not do."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from visioncore.backbones.sam import (
    SAM_ENCODERS,
    SAM_FILES,
    SAMEncoderConfig,
    SAMImageEncoder,
    read_image_encoder,
    resize_tables,
)
from visioncore.backbones.window_attention import run_blocks, window_order
from visioncore.errors import InputError

SMALL = SAMEncoderConfig(width=12, depth=3, heads=3, global_blocks=(1,), window=3, out_channels=8)
SIZES = [(1, 1), (2, 5), (3, 3), (4, 4), (6, 9), (7, 2), (5, 8), (10, 7)]


def randomised(module: Any) -> Any:
    """Return a module with all weights random; SAM's position tables begin as zeros, which would hide mistakes."""
    torch.manual_seed(0)
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=0.5)
    return module.double()


def stock_blocks(height: int, width: int, window: int) -> nn.ModuleList:
    """Return three blocks of the package: with windows, without, with windows."""
    from segment_anything.modeling.image_encoder import Block

    blocks = nn.ModuleList(
        Block(12, 3, use_rel_pos=True, window_size=side, input_size=(height, width)) for side in (window, 0, window)
    )
    return randomised(blocks)


def stock(blocks: nn.ModuleList, x: Tensor) -> Tensor:
    for block in blocks:
        x = block(x)
    return x


# blocks


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("window", [1, 2, 3, 4, 14])
def test_blocks_give_what_the_stock_ones_give(size: tuple[int, int], window: int) -> None:
    blocks = stock_blocks(*size, window)
    x = torch.randn(2, *size, 12, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(run_blocks(blocks, x), stock(blocks, x), rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("recompute", [False, True])
def test_gradients_are_those_of_the_stock_blocks(recompute: bool) -> None:
    blocks = stock_blocks(5, 4, 3)
    x = torch.randn(2, 5, 4, 12, dtype=torch.float64, requires_grad=True)
    weights = torch.randn_like(x)
    wanted = [x, *blocks.parameters()]
    ours = torch.autograd.grad((run_blocks(blocks, x, recompute=recompute) * weights).sum(), wanted)
    theirs = torch.autograd.grad((stock(blocks, x) * weights).sum(), wanted)
    assert all(bool(gradient.any()) for gradient in theirs)
    for found, right in zip(ours, theirs, strict=True):
        torch.testing.assert_close(found, right, rtol=1e-10, atol=1e-10)


def test_attention_in_parts_is_attention(monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = stock_blocks(5, 4, 3)
    x = torch.randn(1, 5, 4, 12, dtype=torch.float64)
    with torch.no_grad():
        whole = run_blocks(blocks, x)
        monkeypatch.setattr("visioncore.backbones.window_attention.MOST_PAIRS", 1)
        torch.testing.assert_close(run_blocks(blocks, x), whole, rtol=1e-12, atol=1e-12)


def test_blocks_without_windows() -> None:
    blocks = stock_blocks(5, 4, 0)
    x = torch.randn(1, 5, 4, 12, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(run_blocks(blocks, x), stock(blocks, x), rtol=1e-11, atol=1e-11)


def test_half_precision_stays_close() -> None:
    blocks = stock_blocks(5, 4, 3).float()
    x = torch.randn(1, 5, 4, 12)
    with torch.no_grad():
        expected = stock(blocks, x)
        with torch.autocast("cpu", torch.bfloat16):
            half = run_blocks(blocks, x)
    assert float((half - expected).norm() / expected.norm()) < 0.05


def test_windows_are_what_stands_together() -> None:
    groups, order = window_order((2, 5, 4, 12), 3, torch.device("cpu"))
    assert [tuple(group) for group in groups] == [(2, 3, 3), (2, 3, 1), (2, 2, 3), (2, 2, 1)]
    assert order is not None
    assert sorted(order.tolist()) == list(range(40))
    assert order[:9].tolist() == [0, 1, 2, 4, 5, 6, 8, 9, 10]  # the first window of the first image
    assert order[18:21].tolist() == [3, 7, 11]  # what is left of it to the right
    for window in (0, 5, 14):
        assert window_order((2, 5, 4), window, torch.device("cpu")) == ([(2, 5, 4)], None)


# the encoder


@pytest.fixture
def encoder() -> SAMImageEncoder:
    return randomised(SAMImageEncoder(SMALL, 80))


def test_the_encoder_is_that_of_the_package(encoder: SAMImageEncoder) -> None:
    from segment_anything.modeling import ImageEncoderViT

    theirs = ImageEncoderViT(
        img_size=80,
        embed_dim=12,
        depth=3,
        num_heads=3,
        out_chans=8,
        norm_layer=lambda width: nn.LayerNorm(width, eps=1e-6),
        use_rel_pos=True,
        window_size=3,
        global_attn_indexes=(1,),
    ).double()
    theirs.load_state_dict(encoder.state_dict())
    images = torch.randn(2, 3, 80, 80, dtype=torch.float64)
    with torch.no_grad():
        ours = encoder(images)
        assert ours.shape == (2, 8, 5, 5)
        torch.testing.assert_close(ours, theirs(images), rtol=1e-11, atol=1e-11)


def test_recomputing_gives_the_same_gradients_and_keeps_less(encoder: SAMImageEncoder) -> None:
    images = torch.randn(1, 3, 80, 80, dtype=torch.float64)
    there = {tensor.untyped_storage().data_ptr() for tensor in (images, *encoder.parameters())}
    gradients, kept = [], []
    for recompute in (False, True):
        encoder.recompute = recompute
        sizes: dict[int, int] = {}

        def keep(tensor: Tensor, sizes: dict[int, int] = sizes) -> Tensor:
            storage = tensor.untyped_storage()
            sizes[storage.data_ptr()] = storage.nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            loss = encoder(images).square().sum()
        gradients.append(torch.autograd.grad(loss, list(encoder.parameters())))
        kept.append(sum(size for place, size in sizes.items() if place not in there))
    assert all(torch.equal(found, right) for found, right in zip(*gradients, strict=True))
    assert kept[1] < 0.2 * kept[0]


def test_nothing_is_recomputed_where_no_gradient_is_wanted(
    encoder: SAMImageEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("visioncore.backbones.window_attention.checkpoint", None)
    encoder.recompute = True
    images = torch.zeros(1, 3, 80, 80, dtype=torch.float64)
    with torch.no_grad():
        encoder(images)
    encoder.eval()(images)
    with pytest.raises(TypeError, match="not callable"):
        encoder.train()(images)


@pytest.mark.parametrize("size", [0, 8, 100, -16])
def test_sizes_that_will_not_do(size: int) -> None:
    with pytest.raises(InputError, match=f"image_size is {size}; it must be a positive multiple of 16"):
        SAMImageEncoder(SMALL, size)


@pytest.mark.parametrize("shape", [(1, 3, 64, 80), (1, 1, 80, 80), (3, 80, 80), (1, 3, 96, 96)])
def test_images_of_another_shape(encoder: SAMImageEncoder, shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError) as caught:
        encoder(torch.zeros(shape, dtype=torch.float64))
    assert str(caught.value) == f"images are {shape}; they must be (B, 3, 80, 80)"


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "segment_anything", None)
    with pytest.raises(InputError, match=r'run: pip install "visioncore\[sam\]"'):
        SAMImageEncoder(SMALL, 80)


# position tables


def resized_rows(table: np.ndarray[Any, Any], count: int) -> np.ndarray[Any, Any]:
    """Return linear interpolation along the first axis; pixels are areas, the ends hold on."""
    at = (np.arange(count) + 0.5) * len(table) / count - 0.5
    at = at.clip(0, len(table) - 1)
    low = np.floor(at).astype(int)
    high = np.minimum(low + 1, len(table) - 1)
    part = (at - low).reshape(-1, *[1] * (table.ndim - 1))
    return table[low] * (1 - part) + table[high] * part


@pytest.mark.parametrize("size", [32, 112, 160])
def test_tables_are_resized_for_another_size(encoder: SAMImageEncoder, size: int) -> None:
    state, grid = encoder.state_dict(), size // 16
    resized = resize_tables(state, SMALL, size)
    SAMImageEncoder(SMALL, size).double().load_state_dict(resized)
    positions = resized_rows(resized_rows(state["pos_embed"][0].numpy(), grid).swapaxes(0, 1), grid).swapaxes(0, 1)
    np.testing.assert_allclose(resized["pos_embed"][0].numpy(), positions, rtol=1e-12, atol=1e-12)
    for axis in "hw":
        name = f"blocks.1.attn.rel_pos_{axis}"
        np.testing.assert_allclose(
            resized[name].numpy(), resized_rows(state[name].numpy(), 2 * grid - 1), rtol=1e-12, atol=1e-12
        )
    changed = {name for name in state if resized[name] is not state[name]}
    assert changed == {"pos_embed", "blocks.1.attn.rel_pos_h", "blocks.1.attn.rel_pos_w"}


def test_tables_of_the_right_size_stay(encoder: SAMImageEncoder) -> None:
    state = encoder.state_dict()
    assert all(tensor is state[name] for name, tensor in resize_tables(state, SMALL, 80).items())


# published files


def published(name: str) -> dict[str, Tensor]:
    """Return a whole checkpoint of a published encoder, without values."""
    with torch.device("meta"):
        state = SAMImageEncoder(SAM_ENCODERS[name]).state_dict()
    others = {"prompt_encoder.no_mask_embed.weight": torch.zeros(1, 256)}
    return {**{f"image_encoder.{key}": tensor for key, tensor in state.items()}, **others}


@pytest.mark.parametrize(("name", "width", "depth"), [("vit_b", 768, 12), ("vit_l", 1024, 24), ("vit_h", 1280, 32)])
def test_published_encoders(name: str, width: int, depth: int) -> None:
    encoder = read_image_encoder(published(name), name, "sam.pth")
    assert encoder["pos_embed"].shape == (1, 64, 64, width)
    assert len({key.split(".")[1] for key in encoder if key.startswith("blocks.")}) == depth
    last = SAM_ENCODERS[name].global_blocks[-1]
    assert last == depth - 1
    assert encoder[f"blocks.{last}.attn.rel_pos_h"].shape == (127, width // SAM_ENCODERS[name].heads)
    assert encoder["blocks.0.attn.rel_pos_h"].shape[0] == 27
    assert not any(key.startswith(("image_encoder", "prompt_encoder")) for key in encoder)


def test_files_of_something_else() -> None:
    vit_b = published("vit_b")
    cut = {key: tensor for key, tensor in vit_b.items() if key != "image_encoder.neck.0.weight"}
    strange = {"image_encoder.pos_embed": torch.zeros(1, 4, 4, 96)}
    source = "github.com/facebookresearch/segment-anything"
    for state, name, told in (
        (vit_b, "vit_l", f"sam.pth: holds SAM's vit_b; vit_l needs sam_vit_l_0b3195.pth ({source})"),
        (strange, "vit_b", f"sam.pth: holds SAM's encoder of width 96; vit_b needs sam_vit_b_01ec64.pth ({source})"),
        (
            {"w_a_000": torch.zeros(1)},
            "vit_h",
            "sam.pth: no SAM checkpoint (it has no image_encoder.pos_embed); vit_h needs sam_vit_h_4b8939.pth "
            f"({source})",
        ),
        (cut, "vit_b", "sam.pth: these tensors do not fit SAM's vit_b: 1 missing (neck.0.weight)"),
    ):
        with pytest.raises(InputError) as caught:
            read_image_encoder(state, name, "sam.pth")
        assert str(caught.value) == told


def test_every_published_encoder_has_a_file() -> None:
    assert SAM_FILES.keys() == SAM_ENCODERS.keys()
