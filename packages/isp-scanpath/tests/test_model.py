"""What the networks refuse, and what their configurations do."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from isp_scanpath import ISP, ChenLSTMConfig, ChenLSTMISP, GazeformerConfig, GazeformerISP
from isp_scanpath.network.chen_head import ActionHead
from isp_scanpath.network.config import VARIANTS
from visioncore.errors import InputError

OBSERVERS = torch.tensor([[0, 1]])


def test_either_network_by_its_configuration(tiny_chen: ChenLSTMISP) -> None:
    assert type(ISP(tiny_chen.config)) is ChenLSTMISP
    with torch.device("meta"):
        assert type(ISP("gazeformer-air")) is GazeformerISP
    with pytest.raises(InputError, match="the settings are of another network"):
        GazeformerISP(tiny_chen.config)  # type: ignore[arg-type]


def test_shapes_of_chen_lstm(tiny_chen: ChenLSTMISP) -> None:
    images, tasks = torch.rand(1, 3, 72, 96), torch.tensor([0])
    for inputs, message in (
        ((torch.rand(1, 3, 96, 72), OBSERVERS, None, tasks), r"it must be \(B, 3, 72, 96\)"),
        ((images, torch.tensor([0, 1]), None, tasks), r"observers have shape \(2,\); it must be \(1, n\)"),
        ((images, OBSERVERS, torch.rand(1, 12, 9), tasks), r"it must be \(1, 9, 12\), one map an image"),
        ((images, OBSERVERS, None, None), r"tasks must be \(1,\), .* among: cup, tv"),
        ((images, OBSERVERS, None, torch.tensor([2])), r"tasks are \[2\]; each must lie from 0 to 1"),
    ):
        with pytest.raises(InputError, match=message):
            tiny_chen(*inputs)


def test_shapes_of_gazeformer(tiny_gazeformer: GazeformerISP) -> None:
    features, task = torch.rand(1, 12, 10), torch.rand(1, 7)
    for inputs, message in (
        ((torch.rand(1, 12, 9), OBSERVERS, task), r"it must be \(B, 12, 10\)"),
        ((features, OBSERVERS, torch.rand(2, 7)), r"task has shape \(2, 7\); it must be \(1, 7\)"),
        ((features, torch.tensor([[0], [1]]), task), r"observers have shape \(2, 1\); it must be \(1, n\)"),
    ):
        with pytest.raises(InputError, match=message):
            tiny_gazeformer(*inputs)


@pytest.mark.parametrize(
    ("config", "changes", "message"),
    [
        (ChenLSTMConfig, {"observers": 0}, "observers is 0; it must be at least 1"),
        (ChenLSTMConfig, {"grid": (30,)}, "grid is .* rows and columns"),
        (ChenLSTMConfig, {"grid": (2, 40)}, "at least 3 rows"),
        (ChenLSTMConfig, {"blocks": (1, 1, 0, 1)}, "blocks is"),
        (ChenLSTMConfig, {"categories": ("cup", "cup")}, "each may be there once"),
        (ChenLSTMConfig, {"observer_std": 0.0}, "observer_std is 0.0; it must be a positive number"),
        (ChenLSTMConfig, {"steps": 10**6}, "steps is 1000000; it must be at most 1000"),
        (GazeformerConfig, {"heads": 7}, "a multiple of 4 and of the 7 heads"),
        (GazeformerConfig, {"dropout": (0.1, 0.2, 1.0, 0.1)}, "dropout is"),
    ],
)
def test_configurations_that_are_wrong(config: type[Any], changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        config(**changes)


def test_dropout_is_for_training_only(tiny_gazeformer: GazeformerISP) -> None:
    inputs = torch.rand(1, 12, 10), OBSERVERS, torch.rand(1, 7)
    with torch.no_grad():
        assert torch.equal(tiny_gazeformer(*inputs).logits, tiny_gazeformer(*inputs).logits)
        tiny_gazeformer.train()
        first, second = (tiny_gazeformer(*inputs) for _ in range(2))
    assert not torch.equal(first.logits, second.logits)
    assert float(first.maps.min()) >= -36.9  # the logarithm of an attention that dropout made zero


@pytest.mark.parametrize("grid", [(3, 3), (9, 12), (12, 16)])
@torch.no_grad()
def test_durations_see_nothing_outside_the_map(grid: tuple[int, int]) -> None:
    """One folded layer gives what the 7x7 layer makes of the 5x5 one, also at the border."""
    torch.manual_seed(0)
    head = ActionHead(1, grid, channels=6, action_maps=2, observer=5, hidden=4).double()
    head.duration1.bias.fill_(9)  # type: ignore[union-attr]  # so that the ReLU hides nothing
    head.tasks[0].bias.normal_()  # type: ignore[operator]
    hidden, tokens = torch.randn(1, 2, 6, *grid).double(), torch.randn(1, grid[0] * grid[1], 6).double()
    step = head(hidden, [head.fold(0)], tokens, torch.randn(1, 2, 5).double())
    plain = head.duration2(head.duration1(head.tasks[0](hidden[0])).relu()).flatten(1)
    torch.testing.assert_close(torch.stack([step.mu[0], step.sigma2[0].log()], dim=1), plain, rtol=1e-10, atol=1e-10)


def test_published_beginnings() -> None:
    """Gates of the ConvLSTM and projections of attention begin as if each were a layer of its own."""
    torch.manual_seed(0)
    model = ChenLSTMISP(ChenLSTMConfig(channels=32, width=4, blocks=(1, 1, 1, 1), grid=(9, 12)))
    for layer in (model.lstm.from_image, model.lstm.from_memory):
        bound = (2 * 6 / (9 * 64)) ** 0.5
        assert float(layer.weight.detach().abs().max()) == pytest.approx(bound, rel=1e-2)
    assert float(model.integration.spatial.weight.detach().std()) == pytest.approx(0.01, rel=0.05)
    assert float(model.observers.table.detach().std()) == pytest.approx(1, rel=0.1)
    assert set(VARIANTS) == {
        f"{family}-{data}"
        for family in ("chenlstm", "gazeformer")
        for data in ("osie", "osie-asd", "air", "coco-search18")
    }
