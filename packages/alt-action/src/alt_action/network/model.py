"""The network as a whole, as the paper's figure shows it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from visioncore.backbones.clip_transformer import CLIPViT, CLIPViTConfig
from visioncore.errors import InputError

from .adapter import VideoAdapter
from .alignment import (
    count_patches,
    largest_entities,
    precise_product,
    similarities,
    soft_assignment,
    straight_through,
)
from .config import ALTConfig
from .corpus import Encode, Entities, corpus_digest, embed, embed_labels
from .lite_tower import LiteTower
from .output import Regions, VideoOutput
from .regions import find_regions
from .stored import StoredALT

LARGEST_SCALE = 100.0
"""Of the cosines in the scores; CLIP's limit."""


class ALT(StoredALT):
    """Recognises actions by the entities that take part in them (ALT, CVPR 2024).

    Args:
        config: the settings; weights and vectors of entities and labels are random until loaded.

    Example:
        >>> model = ALT.from_clip("ViT-B-16.pt", corpus, labels=["juggling balls", "riding a bike"])
        >>> frames = torch.rand(2, 8, 3, 224, 224)
        >>> model.scores(model(frames)).shape
        torch.Size([2, 2])
    """

    config_class = ALTConfig
    config: ALTConfig
    entities: Tensor
    """(M, D), of length 1: vectors of the corpus."""
    label_features: Tensor
    """(C, D), of length 1: vectors of the labels; C is 0 where there are none."""

    def __init__(self, config: ALTConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or ALTConfig()
        shared = config.tower.embed_dim
        self.visual = CLIPViT(config.tower) if isinstance(config.tower, CLIPViTConfig) else LiteTower(config.tower)
        self.adapter = VideoAdapter(config)
        self.register_buffer("entities", F.normalize(torch.randn(config.entities, shared), dim=-1))
        self.register_buffer("label_features", F.normalize(torch.randn(len(config.labels), shared), dim=-1))
        self.logit_scale = nn.Parameter(torch.tensor(LARGEST_SCALE).log())

    def forward(self, frames: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return the vectors of videos, (B, D), of length 1; `scores` compares them with labels.

        Args:
            frames: (B, T, 3, S, S) for the image size S, normalised as the configuration says.
            generator: of the noise in training; default: PyTorch's own.

        Raises:
            InputError: if the frames are of another shape.
        """
        return self.watch(self.regions(frames), generator).video

    def regions(self, frames: Tensor) -> Regions:
        """Return the regions of frames, each by itself, so that they can be kept for other labels and corpora.

        Args:
            frames: (B, T, 3, S, S), or (F, 3, S, S) for frames of any videos.

        Raises:
            InputError: if the frames are of another shape.
        """
        if frames.ndim not in (4, 5):
            raise InputError(f"frames are {tuple(frames.shape)}; they must be (B, T, 3, S, S) or (F, 3, S, S)")
        found = self._regions(frames.flatten(0, -4))
        return Regions(*(tensor.unflatten(0, frames.shape[:-3]) for tensor in found))

    def _regions(self, frames: Tensor) -> Regions:
        """Return the regions of frames (F, 3, S, S)."""
        merges = self.config.merges()
        if isinstance(self.visual, LiteTower):
            return self.visual.regions(frames, merges)
        return find_regions(self.visual, frames, merges)

    def watch(self, regions: Regions, generator: torch.Generator | None = None) -> VideoOutput:
        """Return the vectors of videos and the entities in them.

        Without a corpus a video is the mean of its frames, as CLIP sees them, and no region has an entity (-1).

        In training the entity of a region is drawn with Gumbel noise, and the gradient is that of the soft assignment.

        Args:
            regions: of frames (B, T), as `regions` returns them.
            generator: of the noise in training; default: PyTorch's own.

        Raises:
            InputError: if the leading sizes of the regions are not (B, T).
        """
        if regions.features.ndim != 4:
            raise InputError(f"region features are {tuple(regions.features.shape)}; they must be (B, T, 1 + n, D)")
        frames = regions.features[:, :, 0].mean(dim=1)
        features, size = regions.features[:, :, 1:], regions.size[:, :, 1:]
        if not self.config.entities:
            nothing = torch.full_like(size, -1)
            asked = nothing[..., :1].expand(-1, -1, self.config.top)
            return VideoOutput(F.normalize(frames, dim=-1), nothing, frames.new_zeros(*size.shape[:2], 0), asked)
        logits, soft = similarities(features, self.entities), None
        if self.training:
            uniform = torch.rand(logits.shape, generator=generator, dtype=logits.dtype, device=logits.device)
            soft = soft_assignment(logits, uniform, self.config.temperature)
        entity = (logits if soft is None else soft).argmax(dim=-1)
        patches = count_patches(entity, size, self.config.entities)
        mass = patches.to(logits.dtype) / size.sum(dim=-1, keepdim=True)
        asked = largest_entities(patches, self.config.top)
        if self.config.queries == "regions":
            queries = straight_through(entity, soft, self.entities)
            weights = size.to(logits.dtype) / size.sum(dim=-1, keepdim=True)
        else:
            queries, weights = self._entity_queries(asked, mass, soft, size)
        added = self.adapter(queries, weights, regions.tokens, regions.size)
        video = F.normalize(frames + added, dim=-1)
        return VideoOutput(video, entity, mass, asked)

    def _entity_queries(self, asked: Tensor, mass: Tensor, soft: Tensor | None, size: Tensor) -> tuple[Tensor, Tensor]:
        """Return the texts of entities (B, T, K, D), and their masses (B, T, K)."""
        there, index = (asked >= 0), asked.clamp(min=0)
        weights = mass.gather(-1, index) * there
        queries = self.entities[index] * there[..., None]
        if soft is not None:
            # The factor is 1; its gradient is that of the entity's mass, relative to it.
            share = size.to(soft.dtype) / size.sum(dim=-1, keepdim=True)
            area = (soft * share[..., None]).sum(dim=-2).gather(-1, index)
            factor = 1 + (area - area.detach()) / weights.masked_fill(~there, 1)
            queries = queries * factor[..., None]
        return queries, weights

    def scores(self, video: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return logits (..., C): scaled cosines of videos and labels.

        Args:
            video: (..., D), of length 1.
            labels: (C, D), of length 1; default: those that are stored.

        Raises:
            InputError: if there are no labels, or their length is not that of the videos.
        """
        labels = self.label_features if labels is None else labels
        if labels.ndim != 2 or not len(labels) or labels.shape[1] != video.shape[-1]:
            raise InputError(f"labels are {tuple(labels.shape)}; they must be (C, {video.shape[-1]}), C at least 1")
        scale = self.logit_scale.exp().clamp(max=LARGEST_SCALE)
        return scale * precise_product(video, labels.T)

    def set_corpus(self, corpus: Entities, encode: Encode) -> None:
        """Take another corpus; nothing is trained anew for it.

        Args:
            corpus: names and texts of the entries.
            encode: from texts to vectors, such as `CLIPTextEncoder`.

        Raises:
            InputError: if it is empty or too large, a name is there twice, or vectors are of another length than D.
        """
        units = tuple(corpus.units)
        if len(set(units)) < len(units):
            twice = next(unit for unit in units if units.count(unit) > 1)
            raise InputError(f"corpus: {twice!r} is there twice; each only once")
        vectors = self._fitting(embed(encode, corpus.texts), "corpus")
        digest = corpus_digest(units, vectors)
        made_by = getattr(encode, "digest", "")
        self.config = dataclasses.replace(
            self.config, entities=len(units), units=units, digest=digest, text_digest=made_by
        )
        self.entities = vectors

    def set_labels(self, labels: Sequence[str], encode: Encode, templates: Sequence[str] | None = None) -> None:
        """Take other labels; nothing is trained anew for them.

        Args:
            labels: of the actions, all different.
            encode: from texts to vectors, such as `CLIPTextEncoder`.
            templates: prompts with ``{label}``; default: those of the configuration.

        Raises:
            InputError: if there is no label, one is there twice, a template has no ``{label}``, or vectors are of
                another length than D.
        """
        templates = self.config.templates if templates is None else tuple(templates)
        made_by = getattr(encode, "digest", "")
        config = dataclasses.replace(self.config, labels=tuple(labels), templates=templates, text_digest=made_by)
        self.label_features = self._fitting(embed_labels(encode, config.labels, templates), "labels")
        self.config = config

    def _fitting(self, vectors: Tensor, what: str) -> Tensor:
        if vectors.shape[1] != (shared := self.config.tower.embed_dim):
            raise InputError(f"{what}: vectors have length {vectors.shape[1]}; those of the tower have {shared}")
        return vectors.to(self.entities)
