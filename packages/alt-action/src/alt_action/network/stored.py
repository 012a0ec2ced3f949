"""How a network is made of CLIP's weights, saved and loaded: whole, or the adapter alone beside CLIP's own file."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor

from visioncore.backbones.clip_files import CLIPWeights
from visioncore.backbones.clip_transformer import Activation, CLIPViT
from visioncore.errors import InputError
from visioncore.files import whole_folder, write_text
from visioncore.weights.card import Card
from visioncore.weights.fetched import find_checkpoint
from visioncore.weights.places import CONFIG_FILE, WEIGHTS_FILE
from visioncore.weights.pretrained import Pretrained
from visioncore.weights.state_dicts import write_state_dict

from ..method import METHOD
from .adapter import VideoAdapter
from .config import ALTConfig
from .corpus import Encode, Entities, corpus_digest
from .lite_tower import LiteTower, LiteTowerConfig
from .published import VISUAL, find_clip, tower_digest
from .text import CLIPTextEncoder


class StoredALT(Pretrained):
    """Base of `ALT`: how it is made, saved and loaded."""

    config: ALTConfig
    entities: Tensor
    visual: CLIPViT | LiteTower
    adapter: VideoAdapter

    def set_corpus(self, corpus: Entities, encode: Encode) -> None:
        """Take another corpus."""
        raise NotImplementedError

    def set_labels(self, labels: Sequence[str], encode: Encode, templates: Sequence[str] | None = None) -> None:
        """Take other labels."""
        raise NotImplementedError

    @classmethod
    def from_clip(
        cls,
        clip: str | Path,
        corpus: Entities | None = None,
        labels: Sequence[str] = (),
        *,
        encode: Encode | None = None,
        image_size: int | None = None,
        activation: Activation | None = None,
        **settings: Any,
    ) -> Self:
        """Return a network with CLIP's image tower and an adapter that is not trained yet, in evaluation mode.

        Without a corpus it is CLIP, averaged over the frames.

        Args:
            clip: CLIP's weights, see `find_clip`.
            corpus: names and texts of the entities.
            labels: of the actions.
            encode: from texts to vectors; default: CLIP's own text tower.
            image_size: side of the frames; default: that of the weights.
            activation: ``quick_gelu`` or ``gelu``, for a file that does not say which it has.
            settings: further fields of `ALTConfig`.

        Raises:
            InputError: if the weights, the corpus, the labels or the settings are not what they should be.
        """
        weights = find_clip(clip)
        tower = weights.vit(image_size, activation)
        own: dict[str, Any] = {"heads": tower.config.heads}
        own["clip"] = str(clip) if find_checkpoint(METHOD, str(clip)) else ""
        own["text_digest"] = tower_digest(weights.text) if weights.text else ""
        model = cls(ALTConfig(tower.config, **own | settings))
        model.visual = tower
        if weights.logit_scale is not None:
            model.load_state_dict({"logit_scale": weights.logit_scale}, strict=False)
        if corpus is not None or labels:
            encode = encode or CLIPTextEncoder.of(weights, activation)
            if corpus is not None:
                model.set_corpus(corpus, encode)
            if labels:
                model.set_labels(labels, encode)
        return model.eval()

    @classmethod
    def from_published(cls, path: str | Path) -> Self:
        """Return CLIP averaged over the frames, of its weights; the authors of ALT publish none.

        With a corpus it tells of the entities, but the adapter, which is not trained, adds nothing (gamma is 0).

        Raises:
            InputError: if the file cannot be read or holds no CLIP on patches.
        """
        model = cls.from_clip(path)
        torch.nn.init.zeros_(model.adapter.gamma)
        return model

    def save_pretrained(self, folder: str | Path, *, card: Card | None = None, adapter_only: bool = False) -> None:
        """Write config.json and model.safetensors to ``folder``, as `Pretrained.save_pretrained`.

        Args:
            folder: a new one, or one whose files of these names are replaced.
            card: what is to be known of these weights.
            adapter_only: leave CLIP's image tower out; `from_pretrained` then takes it from CLIP's own file.

        Raises:
            InputError: if the folder cannot be written.
        """
        if not adapter_only:
            return super().save_pretrained(folder, card=card)
        config = self.config
        self.config = dataclasses.replace(config, clip_digest=tower_digest(self.visual.state_dict()))
        state = {name: tensor for name, tensor in self.state_dict().items() if not name.startswith(VISUAL)}
        try:
            with whole_folder(Path(folder)) as temporary:
                write_text(temporary / CONFIG_FILE, self._config_json(indent=2) + "\n")
                write_state_dict(temporary / WEIGHTS_FILE, state, {"format": "pt"})
                if card is not None:
                    card.save(temporary)
        finally:
            self.config = config
        return None

    def _config_json(self, indent: int | None = None) -> str:
        if self.config.digest:  # of the vectors in the precision that they have now
            self.config = dataclasses.replace(self.config, digest=corpus_digest(self.config.units, self.entities))
        return super()._config_json(indent)

    @classmethod
    def _completed(
        cls, config: ALTConfig, state: dict[str, Tensor], where: str, clip: str | Path | None = None
    ) -> dict[str, Tensor]:
        """Return the tensors of a file with those of the image tower, after a look at the corpus.

        Args:
            config: the settings.
            state: tensors of the file.
            where: the file, for messages.
            clip: CLIP's weights, for a file without the tower; default: those that the settings name.

        Raises:
            InputError: if the entities are not those that the settings tell of, or the tower is not the right one.
        """
        if config.digest and "entities" in state and config.digest != corpus_digest(config.units, state["entities"]):
            raise InputError(f"{where}: the entities are not those that {CONFIG_FILE} names; fetch both files again")
        if not config.clip_digest or any(name.startswith(VISUAL) for name in state):
            return state
        source = clip or config.clip
        if not source:
            raise InputError(f"{where}: holds the adapter alone; give the CLIP that it belongs to as clip")
        tower = _tower(find_clip(source), config)
        if tower_digest(tower) != config.clip_digest:
            raise InputError(f"{source}: another CLIP than {where} was trained with; their digests differ")
        return state | {f"{VISUAL}{name}": tensor for name, tensor in tower.items()}


def _tower(weights: CLIPWeights, config: ALTConfig) -> Mapping[str, Tensor]:
    if isinstance(config.tower, LiteTowerConfig):
        raise InputError("a tower of EfficientNet-Lite0 is none of CLIP's; store the network whole")
    tower = weights.vit(config.tower.image_size, None if weights.activation else config.tower.activation)
    return tower.state_dict()
