"""Train the demo's base: a small Stable Diffusion of emoji, from nothing, in diffusers' layout.

    python docs/train_demo_base.py --emoji emoji_styles/ --out runs/base

It learns the things that are named by one word, each in four of five styles, at 64x64 pixels; the prompt is the name,
and says nothing of the style.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import string
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from emoji_tiles import read_tiles
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from torch import Tensor, nn
from torch.nn import functional
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

CROP = 32
"""Side of the pieces that the image auto-encoder learns from."""
WIDTH = 64
"""Of the text encoder."""
MOST_BEFORE = 20
"""Letters before the name in a prompt: words must be understood at every place, for style tokens move them."""
DROP = 0.1
"""Share of the prompts that are left out, for guidance."""


def say(line: str) -> None:
    """Write a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def decreasing(optimiser: torch.optim.Optimizer, steps: int, warmup: int = 100) -> torch.optim.lr_scheduler.LambdaLR:
    """Return a schedule that rises for a few steps, and falls to zero along a cosine."""
    return torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda n: min(1.0, (n + 1) / warmup) * 0.5 * (1 + math.cos(math.pi * min(1.0, n / steps)))
    )


def batches(count: int, size: int, steps: int, seed: int) -> Iterator[Tensor]:
    """Yield indices, each of ``count`` once an epoch."""
    generator = torch.Generator().manual_seed(seed)
    orders = (torch.randperm(count, generator=generator) for _ in itertools.count())
    endless = itertools.chain.from_iterable(order.tolist() for order in orders)
    for _ in range(steps):
        yield torch.tensor(list(itertools.islice(endless, size)))


def train_autoencoder(images: Tensor, steps: int) -> AutoencoderKL:
    """Train on random pieces of (n, 3, 64, 64) in [-1, 1]."""
    network = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        block_out_channels=(16, 32, 48),
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=8,
        sample_size=64,
    )
    optimiser = torch.optim.AdamW(network.parameters(), 2e-3, betas=(0.9, 0.99), weight_decay=1e-3)
    schedule = decreasing(optimiser, steps)
    generator, start = torch.Generator().manual_seed(2), time.perf_counter()
    for step, chosen in enumerate(batches(len(images), 16, steps, seed=1)):
        top, left = torch.randint(0, 64 - CROP + 1, (2,), generator=generator).tolist()
        clean = images[chosen, :, top : top + CROP, left : left + CROP]
        latents = network.encode(clean).latent_dist
        made = network.decode(latents.sample(generator)).sample
        loss = functional.l1_loss(made, clean) + functional.mse_loss(made, clean) + 1e-5 * latents.kl().mean() / CROP
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad()
        schedule.step()
        if step % 200 == 199:
            say(f"auto-encoder {step + 1}/{steps}: {loss.item():.4f}, {time.perf_counter() - start:.0f} s")
    return network.eval()


@torch.no_grad()
def latents_of(network: AutoencoderKL, images: Tensor) -> Tensor:
    """Return the means of latents, scaled so that they have a spread of 1; the scale is put into the network."""
    found = torch.cat([network.encode(part).latent_dist.mean for part in images.split(64)])
    network.register_to_config(scaling_factor=float(1 / found.std()))
    return found * network.config.scaling_factor


def make_tokenizer(names: list[str], folder: Path) -> CLIPTokenizer:
    """Return a tokenizer whose vocabulary has every one of the names as one token."""
    learnt = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    learnt.normalizer = normalizers.Lowercase()
    learnt.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Whitespace(), pre_tokenizers.ByteLevel(False)])
    learnt.decoder = decoders.ByteLevel()
    letters = [chr(code) for code in range(33, 127)]
    trainer = trainers.BpeTrainer(
        vocab_size=4000, initial_alphabet=letters, end_of_word_suffix="</w>", show_progress=False
    )
    learnt.train_from_iterator(names, trainer)
    merges = [tuple(pair) for pair in json.loads(learnt.to_str())["model"]["merges"]]
    tokens = sorted({*letters, *(letter + "</w>" for letter in letters), *("".join(pair) for pair in merges)})
    vocabulary = {token: number for number, token in enumerate([*tokens, "<|startoftext|>", "<|endoftext|>"])}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *(" ".join(pair) for pair in merges)]) + "\n")
    return CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=77)


def make_text_encoder(tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """Return an untrained text encoder for it."""
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=WIDTH,
            intermediate_size=2 * WIDTH,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=77,
            projection_dim=WIDTH,
            bos_token_id=len(tokenizer) - 2,
            eos_token_id=len(tokenizer) - 1,
        )
    )


