"""Train the demo's base: a small Stable Diffusion of drawn scenes, from nothing, in diffusers' layout.

    PYTHONPATH=../../tools python docs/train_demo_base.py --emoji emoji_styles/ --out runs/base

It learns scenes of 64x64 pixels from captions such as ``a pig on the beach at night with a palm``. With
``--inpainting`` it is trained further as one that is shown what is to stay, for comparison.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL
from emoji_scenes import read_cutouts, scenes
from torch.nn import functional

import small_base

CHANNELS = (32, 64)
"""Of the U-Net's two blocks."""
GREY = 0.0
"""The value, in [-1, 1], that hides what an inpainting model is to paint."""


def main() -> None:
    """Train all of it, and write the folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--emoji", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--start", type=Path, help="a folder whose text encoder and U-Net are trained further")
    parser.add_argument("--autoencoder", type=Path, help="folder of an auto-encoder that is trained further")
    parser.add_argument("--inpainting", action="store_true")
    parser.add_argument("--scenes", type=int, default=6000)
    parser.add_argument("--autoencoder-steps", type=int, default=1500)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--batch", type=int, default=32)
    args = parser.parse_args()
    torch.manual_seed(0)
    drawn = list(scenes(read_cutouts(args.emoji), args.scenes, seed=1))
    images = torch.from_numpy(np.stack([scene.image for scene in drawn])).permute(0, 3, 1, 2) / 127.5 - 1
    small_base.say(f"{len(images)} scenes")
    kept = args.out / "vae"
    if kept.exists():
        autoencoder = AutoencoderKL.from_pretrained(kept).eval()
    else:
        autoencoder = small_base.make_autoencoder()
        if args.autoencoder is not None:
            autoencoder.load_state_dict(AutoencoderKL.from_pretrained(args.autoencoder).float().state_dict())
        autoencoder = small_base.train_autoencoder(autoencoder, images, args.autoencoder_steps)
    latents = small_base.latents_of(autoencoder, images)
    autoencoder.save_pretrained(kept)
    tokenizer = small_base.make_tokenizer([scene.caption for scene in drawn], args.out / "tokenizer")
    words = small_base.Words(tokenizer, [scene.caption for scene in drawn])
    both = small_base.Both(small_base.make_text_encoder(tokenizer), small_base.make_unet(CHANNELS))
    if args.start is not None:
        small_base.start_from(both, tokenizer, args.start)
    shown = None
    if args.inpainting:
        both.unet = _widened(both.unet)
        shown = _shown(autoencoder, images, np.stack([scene.foreground[..., 3] for scene in drawn]))
    both = small_base.train_diffusion(both, latents, words, args.steps, args.batch, shown)
    small_base.save(both, autoencoder, tokenizer, args.out)


def _widened(unet: torch.nn.Module) -> torch.nn.Module:
    """Return a U-Net that takes mask and hidden image beside the latents, and begins as one that does not see them."""
    wide = small_base.make_unet(CHANNELS, inputs=9)
    state = dict(unet.state_dict())
    first = torch.zeros_like(wide.conv_in.weight)
    first[:, :4] = state["conv_in.weight"]
    wide.load_state_dict(state | {"conv_in.weight": first})
    return wide


@torch.no_grad()
def _shown(autoencoder: AutoencoderKL, images: torch.Tensor, alpha: np.ndarray) -> torch.Tensor:
    """Return (n, 5, 16, 16): 1 where the scene around a foreground is painted, and the latents of the foreground."""
    around = torch.from_numpy(alpha)[:, None] < 128
    hidden = small_base.latents_of(autoencoder, torch.where(around, GREY, images))
    return torch.cat((functional.interpolate(around.float(), hidden.shape[2:], mode="nearest"), hidden), dim=1)


if __name__ == "__main__":
    main()
