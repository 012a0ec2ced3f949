"""Time a call of Stable Diffusion 1.5's U-Net: plain, with this adapter, and with diffusers' IP-Adapter.

    python docs/unet_speed.py --layers 20 --calls 5

Random weights, batch 1, latents of 64x64, float32. The three are timed in turns, in processor time of one thread, so
that other work on the machine counts little; and so are the sixteen cross-attention layers alone, where they differ.
Memory is that of the tensors that one call makes, at most at a time; weights come on top.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor

from artadapter_style import ArtAdapter, ArtAdapterConfig
from visioncore.cli import say
from visioncore.diffusion.layers import attention_widths, cross_attention
from visioncore.testing.memory import LiveTensors

SIDE = 64
"""Of the latents."""
IMAGE_TOKENS, IMAGE_WIDTH, WIDTH = 4, 1024, 768
"""Of the published IP-Adapter, and of the prompt."""


@dataclass(frozen=True)
class Way:
    """A set of attention processors, and what they take beside the prompt."""

    processors: Mapping[str, Any]
    projection: Any = None
    image: Tensor | None = None

    def put_on(self, unet: Any) -> None:
        """Set the U-Net up."""
        unet.set_attn_processor(dict(self.processors))
        unet.encoder_hid_proj = self.projection
        unet.register_to_config(encoder_hid_dim_type=self.projection and "ip_image_proj")

    def context(self, prompt: Tensor) -> Any:
        """Return what a cross-attention layer is given."""
        return prompt if self.image is None else (prompt, self.projection([self.image]))


def ip_adapter(unet: Any) -> dict[str, dict[str, Tensor]]:
    """Return random weights of an IP-Adapter in the layout that diffusers loads."""
    names = ("proj.weight", "proj.bias", "norm.weight", "norm.bias")
    shapes = ((IMAGE_TOKENS * WIDTH, IMAGE_WIDTH), (IMAGE_TOKENS * WIDTH,), (WIDTH,), (WIDTH,))
    layers = [path for path in unet.attn_processors if ".attn2." in path]
    widths = {f"{path}.processor": width for path, width in attention_widths(unet).items()}
    attention = {
        f"{2 * number + 1}.to_{name}_ip.weight": 0.02 * torch.randn(widths[path], WIDTH)
        for number, path in enumerate(layers)
        for name in "kv"
    }
    projection = {name: 0.02 * torch.randn(shape) for name, shape in zip(names, shapes, strict=True)}
    return {"image_proj": projection, "ip_adapter": attention}


def in_turns(what: str, works: Mapping[str, Callable[[], object]], rounds: int) -> None:
    """Print the processor time of each piece of work, after a round to warm up, in which memory is counted.

    After each round the medians so far are printed, and those of the ratios to ArtAdapter in the same round.
    """
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for name, work in works.items() if rounds else ():
        with LiveTensors() as live:
            work()
        say(f"{what}, {name}: {live.most / 1e6:.1f} MB of tensors at most")
    for number in range(1, rounds + 1):
        for name, work in works.items():
            start = time.process_time()
            work()
            seconds[name].append(time.process_time() - start)
        for name, times in seconds.items():
            ratio = statistics.median(ours / other for ours, other in zip(seconds["ArtAdapter"], times, strict=True))
            told = f"{statistics.median(times):.3f} s; ArtAdapter takes {ratio:.3f} of that"
            say(f"{what}, {name}, {number} of {rounds} rounds: {told}")


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("--layers", type=int, default=20, help="rounds of the cross-attention layers")
    given.add_argument("--calls", type=int, default=5, help="rounds of the whole U-Net")
    given.add_argument("--blocks", type=int, nargs=4, default=(320, 640, 1280, 1280), help="channels of the U-Net")
    options = given.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    unet: Any = UNet2DConditionModel(
        block_out_channels=tuple(options.blocks), cross_attention_dim=WIDTH, attention_head_dim=8, sample_size=SIDE
    ).eval()
    latents, prompt, image = torch.randn(1, 4, SIDE, SIDE), torch.randn(1, 77, WIDTH), torch.randn(1, 1, IMAGE_WIDTH)
    ways = {"plain": Way(dict(unet.attn_processors))}
    attention = tuple(attention_widths(unet).items())
    handle = ArtAdapter(ArtAdapterConfig(attention=attention, vgg_width=4, vgg_seed=0)).install(unet)
    ways["ArtAdapter"] = Way(dict(unet.attn_processors))
    ways["plain"].put_on(unet)
    unet._load_ip_adapter_weights([ip_adapter(unet)], low_cpu_mem_usage=False)
    ways["IP-Adapter"] = Way(dict(unet.attn_processors), unet.encoder_hid_proj, image)

    layers = cross_attention(unet)
    hidden = {path: torch.randn(1, side_of(path) ** 2, width) for path, width in attention}

    def call(way: Way) -> None:
        way.put_on(unet)
        further = None if way.image is None else {"image_embeds": [way.image]}
        unet(latents, 500, encoder_hidden_states=prompt, added_cond_kwargs=further)

    def attend(way: Way) -> None:
        way.put_on(unet)
        context = way.context(prompt)
        for path, layer in layers.items():
            layer(hidden[path], encoder_hidden_states=context)

    ways["ArtAdapter"].put_on(unet)
    with torch.inference_mode(), handle.acting():
        for what, work, rounds in (("cross-attention", attend, options.layers), ("a call", call, options.calls)):
            works = {name: lambda way=way, work=work: work(way) for name, way in ways.items()}
            in_turns(what, works, rounds)


def side_of(path: str) -> int:
    """Return the side of the maps that a layer sees."""
    block, number, *_ = path.split(".")
    if block == "mid_block":
        return SIDE // 8
    return SIDE // 2 ** (int(number) if block == "down_blocks" else 3 - int(number))


if __name__ == "__main__":
    main()
