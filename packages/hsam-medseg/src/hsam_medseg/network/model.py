"""The whole of H-SAM: SAM's image encoder with LoRA, and two mask decoders, the first guiding the second."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Self

import torch
from torch import Tensor, nn

from visioncore import lora
from visioncore.backbones.sam import (
    SAM_ENCODERS,
    SAMEncoderConfig,
    SAMImageEncoder,
    read_image_encoder,
    resize_tables,
)
from visioncore.devices import resolve_device
from visioncore.errors import InputError
from visioncore.weights.pretrained import Pretrained

from .config import HSAMConfig, Preprocessing
from .decoders import CoarseDecoder, FineDecoder, training_noise
from .linear_decoder import LinearDecoder
from .output import Output
from .position import EmptyPrompt
from .published import fill_adapter, fill_from_sam, read_encoder, read_published, read_sam
from .sam_decoder import SAMDecoder
from .unused_tensors import UnusedTensors, unused_shapes

MICRO = SAMEncoderConfig(width=96, depth=4, heads=3, global_blocks=(1, 3), window=4)
"""The small encoder of tests and of the demo."""


class HSAM(Pretrained):
    """H-SAM (Cheng et al., CVPR 2024): every pixel of a slice gets one of C classes or background.

    Args:
        config: the settings; the defaults are those of the authors' code. Weights are random until loaded.
    """

    config_class = HSAMConfig
    config: HSAMConfig

    def __init__(self, config: HSAMConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or HSAMConfig()
        width, grid = config.decoder_width, config.grid
        self.encoder = SAMImageEncoder(encoder_config(config), config.image_size)
        self.encoder.requires_grad_(config.train_encoder)
        if config.train_encoder:
            # SAM's file would bring them; without it zeros would be a poor start.
            nn.init.trunc_normal_(self.encoder.pos_embed, std=0.02)
        if config.lora_rank:
            channels = self.encoder.config.width
            queries, values = (0, channels), (2 * channels, 3 * channels)
            names = [f"blocks.{index}.attn.qkv" for index in range(self.encoder.config.depth)]
            lora.inject(self.encoder, names, config.lora_rank, [queries, values])
        self.prompt = EmptyPrompt(width, grid)
        sizes = (config.channels, width, config.decoder_mlp, grid)
        first = {"sam": SAMDecoder, "linear": LinearDecoder}.get(config.decoder, CoarseDecoder)
        self.coarse_decoder: nn.Module = first(*sizes)
        gated = config.gate == "working"
        self.fine_decoder = FineDecoder(*sizes, gated=gated) if config.decoder == "hierarchical" else None
        self.unused = UnusedTensors(unused_shapes(config)) if config.keep_unused else None

    @classmethod
    def from_published(
        cls,
        adapter: str | Path,
        *,
        sam: str | Path | None = None,
        classes: Sequence[str] | None = None,
        preprocessing: Preprocessing | None = None,
        device: str | torch.device = "cpu",
    ) -> Self:
        """Load a checkpoint of the authors; the network is in eval mode.

        Backbone, rank, number of classes and image size are read from the adapter's tensors.

        Args:
            adapter: the authors' file.
            sam: SAM's own file of the same backbone, whose image encoder is used, or its name such as ``sam-vit-b``
                once the command ``weights`` has fetched it; without it the error says which.
            classes: what its classes are called, if they are not those of Synapse.
            preprocessing: what the weights expect of volumes, if that is not what the authors do for Synapse.
            device: where the model goes; "auto" takes the best there is.

        Raises:
            InputError: if a file is missing, damaged, or of another model, where the text says which file is needed; or
                there are more or fewer ``classes`` than in it.
        """
        published = read_published(adapter)
        config = published.config
        if classes is not None:
            if len(classes) != len(config.classes):
                raise InputError(
                    f"{adapter}: has {len(config.classes)} classes, background not counted; named are {len(classes)}: "
                    f"{', '.join(classes)}"
                )
            config = replace(config, classes=tuple(classes))
        config = replace(config, preprocessing=preprocessing or config.preprocessing)
        encoder = read_encoder(sam, config.backbone)
        model = cls(config)
        model.fill_encoder(encoder)
        fill_adapter(model, published.state, published.where)
        return model.to(resolve_device(device)).eval()

    @classmethod
    def from_sam(cls, config: HSAMConfig, sam: str | Path | None) -> Self:
        """Return a network for training, filled from SAM's own checkpoint as the authors do.

        Args:
            config: the settings; the backbone says which of SAM's files is needed.
            sam: that file.

        Raises:
            InputError: if the file is missing, damaged, or of another backbone; the text says which one is needed.
        """
        state = read_sam(sam, config.backbone)
        encoder = read_image_encoder(state, config.backbone, str(sam))
        model = cls(config)
        model.fill_encoder(encoder)
        fill_from_sam(model, state)
        return model

    def fill_encoder(self, state: Mapping[str, Tensor]) -> None:
        """Fill the image encoder from SAM's, its position tables resized to this network's image size.

        Args:
            state: what `visioncore.backbones.sam.read_image_encoder` returns.
        """
        resized = resize_tables(state, self.encoder.config, self.config.image_size)
        self.encoder.load_state_dict(resized, strict=False)

    def forward(self, images: Tensor) -> Output:
        """Return the logits of both decoders.

        Args:
            images: (B, 3, S, S) in [0, 1], S the image size of the configuration; grey slices three times.

        Raises:
            InputError: if the images are of another shape.
        """
        return self.decode(self.encode(images))

    def encode(self, images: Tensor) -> Tensor:
        """Return the image embedding, (B, width, S/16, S/16), for images (B, 3, S, S)."""
        return self.encoder(images)

    def decode(self, embedding: Tensor) -> Output:
        """Return the logits of both decoders for an image embedding (B, width, S/16, S/16)."""
        image, code = self.prompt(embedding), self.prompt.code
        coarse = self.coarse_decoder(image, code)
        if self.fine_decoder is None:
            return Output(coarse.logits, None)
        if self.training:
            image = self.prompt(training_noise(embedding))
        return Output(coarse.logits, self.fine_decoder(image, code, coarse))

    def fold(self) -> Self:
        """Fold the low-rank updates into the encoder's weights, for inference."""
        lora.fold(self)
        return self

    def unfold(self) -> Self:
        """Take the low-rank updates out of the encoder's weights again, for training; nothing is lost."""
        lora.unfold(self)
        return self

    def recompute(self, on: bool = True) -> Self:
        """Recompute the encoder's blocks in the backward pass of training, which then takes far less memory."""
        self.encoder.recompute = on
        return self


def encoder_config(config: HSAMConfig) -> SAMEncoderConfig:
    """Return the configuration of the image encoder."""
    if config.backbone == "vit_micro":
        return replace(MICRO, out_channels=config.decoder_width)
    return SAM_ENCODERS[config.backbone]
