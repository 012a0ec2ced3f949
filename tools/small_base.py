"""Train small Stable Diffusions from nothing, in diffusers' layout: what the demos of packages that stand on it need.

The scripts `docs/train_demo_base.py` of those packages say on what.
"""

from __future__ import annotations

import itertools
import json
import math
import string
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from diffusers import AutoencoderKL, StableDiffusionPipeline, UNet2DConditionModel
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from torch import Tensor, nn
from torch.nn import functional
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from visioncore.diffusion.schedule import Prediction, ddim_scheduler

CROP = 32
"""Side of the pieces that the image auto-encoder learns from."""
WIDTH = 64
"""Of the text encoder."""
DROP = 0.1
"""Share of the prompts that are left out, for guidance."""
PREDICTION: Prediction = "v_prediction"
"""Trained so briefly, a network that predicts noise has no notion of the image where all is noise."""


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


def make_autoencoder() -> AutoencoderKL:
    """Return an untrained auto-encoder whose latents are a fourth as wide as the image."""
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        block_out_channels=(16, 32, 48),
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=8,
        sample_size=64,
    )


def train_autoencoder(network: AutoencoderKL, images: Tensor, steps: int) -> AutoencoderKL:
    """Train on random pieces of (n, 3, 64, 64) in [-1, 1]."""
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


def make_tokenizer(texts: Sequence[str], folder: Path) -> CLIPTokenizer:
    """Return a tokenizer whose vocabulary has every word of the texts as one token."""
    learnt = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    learnt.normalizer = normalizers.Lowercase()
    learnt.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Whitespace(), pre_tokenizers.ByteLevel(False)])
    learnt.decoder = decoders.ByteLevel()
    letters = [chr(code) for code in range(33, 127)]
    trainer = trainers.BpeTrainer(
        vocab_size=4000, initial_alphabet=letters, end_of_word_suffix="</w>", show_progress=False
    )
    learnt.train_from_iterator(texts, trainer)
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


def make_unet(channels: tuple[int, int], inputs: int = 4) -> UNet2DConditionModel:
    """Return an untrained U-Net for latents of 4x16x16, and ``inputs`` - 4 further channels beside them."""
    network = UNet2DConditionModel(
        sample_size=16,
        in_channels=inputs,
        out_channels=4,
        block_out_channels=channels,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        layers_per_block=1,
        norm_num_groups=8,
        attention_head_dim=4,
        cross_attention_dim=WIDTH,
    )
    return network.to(memory_format=torch.channels_last)  # a sixth faster on a CPU


class Both(nn.Module):
    """Text encoder and U-Net."""

    def __init__(self, text: CLIPTextModel, unet: UNet2DConditionModel) -> None:
        super().__init__()
        self.text, self.unet = text, unet

    def forward(self, noisy: Tensor, t: Tensor, ids: Tensor) -> Tensor:
        """Return the velocity of (B, channels, 16, 16) at the steps (B,), told of (B, 77) tokens."""
        found: Tensor = self.unet(noisy, t, self.text(ids).last_hidden_state).sample
        return found


class Words:
    """The prompts of the images as tokens.

    Args:
        tokenizer: of the base.
        texts: one for each image.
        most_before: letters that are put before a prompt now and then: where other tokens can stand in front of the
            words, they must be understood at every place.
    """

    def __init__(self, tokenizer: CLIPTokenizer, texts: Sequence[str], most_before: int = 0) -> None:
        padded = {"padding": "max_length", "truncation": True, "return_tensors": "pt"}
        self.ids: Tensor = tokenizer(list(texts), **padded).input_ids
        self.empty: Tensor = tokenizer("", **padded).input_ids[0]
        letters = [f"{letter}</w>" for letter in string.ascii_lowercase]
        self.letters = torch.tensor(tokenizer.convert_tokens_to_ids(letters))
        self.most_before = most_before

    def batch(self, chosen: Tensor, generator: torch.Generator) -> Tensor:
        """Return tokens (B, 77) of some images, a tenth of them empty."""
        words = self.ids[chosen].clone()
        most = self.most_before
        for row, count in enumerate(torch.randint(-most, most + 1, (len(words),), generator=generator)):
            if count > 0:
                drawn = self.letters[torch.randint(len(self.letters), (int(count),), generator=generator)]
                words[row] = torch.cat((words[row, :1], drawn, words[row, 1:]))[: words.shape[1]]
        words[torch.rand(len(words), generator=generator) < DROP] = self.empty
        return words


def train_diffusion(
    both: Both, latents: Tensor, words: Words, steps: int, batch: int, shown: Tensor | None = None
) -> Both:
    """Train on (n, 4, 16, 16); return the mean over the last steps.

    Args:
        both: trained in place.
        latents: of the images.
        words: of the same images.
        steps: of training.
        batch: images in a step.
        shown: (n, c, 16, 16) what the U-Net sees beside the noise, as inpainting models do.
    """
    schedule = ddim_scheduler(PREDICTION)
    mean = torch.optim.swa_utils.AveragedModel(both, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.998))
    optimiser = torch.optim.AdamW(both.parameters(), 1.2e-3, betas=(0.9, 0.99), weight_decay=1e-3)
    rate, generator = decreasing(optimiser, steps), torch.Generator().manual_seed(3)
    start, total = time.perf_counter(), 0.0
    for step, chosen in enumerate(batches(len(latents), batch, steps, seed=4)):
        clean = latents[chosen]
        ids = words.batch(chosen, generator)
        t = torch.randint(0, 1000, (batch,), generator=generator)
        noise = torch.randn(clean.shape, generator=generator)
        noisy = schedule.add_noise(clean, noise, t)
        found = both(noisy if shown is None else torch.cat((noisy, shown[chosen]), dim=1), t, ids)
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


def without_places(text: CLIPTextModel) -> CLIPTextModel:
    """Return a text encoder for which a word is the same at every place, which it would not learn so briefly."""
    places = text.embeddings.position_embedding.weight
    nn.init.zeros_(places)
    places.requires_grad_(False)
    return text


def start_from(both: Both, tokenizer: CLIPTokenizer, folder: Path) -> None:
    """Fill text encoder and U-Net with those of an earlier training; words that it did not have stay untrained."""
    earlier = CLIPTextModel.from_pretrained(folder / "text_encoder").float().state_dict()
    words = CLIPTokenizer.from_pretrained(folder / "tokenizer").get_vocab()
    name = next(name for name in earlier if name.endswith("token_embedding.weight"))
    rows = both.text.state_dict()[name].clone()
    for token, number in tokenizer.get_vocab().items():
        if token in words:
            rows[number] = earlier[name][words[token]]
    both.text.load_state_dict(earlier | {name: rows})
    both.unet.load_state_dict(UNet2DConditionModel.from_pretrained(folder / "unet").float().state_dict())


def save(both: Both, autoencoder: AutoencoderKL, tokenizer: CLIPTokenizer, out: Path) -> None:
    """Write all of it in half floats."""
    pipeline = StableDiffusionPipeline(
        vae=autoencoder,
        text_encoder=both.text,
        tokenizer=tokenizer,
        unet=both.unet,
        scheduler=ddim_scheduler(PREDICTION),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.to(dtype=torch.float16).save_pretrained(out)
