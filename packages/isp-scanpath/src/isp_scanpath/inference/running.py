"""Running either network on named inputs, and predicting a scanpath for every trial of a data set."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from ..data.inputs import Inputs
from ..data.samples import by_image
from ..data.trials import Trial
from ..network.actions import Actions
from ..network.config import ChenLSTMConfig, Config
from ..network.losses import Sampled
from ..network.model import ISP, ChenLSTMISP, GazeformerISP
from ..network.observers import MEAN
from ..network.scanpaths import Frame, Scanpaths
from .sampling import decode, draw


def run_network(network: nn.Module, inputs: Mapping[str, Tensor], batch: int = 0) -> Actions:
    """Return the distributions of a network for inputs by the names of its arguments, with a batch axis.

    Args:
        network: either one.
        inputs: by the names of its arguments.
        batch: observers of each image at a time; 0 for all.
    """
    observers = inputs["observers"]
    if 0 < batch < observers.shape[1]:
        parts = [run_network(network, {**inputs, "observers": part}) for part in observers.split(batch, dim=1)]
        return Actions(*(torch.cat(values, dim=1) for values in zip(*parts, strict=True)))
    if "features" in inputs:
        actions: Actions = network(inputs["features"], inputs["observers"], inputs["task"])
    else:
        actions = network(inputs["images"], inputs["observers"], inputs.get("guidance"), inputs.get("tasks"))
    return actions


def as_seen_by(model: ISP, inputs: Mapping[str, Tensor]) -> Callable[[Tensor], Actions]:
    """Return a function from observers (B, n, ...) to distributions; what does not depend on them is computed now.

    Args:
        model: either network.
        inputs: by the names of its arguments, without observers, with a batch axis.
    """
    if isinstance(model, GazeformerISP):
        encoded = model.encode(inputs["features"], inputs["task"])
        return lambda observers: model.look(encoded, observers)
    assert isinstance(model, ChenLSTMISP)
    features = model.encode(inputs["images"])
    return lambda observers: model.look(features, observers, inputs.get("guidance"), inputs.get("tasks"))


@torch.no_grad()
def predict_trials(
    network: nn.Module,
    config: Config,
    trials: Sequence[Trial],
    inputs: Inputs,
    frame: Frame,
    seeds: Sequence[int],
    *,
    individual: bool = True,
    vectors: Tensor | None = None,
    batch: int = 0,
) -> list[Scanpaths]:
    """Return, for each seed, a sampled scanpath for the observer of each trial, in pixels of a frame.

    The network runs once for all seeds. What is drawn for an image depends on the seed and on the images before it.

    Args:
        network: in evaluation mode.
        config: of the network.
        trials: those of an image standing together.
        inputs: of the network.
        frame: that scanpaths are returned in.
        seeds: of the samples.
        individual: whether the network is told who looks; if not, everyone is the mean observer.
        vectors: of all observers of the data (n, E), in place of those that the network learnt.
        batch: observers of an image at a time; 0 for all.
    """
    device = next(network.parameters()).device
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    found: list[list[Sampled]] = [[] for _ in generators]
    for group in by_image(trials):
        observers = torch.tensor([[trial.observer for trial in group] if individual else [MEAN]])
        if vectors is not None:
            observers = vectors[observers]
        given = {name: value[None].to(device) for name, value in inputs(group[0].image, group[0].task).items()}
        actions = run_network(network, {**given, "observers": observers.to(device)}, batch).for_each(len(group))
        for drawn, generator in zip(found, generators, strict=True):
            drawn.append(draw(actions, 1, generator))
    return [decode(_together(drawn), config.grid, frame) for drawn in found]


def _together(drawn: Sequence[Sampled]) -> Sampled:
    """Return one sample of each image's observers in a row (M, T)."""
    return Sampled(*(torch.cat([value[0, 0].cpu() for value in values]) for values in zip(*drawn, strict=True)))


def published_frame(config: Config) -> Frame:
    """Return the frame that the authors measure a network in; that of a Gazeformer has the shape of its grid."""
    if isinstance(config, ChenLSTMConfig):
        return Frame(320, 240)
    rows, columns = config.grid
    return Frame(512, 320 if 8 * rows == 5 * columns else 384)
