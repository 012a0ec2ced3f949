"""Configuration of the network, and its variants."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from visioncore.backbones.clip_transformer import CLIP_VITS, CLIPViTConfig
from visioncore.configs import check_choices, check_most
from visioncore.errors import InputError

from .lite_tower import LiteTowerConfig

TEMPLATE = "a video of a person {label}"
"""Prompt for the label of an action."""

PLACE = "{label}"
"""Where a template has the label."""

MOST_ENTITIES = 4000
"""Entries of a corpus, at most."""

MOST_FRAMES = 256
"""Frames of a clip, at most: attention among the entities of all of them grows with the square of their number."""


@dataclass(frozen=True)
class ALTConfig:
    """The network's settings; the defaults are those for ViT-B/16 (see the README for what the paper leaves open).

    Attributes:
        tower: CLIP's image tower, or the small one of the demo: width d, patches N, length D of its features.
        merged: tokens r that a block of the tower merges away; one number for each block where it is a tuple.
        frames: frames T of a clip that it was trained on; other numbers run too.
        queries: ask for the entities with the largest areas of each frame (entities) or for those of all regions
            (regions), at several times the cost.
        top: entities K for each frame, where queries are entities.
        layers: blocks of the video adapter.
        heads: of attention in the adapter, a divisor of the tower's width.
        places: learned positions in time; resized linearly to T.
        temperature: of the Gumbel-softmax over entities in training.
        normalisation: mean and deviation of the images: CLIP's own, or ImageNet's as some video models have it.
        entities: entries M of the corpus; 0 before there is one: then a video is the mean of its frames.
        units: names of the entries, such as ``barbell``; none, or M of them.
        digest: of the corpus, names and vectors (`corpus_digest`); empty where none was given.
        labels: of the actions, such as ``lifting weights``; their vectors are stored beside them.
        templates: prompts for a label, which each hold ``{label}``; their vectors are averaged.
        clip: name of the CLIP weights that the tower has, such as ``clip-vit-b-16``; empty where unknown.
        clip_digest: of the tower's tensors, where they are stored apart; empty where they are not.
        text_digest: of the text tower that made the vectors of labels and entities; empty where unknown.

    Raises:
        InputError: if a value is out of its range.
    """

    tower: CLIPViTConfig | LiteTowerConfig = field(default_factory=CLIPViTConfig)
    merged: int | tuple[int, ...] = 8
    frames: int = 8
    queries: Literal["entities", "regions"] = "entities"
    top: int = 8
    layers: int = 5
    heads: int = 12
    places: int = 32
    temperature: float = 1.0
    normalisation: Literal["clip", "imagenet"] = "clip"
    entities: int = 0
    units: tuple[str, ...] = ()
    digest: str = ""
    labels: tuple[str, ...] = ()
    templates: tuple[str, ...] = (TEMPLATE,)
    clip: str = ""
    clip_digest: str = ""
    text_digest: str = ""

    def __post_init__(self) -> None:
        check_choices(self)
        for name, least in (*dict.fromkeys(("frames", "top", "layers", "heads", "places"), 1).items(), ("entities", 0)):
            if getattr(self, name) < least:
                raise InputError(f"{name} is {getattr(self, name)}; it must be at least {least}")
        check_most(self, merged=10_000, frames=MOST_FRAMES, layers=256, places=4096)
        check_most(self, top=MOST_ENTITIES, entities=MOST_ENTITIES)
        if isinstance(self.merged, tuple) and len(self.merged) != self.tower.layers:
            raise InputError(
                f"merged has {len(self.merged)} numbers; it must be one, or one for each block of the tower, "
                f"{self.tower.layers}"
            )
        if min(self.merged if isinstance(self.merged, tuple) else (self.merged,)) < 0:
            raise InputError(f"merged is {self.merged}; it must be at least 0")
        if self.tower.width % self.heads:
            raise InputError(f"heads is {self.heads}; the tower's width, {self.tower.width}, must be a multiple of it")
        if not 0 < self.temperature < float("inf"):
            raise InputError(f"temperature is {self.temperature}; it must be above 0")
        if self.units and len(self.units) != self.entities:
            raise InputError(f"there are {len(self.units)} units; there must be none, or entities, {self.entities}")
        if len(set(self.labels)) < len(self.labels):
            raise InputError("a label is there twice; each only once")
        if not self.templates or any(PLACE not in template for template in self.templates):
            raise InputError(f"templates are {self.templates}; there must be at least one, and {PLACE} in each")

    def merges(self) -> list[int]:
        """Return how many tokens each block merges away: never more than half of those beside the class token."""
        wanted = self.merged if isinstance(self.merged, tuple) else (self.merged,) * self.tower.layers
        merges, tokens = [], 1 + self.tower.patches
        for r in wanted:
            merges.append(min(r, (tokens - 1) // 2))
            tokens -= merges[-1]
        return merges

    @property
    def regions(self) -> int:
        """Region tokens n that are left of a frame, beside the class token."""
        return self.tower.patches - sum(self.merges())


VARIANTS: dict[str, ALTConfig] = {
    name.lower(): ALTConfig(tower, heads=tower.heads, entities=1000) for name, (tower, _) in CLIP_VITS.items()
}
"""The variants by the names of their towers, with a corpus of a usual size."""