def make_unet() -> UNet2DConditionModel:
    """Return an untrained U-Net for latents of 4x16x16."""
    return UNet2DConditionModel(
        sample_size=16,
        block_out_channels=(40, 80),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        layers_per_block=1,
        norm_num_groups=8,
        attention_head_dim=4,
        cross_attention_dim=WIDTH,
    )


class Both(nn.Module):
    """Text encoder and U-Net."""

    def __init__(self, text: CLIPTextModel, unet: UNet2DConditionModel) -> None:
        super().__init__()
        self.text, self.unet = text, unet

    def forward(self, noisy: Tensor, t: Tensor, ids: Tensor) -> Tensor:
        """Return the velocity of (B, 4, 16, 16) at the steps (B,), told of (B, 77) tokens."""
        found: Tensor = self.unet(noisy, t, self.text(ids).last_hidden_state).sample
        return found


def with_letters(ids: Tensor, letters: Tensor, generator: torch.Generator) -> Tensor:
    """Put random letters behind the begin of half of the token sequences (B, n)."""
    moved = ids.clone()
    for row, count in enumerate(torch.randint(1 - MOST_BEFORE, MOST_BEFORE + 1, (len(ids),), generator=generator)):
        if count > 0:
            drawn = letters[torch.randint(len(letters), (int(count),), generator=generator)]
            moved[row] = torch.cat((ids[row, :1], drawn, ids[row, 1:]))[: ids.shape[1]]
    return moved


def train_diffusion(
    both: Both,
    schedule: DDIMScheduler,
    latents: Tensor,
    ids: Tensor,
    empty: Tensor,
    letters: Tensor,
    steps: int,
    batch: int,
) -> Both:
    """Train on (n, 4, 16, 16) and the tokens (n, 77) of their names; return the mean over the last steps."""
    mean = torch.optim.swa_utils.AveragedModel(both, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.998))
    optimiser = torch.optim.AdamW(both.parameters(), 1.2e-3, betas=(0.9, 0.99), weight_decay=1e-3)
    rate, generator = decreasing(optimiser, steps), torch.Generator().manual_seed(3)
    start, total = time.perf_counter(), 0.0
    for step, chosen in enumerate(batches(len(latents), batch, steps, seed=4)):
        clean, words = latents[chosen], with_letters(ids[chosen], letters, generator)
        words[torch.rand(batch, generator=generator) < DROP] = empty
        t = torch.randint(0, 1000, (batch,), generator=generator)
        noise = torch.randn(clean.shape, generator=generator)
        found = both(schedule.add_noise(clean, noise, t), t, words)
        loss = functional.mse_loss(found, schedule.get_velocity(clean, noise, t))
        loss.backward()
        nn.utils.clip_grad_norm_(both.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad()
        rate.step()
        mean.update_parameters(both)
        total += loss.item()
        if step % 100 == 99:
            done = time.perf_counter() - start
            say(f"base {step + 1}/{steps}: {total / 100:.4f}, {(step + 1) * batch / done:.1f} a second")
            total = 0.0
    averaged = mean.module
    assert isinstance(averaged, Both)
    return averaged.eval()


def main() -> None:
    """Train all of it, and write the folder in half floats."""
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
    say(f"{len(tiles.names)} things, {len(images)} images")
    kept = args.out / "vae"
    if kept.exists():
        autoencoder = AutoencoderKL.from_pretrained(kept).eval()
    else:
        autoencoder = train_autoencoder(images, args.autoencoder_steps)
    latents = latents_of(autoencoder, images)
    autoencoder.save_pretrained(kept)
    tokenizer = make_tokenizer(tiles.names, args.out / "tokenizer")
    padded = {"padding": "max_length", "truncation": True, "return_tensors": "pt"}
    ids = tokenizer(tiles.names, **padded).input_ids[torch.from_numpy(thing)]
    empty = tokenizer("", **padded).input_ids[0]
    schedule = DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
        # trained so briefly, a network that predicts noise has no notion of the image where all is noise
        prediction_type="v_prediction",
    )
    both = Both(make_text_encoder(tokenizer), make_unet())
    if args.start is not None:
        both.text = CLIPTextModel.from_pretrained(args.start / "text_encoder").float()
        both.unet = UNet2DConditionModel.from_pretrained(args.start / "unet").float()
    letters = torch.tensor(tokenizer.convert_tokens_to_ids([f"{letter}</w>" for letter in string.ascii_lowercase]))
    both = train_diffusion(both, schedule, latents, ids, empty, letters, args.steps, args.batch)
    pipeline = StableDiffusionPipeline(
        vae=autoencoder,
        text_encoder=both.text,
        tokenizer=tokenizer,
        unet=both.unet,
        scheduler=schedule,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.to(dtype=torch.float16).save_pretrained(args.out)


if __name__ == "__main__":
    main()
