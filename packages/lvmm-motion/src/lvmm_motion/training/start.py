"""The start of a stage: the network that the stage before it made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from visioncore.errors import InputError

from ..network.animation import AnimationPipeline
from ..network.autoencoder import FlowAutoencoder
from ..network.config import FlowAutoencoderConfig
from ..network.weights import load_model
from .config import Stage


@dataclass(frozen=True)
class Start:
    """Trained network that a stage starts from, and how it is called in messages."""

    name: str
    network: FlowAutoencoder | AnimationPipeline

    @property
    def autoencoder(self) -> FlowAutoencoder:
        """The auto-encoder, alone or that of the pipeline."""
        return self.network.autoencoder if isinstance(self.network, AnimationPipeline) else self.network

    def check(self, wanted: FlowAutoencoderConfig) -> None:
        """Validate that the auto-encoder has settings, but for the side of frames.

        Raises:
            InputError: if one differs.
        """
        for name, value in vars(wanted).items():
            found = getattr(self.autoencoder.config, name)
            if name != "side" and found != value:
                raise InputError(
                    f"{self.name}: has {name} {found}, the recipe's model.autoencoder {value}; set it alike"
                )


FROM: Mapping[Stage, tuple[type[FlowAutoencoder] | type[AnimationPipeline], ...]] = {
    "autoencoder": (FlowAutoencoder,),
    "motion": (FlowAutoencoder, AnimationPipeline),
    "frame": (AnimationPipeline,),
}
"""The networks that each stage may start from."""


def read_start(stage: Stage, weights: str | Path | None) -> Start | None:
    """Return the start of a stage, None where it needs none.

    Raises:
        InputError: if there is nothing, and the stage needs it, or the weights are of another network.
    """
    wanted = " or ".join(kind.__name__ for kind in FROM[stage])
    if weights is None:
        if stage == "autoencoder":
            return None
        raise InputError(f"the stage {stage} starts from the weights of {wanted}; name them")
    found = load_model(weights)
    if not isinstance(found, FROM[stage]):
        raise InputError(f"{weights}: is a {type(found).__name__}; the stage {stage} starts from {wanted}")
    return Start(str(weights), found)
