"""The adapter as a whole, as the paper's figure shows it: references -> style tokens -> the base's cross-attention."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn

from visioncore.backbones.vgg import VGG19, drawn, least_side
from visioncore.devices import without_autocast
from visioncore.diffusion.layers import attention_widths, cross_attention
from visioncore.errors import InputError
from visioncore.weights.pretrained import Pretrained
from visioncore.weights.state_dicts import read_content

from .attention import StyleProjections
from .config import LEVELS, ArtAdapterConfig, Level
from .content import ContentAdapter
from .encoder import StyleEncoder
from .handle import Handle, check_base, put_on
from .statistics import mean_std
from .style import Style

PROJECTIONS = "processor"
"""Name under which the projections of a layer lie below the path of that layer."""


class ArtAdapter(Pretrained):
    """Style encoder, style projections of each cross-attention layer, and in training the content adapter.

    Example:
        >>> adapter = ArtAdapter(ArtAdapterConfig(vgg_width=4, vgg_seed=0))
        >>> adapter.style(torch.rand(3, 48, 64)).tokens().shape
        torch.Size([9, 768])
    """

    config_class = ArtAdapterConfig

    def __init__(self, config: ArtAdapterConfig | None = None) -> None:
        super().__init__()
        self.config = config or ArtAdapterConfig()
        width, seed, last = self.config.vgg_width, self.config.vgg_seed, self.config.deepest
        self.vgg = VGG19(width, last) if seed is None else drawn(width, seed, last)
        self.style_encoder = StyleEncoder(self.config)
        for path, queries in self.config.attention:
            _nest(self, f"{path}.{PROJECTIONS}", StyleProjections(self.config.width, queries))
        self.aca = ContentAdapter(self.config.content) if self.config.content else None

    @classmethod
    def from_published(cls, path: str | Path) -> Self:
        """Report that a file is not ours, for the authors have published no weights.

        Raises:
            InputError: always; that it cannot be read, or what it would take.
        """
        read_content(path)
        raise InputError(
            f"{path}: not an ArtAdapter checkpoint; the authors published none, so only folders and files written here "
            "can be loaded (train, finetune)"
        )

    @classmethod
    def for_base(
        cls,
        unet: nn.Module,
        text_encoder: nn.Module,
        *,
        vgg: str | Path | None = None,
        content: bool = False,
        **settings: Any,
    ) -> Self:
        """Return an adapter as training starts with it: its projections are the base's own.

        Args:
            unet: of a base like Stable Diffusion 1.x.
            text_encoder: of the same base.
            vgg: file of torchvision's VGG-19, unless ``vgg_seed`` is set.
            content: with the content adapter, for training.
            settings: further fields of `ArtAdapterConfig`.

        Raises:
            InputError: if the base is of another kind, or VGG-19 is missing or does not fit.
        """
        if (vgg is None) == (settings.get("vgg_seed") is None):
            raise InputError("give either a file of torchvision's VGG-19 (weights get vgg19) or vgg_seed, not both")
        embeddings: Tensor = text_encoder.get_input_embeddings().weight  # type: ignore[operator]
        base: Any = unet.config
        fitting = {
            "width": base.cross_attention_dim,
            "attention": tuple(attention_widths(unet).items()),
            "gain": float(embeddings.detach().double().square().mean().sqrt()),
            "content": tuple(base.block_out_channels) if content else (),
        }
        config = ArtAdapterConfig(**(fitting | settings))
        check_base(unet, config)
        model = cls(config)
        if vgg is not None:
            model.vgg.load_torchvision(vgg)
        model.start_from(unet)
        return model.eval()

    @torch.no_grad()
    def start_from(self, unet: nn.Module) -> None:
        """Copy the base's own projections of text into those of style."""
        for path, layer in cross_attention(unet).items():
            projections = self.projections[path]
            for ours, theirs in ((projections.to_k_style, layer.to_k), (projections.to_v_style, layer.to_v)):
                # of a layer with a LoRA, the layer itself
                ours.weight.copy_(getattr(theirs, "base_layer", theirs).weight)

    @property
    def projections(self) -> dict[str, StyleProjections]:
        """The style projections by the paths of the base's layers."""
        found = {path: self.get_submodule(f"{path}.{PROJECTIONS}") for path, _ in self.config.attention}
        return {path: module for path, module in found.items() if isinstance(module, StyleProjections)}

    def forward(self, image: Tensor) -> Tensor:
        """Return the style tokens (B, tokens, width) of references, low, mid, high.

        Args:
            image: (B, 3, H, W) RGB in [0, 1], any sides from 8 on.
        """
        levels = self.style_encoder(self.style_statistics(image))
        return torch.cat([levels[level] for level in LEVELS], dim=1)

    def style_statistics(self, images: Tensor) -> dict[Level, Tensor]:
        """Return mean and deviation of the features of each level, (B, 2C), in float32, or float64 if the model is.

        Args:
            images: (B, 3, H, W) or (3, H, W) RGB in [0, 1].

        Raises:
            InputError: if the images have another shape or are too small.
        """
        images = images if images.ndim == 4 else images[None]
        wanted = self.config.by_level
        layers = [name for names in wanted.values() for name in names]
        if images.ndim != 4 or images.shape[1] != 3:
            raise InputError(f"references have shape {tuple(images.shape)}; it must be (B, 3, H, W) or (3, H, W)")
        if min(images.shape[2:]) < least_side(layers):
            raise InputError(f"references of {tuple(images.shape)}; both sides must be at least {least_side(layers)}")
        with without_autocast(images.device):
            weight: Tensor = self.vgg.features[0].weight  # type: ignore[assignment]
            maps = self.vgg(images.to(weight.dtype), layers)
            found = {name: torch.cat(mean_std(features), dim=1) for name, features in maps.items()}
        return {level: torch.cat([found[name] for name in names], dim=1) for level, names in wanted.items()}

    @torch.no_grad()
    def style(self, images: Tensor | Sequence[Tensor], weights: Sequence[float] | None = None, name: str = "") -> Style:
        """Return the style of one or several references; their order does not matter.

        Args:
            images: (3, H, W) RGB in [0, 1], or several of them, each of its own size.
            weights: one for each; default: all count the same.
            name: of the style, for people.

        Raises:
            InputError: if a reference has another shape, is too small, or gives statistics that are not numbers.
        """
        several = [images] if isinstance(images, Tensor) and images.ndim == 3 else list(images)
        styles = [Style(self._levels(image, number)) for number, image in enumerate(several, start=1)]
        return dataclasses.replace(Style.mean(styles, weights), base=self.fingerprint(), name=name)

    def _levels(self, image: Tensor, number: int) -> Mapping[Level, Tensor]:
        """Return the tokens (n, width) of each level of one reference (3, H, W)."""
        parameter = next(self.style_encoder.parameters())
        statistics = self.style_statistics(image.to(parameter.device))
        for level, values in statistics.items():
            if not values.isfinite().all():
                raise InputError(f"the {level} statistics of reference {number} hold values that are not numbers")
        encoded = self.style_encoder({level: values.to(parameter.dtype) for level, values in statistics.items()})
        return {level: tokens[0] for level, tokens in encoded.items()}

    def fingerprint(self) -> str:
        """Return twelve letters by which style files know the adapter that they are for.

        They follow from what reads style tokens: their number and width and the projections, not the style encoder.
        """
        digest = hashlib.sha256(f"{self.config.tokens} {self.config.width} {self.config.form}".encode())
        for path, projections in self.projections.items():
            for name, tensor in projections.state_dict().items():
                digest.update(f"{path} {name} {tuple(tensor.shape)}".encode())
                digest.update(tensor.detach().cpu().float().contiguous().numpy().tobytes())
        return digest.hexdigest()[:12]

    def check_style(self, style: Style, where: str = "this style") -> Style:
        """Validate that a style is for this adapter, and return it.

        Raises:
            InputError: if it was made by another one.
        """
        shape = self.config.tokens, self.config.width
        for level, tokens in style.levels.items():
            if tokens.shape != shape:
                raise InputError(f"{where}: has {tuple(tokens.shape)} {level} tokens; this adapter has {shape}")
        if style.base and style.base != (own := self.fingerprint()):
            raise InputError(
                f"{where}: made with another adapter or base ({style.base}) than this one ({own}); make it again here"
            )
        return style

    def install(self, unet: nn.Module) -> Handle:
        """Put the adapter on a U-Net, which computes as before until `Handle.acting`, and exactly so once it is off.

        Raises:
            InputError: if the U-Net is of another kind or shape, or has an adapter on it already.
        """
        return put_on(unet, self.projections, self.config)

    def for_inference(self) -> Self:
        """Return an adapter without the content adapter, sharing all other tensors with this one."""
        config = dataclasses.replace(self.config, content=())
        with torch.device("meta"):
            model = type(self)(config)
        model.load_state_dict({k: v for k, v in self.state_dict().items() if not k.startswith("aca.")}, assign=True)
        model.vgg = self.vgg
        return model.eval()


def _nest(root: nn.Module, path: str, module: nn.Module) -> None:
    """Put a module under a dotted path, with empty modules on the way."""
    *way, last = path.split(".")
    for name in way:
        if name not in root._modules:
            root.add_module(name, nn.Module())
        root = root.get_submodule(name)
    root.add_module(last, module)
