"""Train the demo's base: a small Stable Diffusion of emoji, from nothing, in diffusers' layout.

    PYTHONPATH=../../tools python docs/train_demo_base.py --emoji emoji_styles/ --out runs/base

It learns the things that are named by one word, each in four of five styles, at 64x64 pixels. The prompt is the name,
and in half of the cases a word for the style stands before it: as Stable Diffusion does, the base knows styles by
words, and an adapter calls up what the base knows.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL
from emoji_tiles import STYLES, WORDS, read_tiles

import small_base

CHANNELS = (40, 80)
"""Of the U-Net's two blocks."""
MOST_BEFORE = 20
"""Letters before the name in a prompt, for style tokens move it."""


def main() -> None:
    """Train all of it, and write the folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--emoji", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--start", type=Path, help="a folder whose text encoder and U-Net are trained further")
    parser.add_argument("--autoencoder-steps", type=int, default=1500)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--batch", type=int, default=32)
    args = parser.parse_args()
    torch.manual_seed(0)
    tiles = read_tiles(args.emoji)
    thing, style = np.nonzero(~tiles.held_out)
    images = torch.from_numpy(tiles.pixels[thing, style]).permute(0, 3, 1, 2).float() / 127.5 - 1
    small_base.say(f"{len(tiles.names)} things, {len(images)} images")
    kept = args.out / "vae"
    if kept.exists():
        autoencoder = AutoencoderKL.from_pretrained(kept).eval()
    else:
        autoencoder = small_base.train_autoencoder(small_base.make_autoencoder(), images, args.autoencoder_steps)
    latents = small_base.latents_of(autoencoder, images)
    autoencoder.save_pretrained(kept)
    names = [tiles.names[each] for each in thing]
    names += [f"{WORDS[STYLES[which]]} {name}" for which, name in zip(style, names, strict=True)]
    tokenizer = small_base.make_tokenizer(names, args.out / "tokenizer")
    words = small_base.Words(tokenizer, names, MOST_BEFORE)
    both = small_base.Both(small_base.make_text_encoder(tokenizer), small_base.make_unet(CHANNELS))
    if args.start is not None:
        small_base.start_from(both, tokenizer, args.start)
    # style tokens move the words
    small_base.without_places(both.text)
    both = small_base.train_diffusion(both, latents.repeat(2, 1, 1, 1), words, args.steps, args.batch)
    small_base.save(both, autoencoder, tokenizer, args.out)


if __name__ == "__main__":
    main()
