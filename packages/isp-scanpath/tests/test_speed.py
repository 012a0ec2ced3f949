"""How far the fast paths go: memory that does not grow with observers x maps x features, and the time of a reward."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from isp_scanpath.inference.sampling import decode
from isp_scanpath.network.config import ChenLSTMConfig, Config, GazeformerConfig
from isp_scanpath.network.examples import inputs
from isp_scanpath.network.losses import Sampled
from isp_scanpath.network.model import ISP
from isp_scanpath.network.reference import as_reference
from isp_scanpath.network.scanmatch import THRESHOLD, scanmatch, strings, substitution
from isp_scanpath.network.scanpaths import Floats, Frame, Scanpaths
from isp_scanpath.training.steps import reward

FRAME = Frame(320, 240)
GRID = (30, 40)
CHEN_LSTM = ChenLSTMConfig(
    observers=6, steps=3, action_maps=12, grid=(12, 12), channels=32, observer_channels=5, hidden=4, width=4,
    blocks=(1, 1, 1, 1),
)  # fmt: skip
GAZEFORMER = GazeformerConfig(
    observers=6, steps=4, action_maps=6, grid=(8, 8), feature_channels=8, text_channels=7, channels=64, heads=2,
    feed_forward=9, encoder_layers=2, decoder_layers=2, observer_channels=5, hidden=4,
)  # fmt: skip


class Largest(TorchDispatchMode):
    """Keeps the number of elements of the largest tensor that any operation makes."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.elements = 0

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: object,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        made = [leaf for leaf in tree_leaves(out) if isinstance(leaf, Tensor)]
        # a view, such as an expanded one, takes no memory of its own
        sizes = [leaf.untyped_storage().nbytes() // leaf.element_size() for leaf in made]
        self.elements = max([self.elements, *sizes])
        return out


@pytest.mark.parametrize("trains", [False, True])
@pytest.mark.parametrize("config", [CHEN_LSTM, GAZEFORMER])
def test_memory_does_not_grow_with_observers_maps_and_features(config: Config, trains: bool) -> None:
    torch.manual_seed(0)
    model = ISP(config).train(trains)
    given = inputs(config).values()
    # of ChenLSTM the gates are of every observer: 4 maps of features, however many action maps there are
    gates = 4 if isinstance(config, ChenLSTMConfig) else 1
    most = config.observers * gates * config.channels * config.grid[0] * config.grid[1]
    with torch.set_grad_enabled(trains), Largest() as fast:
        logits = model(*given).logits
        if trains:
            logits.sum().backward()
    assert fast.elements <= most
    with torch.no_grad(), Largest() as reference:
        as_reference(model).eval()(*given)
    assert reference.elements >= 3 * most


def random_scanpaths(seed: int, number: int) -> Scanpaths:
    rng = np.random.default_rng(seed)
    lengths = rng.integers(6, 14, number)
    return Scanpaths.of([rng.uniform(0, 1, (length, 3)) * [320, 240, 0.3] + [0, 0, 0.05] for length in lengths])


def in_a_loop(first: Floats, second: Floats, with_duration: bool, table: list[list[float]]) -> float:
    """Return the ScanMatch of one pair by a loop over the cells of the alignment."""
    (a, *_), (b, *_) = (
        strings(Scanpaths.of([path]), FRAME, with_duration=with_duration)[0].tolist() for path in (first, second)
    )
    row = [0.0] * (len(b) + 1)
    for symbol in a:
        scores, best = table[symbol], [0.0]
        for place, other in enumerate(b):
            best.append(max(row[place] + scores[other], row[place + 1], best[place]))
        row = best
    return row[-1] / (THRESHOLD * max(len(a), len(b)))


def seconds(work: Callable[[], object], times: int) -> float:
    """Return the least time of the processor that some work takes."""
    found = []
    for _ in range(times):
        start = time.process_time()
        work()
        found.append(time.process_time() - start)
    return min(found)


def test_reward_is_faster_than_a_loop() -> None:
    """Five samples for each of 15 observers, against what they did."""
    torch.manual_seed(0)
    cells = torch.randint(1, 1201, (5, 1, 15, 16))
    cells[..., 9] = 0
    sampled = Sampled(cells, 0.05 + 0.3 * torch.rand(5, 1, 15, 16))
    recorded = random_scanpaths(0, 15)
    batch = {
        "reference": torch.from_numpy(recorded.fixations)[None],
        "reference_lengths": torch.from_numpy(recorded.lengths)[None],
    }
    table = substitution().tolist()
    predicted, wanted = decode(sampled, GRID, FRAME).to_list(), recorded.to_list() * 5

    def loop() -> Floats:
        both = [
            [in_a_loop(*pair, with_duration, table) for pair in zip(predicted, wanted, strict=True)]
            for with_duration in (False, True)
        ]
        return 2 / (1 / np.array(both)).sum(axis=0)

    found = reward(sampled, batch, GRID, FRAME)
    np.testing.assert_allclose(found.flatten().numpy(), loop(), rtol=1e-12)
    # the best of some tries, as other programs may run beside them
    assert any(20 * seconds(lambda: reward(sampled, batch, GRID, FRAME), 60) < seconds(loop, 5) for _ in range(8))


def test_many_pairs_are_scored_in_parts() -> None:
    first, second = random_scanpaths(1, 1100), random_scanpaths(2, 1100)
    every = scanmatch(first, second, FRAME, with_duration=True)
    for place in (0, 511, 512, 1099):
        assert every[place] == scanmatch(first[[place]], second[[place]], FRAME, with_duration=True)[0]
