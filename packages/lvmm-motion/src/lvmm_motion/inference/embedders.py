"""Conditions of a motion: tokens of the photo and of a text."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Protocol, get_args

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from visioncore.backbones.clip_files import read_clip
from visioncore.backbones.clip_tokens import clip_tokens
from visioncore.errors import InputError, damage
from visioncore.weights.fetched import backbone_file
from visioncore.weights.state_dicts import check_fit, read_state_dict

from ..method import METHOD
from ..network.config import ImageBindConfig
from ..network.image_bind import CONTEXT, MEAN, MOST_SCALE, STD, ImageBind
from ..network.image_bind_names import image_bind_name

Named = Literal["auto", "zeros", "given", "imagebind", "open_clip"]
EMBEDDERS: tuple[str, ...] = get_args(Named)


class Embedder(Protocol):
    """Makes tokens of a photo and a text."""

    def __call__(self, photo: Tensor, prompt: str | None) -> Tensor:
        """(1, 3, H, W) in [0, 1] and a text, or none -> tokens (1, n, width) in float32."""
        ...


class Zeros:
    """No condition: what the denoisers are shown for a share of their training.

    Args:
        width: of the tokens.
    """

    def __init__(self, width: int) -> None:
        self.width = width

    def __call__(self, photo: Tensor, prompt: str | None) -> Tensor:
        """Return a token of zeros.

        Raises:
            InputError: if there is a text, which nothing would read.
        """
        self.check(prompt)
        return torch.zeros(1, 1, self.width)

    def check(self, prompt: str | None) -> None:
        """Validate that there is no text.

        Raises:
            InputError: if there is one, which nothing would read.
        """
        check_no_prompt(prompt, "zeros")

    def __repr__(self) -> str:
        return "zeros"


class Given:
    """Tokens that were made elsewhere, the same for every photo.

    Args:
        tokens: (n, width) or (1, n, width), or a .npy file of them.

    Raises:
        InputError: if they cannot be read or have another shape.
    """

    def __init__(self, tokens: Tensor | str | Path) -> None:
        self.where = "tokens"
        if not isinstance(tokens, Tensor):
            self.where = str(tokens)
            with damage(Path(tokens), "cannot be read as tokens, a .npy file"):
                tokens = torch.from_numpy(np.load(tokens))
        tokens = tokens[None] if tokens.ndim == 2 else tokens
        if tokens.ndim != 3 or len(tokens) != 1 or 0 in tokens.shape or not tokens.is_floating_point():
            raise InputError(
                f"{self.where}: {tuple(tokens.shape)} {tokens.dtype}; tokens must be (n, width) in floating point"
            )
        if not tokens.isfinite().all():
            raise InputError(f"{self.where}: tokens are not finite")
        self.tokens = tokens.float()

    def __call__(self, photo: Tensor, prompt: str | None) -> Tensor:
        """Return the tokens.

        Raises:
            InputError: if there is a text, which nothing would read.
        """
        self.check(prompt)
        return self.tokens

    def check(self, prompt: str | None) -> None:
        """Validate that there is no text.

        Raises:
            InputError: if there is one, which nothing would read.
        """
        check_no_prompt(prompt, "given")

    def __repr__(self) -> str:
        return f"given, {tuple(self.tokens.shape[1:])}, sum {float(self.tokens.double().sum()):.6g}"


class ImageBindTokens:
    """A token of the photo and one of the text by ImageBind, as published; without a text, of an empty one.

    Args:
        weights: its authors' file, imagebind_huge.pth, which is CC-BY-NC 4.0.
        device: where it runs.
        config: of a smaller one.

    Raises:
        InputError: if the file cannot be read or does not fit.
    """

    def __init__(
        self, weights: str | Path, device: str | torch.device = "cpu", config: ImageBindConfig | None = None
    ) -> None:
        with torch.device("meta"):  # a billion numbers, which the file has
            model = ImageBind(config)
        state, shapes = read_state_dict(weights), {name: tensor.shape for name, tensor in model.state_dict().items()}
        ours = {name: state[found].float() for name in shapes if (found := image_bind_name(name)) in state}
        check_fit("ImageBind", ours, shapes, where=str(weights))
        model.load_state_dict(ours, assign=True)
        self.model, self.device, self.where = model.to(device).eval(), torch.device(device), str(weights)

    @torch.inference_mode()
    def __call__(self, photo: Tensor, prompt: str | None) -> Tensor:
        """Return the tokens (1, 2, width)."""
        ids = clip_tokens([prompt or ""], CONTEXT)
        tokens: Tensor = self.model(photo.to(self.device), ids.to(self.device))
        return tokens.float().cpu()

    def __repr__(self) -> str:
        return f"imagebind, {self.where}"


class OpenClipTokens:
    """The same two tokens by a CLIP, such as ViT-H-14, which ImageBind's towers are said to be.

    Its layers' norms have another epsilon than ImageBind's, so that the numbers are near and not the same.

    Args:
        weights: a file or folder of open_clip, OpenAI or transformers, as `read_clip` takes it.
        device: where it runs.

    Raises:
        InputError: if it cannot be read, or lacks a tower.
    """

    def __init__(self, weights: str | Path, device: str | torch.device = "cpu") -> None:
        read = read_clip(weights)
        self.device, self.where = torch.device(device), str(weights)
        self.image, self.text = read.vit().to(device), read.text_tower().to(device)
        scale = torch.zeros(()) if read.logit_scale is None else read.logit_scale
        self.scale = float(scale.exp().clamp(max=MOST_SCALE))

    @torch.inference_mode()
    def __call__(self, photo: Tensor, prompt: str | None) -> Tensor:
        """Return the tokens (1, 2, width)."""
        side = self.image.config.image_size
        small = functional.interpolate(photo.to(self.device), (side, side), mode="bicubic", align_corners=False)
        normal = (small - small.new_tensor(MEAN)[:, None, None]) / small.new_tensor(STD)[:, None, None]
        image = functional.normalize(self.image(normal).float(), dim=-1)
        ids = clip_tokens([prompt or ""], self.text.config.context)
        text = functional.normalize(self.text(ids.to(self.device)).float(), dim=-1) * self.scale
        return torch.stack((image, text), dim=1).cpu()

    def __repr__(self) -> str:
        return f"open_clip, {self.where}"


def check_no_prompt(prompt: str | None, embedder: str) -> None:
    """Validate that there is no text, for an embedder that would not read it.

    Raises:
        InputError: if there is one.
    """
    if prompt:
        raise InputError(f"a prompt is not read by the embedder {embedder}; imagebind and open_clip read it")


def make_embedder(name: Named, file: str | Path | None, width: int, device: str | torch.device) -> Embedder | None:
    """Return an embedder by its name; None for ``auto``, which is that of the weights.

    Args:
        name: one of `EMBEDDERS`.
        file: of its weights, or the name of such that were fetched, or of tokens that are given.
        width: of the tokens.
        device: where it runs.

    Raises:
        InputError: if there is none of that name, it needs a file or takes none, or the file does not fit.
    """
    if name not in EMBEDDERS:
        raise InputError(f"embedder is {name!r}; it must be one of {', '.join(EMBEDDERS)}")
    if name in ("auto", "zeros"):
        if file:
            raise InputError(f"{file}: the embedder {name} takes no file; name one of {', '.join(EMBEDDERS[2:])}")
        return Zeros(width) if name == "zeros" else None
    if not file:
        what = "a .npy file of tokens" if name == "given" else "the file of its weights"
        raise InputError(f"the embedder {name} needs {what}")
    if name == "given":
        given = Given(file)
        if (found := given.tokens.shape[2]) != width:
            raise InputError(f"{file}: tokens have {found} numbers each; the denoiser takes {width}")
        return given
    if name == "imagebind":
        return ImageBindTokens(backbone_file(METHOD, file), device)
    return OpenClipTokens(file, device)
