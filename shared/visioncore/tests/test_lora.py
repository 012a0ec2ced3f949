"""Low-rank adapters: what they add, folding and unfolding, what is saved, what is refused."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from visioncore.errors import InputError
from visioncore.lora import LoRALinear, fold, inject, load_lora, lora_state_dict, unfold
from visioncore.weights.state_dicts import read_state_dict, write_state_dict

WIDTH, RANK = 6, 2
QUERIES, VALUES = (0, WIDTH), (2 * WIDTH, 3 * WIDTH)
ADDED = {"0.down.0", "0.down.1", "0.up.0", "0.up.1"}


def network() -> nn.Sequential:
    """Return a small network, the first layer of which is to be adapted."""
    return nn.Sequential(nn.Linear(WIDTH, 3 * WIDTH), nn.ReLU(), nn.Linear(3 * WIDTH, 4)).double()


def first(model: nn.Sequential) -> LoRALinear:
    layer = model[0]
    assert isinstance(layer, LoRALinear)
    return layer


@pytest.fixture
def adapted() -> nn.Sequential:
    """A network with additions that are no longer zero."""
    torch.manual_seed(0)
    model = network()
    inject(model, ["0"], RANK, [QUERIES, VALUES])
    with torch.no_grad():
        for up in first(model).up:
            up.normal_()
    return model


@pytest.fixture
def x() -> Tensor:
    return torch.randn(3, 5, WIDTH, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def by_definition(layer: LoRALinear, x: Tensor) -> Tensor:
    y = x @ layer.weight.T + layer.bias
    return torch.cat(
        (
            y[..., :WIDTH] + x @ layer.down[0].T @ layer.up[0].T,
            y[..., WIDTH : 2 * WIDTH],
            y[..., 2 * WIDTH :] + x @ layer.down[1].T @ layer.up[1].T,
        ),
        dim=-1,
    )


def test_at_first_nothing_is_added_and_only_additions_are_trained(x: Tensor) -> None:
    model = network()
    before, state = model(x), model.state_dict()
    inject(model, ["0"], RANK, [QUERIES, VALUES])
    assert torch.equal(model(x), before)
    assert all(torch.equal(model.state_dict()[name], tensor) for name, tensor in state.items())
    assert model.state_dict().keys() == state.keys() | ADDED
    trained = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert trained == ADDED | {"2.weight", "2.bias"}
    layer = first(model)
    assert all(bool(down.any()) for down in layer.down)
    assert [tuple(tensor.shape) for tensor in (*layer.down, *layer.up)] == [(RANK, WIDTH)] * 2 + [(WIDTH, RANK)] * 2


def test_outputs_and_gradients_are_those_of_the_definition(adapted: nn.Sequential, x: Tensor) -> None:
    layer = first(adapted)
    additions = [*layer.down, *layer.up]
    weights = torch.randn(3, 5, 3 * WIDTH, dtype=torch.float64)
    ours, wanted = layer(x), by_definition(layer, x)
    torch.testing.assert_close(ours, wanted, rtol=1e-12, atol=1e-12)
    for found, right in zip(
        torch.autograd.grad((ours * weights).sum(), additions),
        torch.autograd.grad((wanted * weights).sum(), additions),
        strict=True,
    ):
        torch.testing.assert_close(found, right, rtol=1e-12, atol=1e-12)


def test_without_blocks_all_outputs_are_adapted(x: Tensor) -> None:
    layer = LoRALinear(nn.Linear(WIDTH, 4, bias=False).double(), RANK)
    nn.init.normal_(layer.up[0])
    torch.testing.assert_close(layer(x), x @ (layer.weight + layer.up[0] @ layer.down[0]).T)


def test_folding_changes_nothing_but_the_cost(adapted: nn.Sequential, x: Tensor) -> None:
    before, weight = adapted(x), first(adapted).weight.clone()
    fold(adapted)
    fold(adapted)
    assert first(adapted).folded
    torch.testing.assert_close(adapted(x), before, rtol=1e-12, atol=1e-12)
    for down in first(adapted).down:
        nn.init.constant_(down, torch.nan)  # what is folded is not asked again
    assert bool(adapted(x).isfinite().all())
    unfold(adapted)
    unfold(adapted)
    assert not first(adapted).folded
    assert torch.equal(first(adapted).weight, weight)


def test_what_is_saved_and_loaded_is_not_folded(adapted: nn.Sequential, x: Tensor) -> None:
    before, state = adapted(x), copy.deepcopy(adapted.state_dict())
    fold(adapted)
    folded = adapted.state_dict()
    assert folded.keys() == state.keys()
    assert all(torch.equal(folded[name], state[name]) for name in state)
    other = network()
    inject(other, ["0"], RANK, [QUERIES, VALUES])
    fold(other)
    other.load_state_dict(folded)
    assert not first(other).folded
    assert torch.equal(other(x), before)


def test_a_copy_of_a_folded_network_unfolds_by_itself(adapted: nn.Sequential, x: Tensor) -> None:
    before = adapted(x)
    fold(adapted)
    other = copy.deepcopy(adapted).float()
    unfold(other)
    torch.testing.assert_close(other(x.float()), before.float())
    assert first(adapted).folded


def test_half_precision(adapted: nn.Sequential, x: Tensor) -> None:
    single = adapted.float()
    with torch.autocast("cpu", torch.bfloat16):
        half = single(x.float())
    assert half.dtype == torch.bfloat16
    torch.testing.assert_close(half.float(), single(x.float()), rtol=0.1, atol=0.1)


def test_additions_alone_go_to_another_network(adapted: nn.Sequential, x: Tensor, tmp_path: Path) -> None:
    torch.manual_seed(0)
    other = network()  # the same frozen weights
    inject(other, ["0"], RANK, [QUERIES, VALUES])
    assert not torch.equal(other(x), adapted(x))
    fold(adapted)
    fold(other)
    write_state_dict(tmp_path / "additions.safetensors", lora_state_dict(adapted))
    additions = read_state_dict(tmp_path / "additions.safetensors")
    assert additions.keys() == ADDED
    load_lora(other, additions, where="additions")
    unfold(adapted)
    assert torch.equal(other(x), adapted(x))
    assert set(lora_state_dict(first(other))) == {name.removeprefix("0.") for name in ADDED}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"0.up.1": None}, "1 missing (0.up.1)"),
        ({"0.up.1": torch.zeros(WIDTH, 3)}, "1 misshapen (0.up.1 is 6x3, not 6x2)"),
        ({"4.up.1": torch.zeros(1)}, "1 unexpected (4.up.1)"),
    ],
)
def test_additions_that_do_not_fit(adapted: nn.Sequential, change: dict[str, Tensor | None], told: str) -> None:
    state = {name: tensor + 1 for name, tensor in lora_state_dict(adapted).items()}
    wrong = {name: tensor for name, tensor in {**state, **change}.items() if tensor is not None}
    before = copy.deepcopy(adapted.state_dict())
    with pytest.raises(InputError) as caught:
        load_lora(adapted, wrong, where="a.safetensors")
    assert str(caught.value) == f"a.safetensors: these adapters do not fit Sequential: {told}"
    assert all(torch.equal(adapted.state_dict()[name], tensor) for name, tensor in before.items())


@pytest.mark.parametrize(
    ("names", "rank", "told"),
    [
        (["0"], 0, "rank is 0; it must be at least 1"),
        (["0", "1"], 1, "1: ReLU there, where a Linear is expected"),
        (["0", "7.qkv"], 1, "7.qkv: nothing there, where a Linear is expected"),
    ],
)
def test_layers_that_cannot_be_adapted(names: list[str], rank: int, told: str) -> None:
    model = network()
    with pytest.raises(InputError) as caught:
        inject(model, names, rank)
    assert str(caught.value) == told
    assert type(model[0]) is nn.Linear


@pytest.mark.parametrize("block", [(0, 3 * WIDTH + 1), (-2, 3), (4, 4)])
def test_blocks_that_are_not_there(block: tuple[int, int]) -> None:
    model = network()
    with pytest.raises(InputError, match=rf"0: has no block of outputs {block[0]} to {block[1]}, but \d+ outputs"):
        inject(model, ["0"], 1, [(0, 2), block])
    assert type(model[0]) is nn.Linear


def test_a_layer_is_adapted_only_once(adapted: nn.Sequential) -> None:
    with pytest.raises(InputError, match="0: LoRALinear there"):
        inject(adapted, ["0"], RANK)
