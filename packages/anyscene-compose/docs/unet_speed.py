"""Count and time a guided step of Stable Diffusion 1.5's U-Net: plain, with this injector, with an ordinary ControlNet.

    python docs/unet_speed.py --calls 5

Random weights, float32, latents of 64x64, one image as a batch of two: the negative prompt, and the prompt. The
ordinary ControlNet reads the prompt, so it runs on both; the injector's spatial route reads the foreground alone, so it
runs once. Operations are counted without computing anything; --calls 0 does no more than that. The three are timed in
turns, in processor time of one thread, so that other work on the machine counts little. Each call begins a run of its
own, so here the injector pays in each step for keys, values and masks, of which an image needs one set.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from torch.utils.flop_counter import FlopCounterMode

from anyscene_compose import Injector, InjectorConfig, Layout
from anyscene_compose.network.config import fitting
from visioncore.cli import say

SIDE, FACTOR, TOKENS, WIDTH = 64, 8, 77, 768
"""Of the latents; pixels on one side of a place; tokens of a prompt, and their width."""
STEP = 500

Works = Mapping[str, Callable[[], object]]


def works(unet: Any, layout: Layout) -> Works:
    """Return the three ways of a step for a U-Net of Stable Diffusion 1.x, on the default device."""
    ours = InjectorConfig(**fitting(unet, FACTOR))
    injector = Injector(ours).eval()
    controlnet = Injector(replace(ours, form="canny", attention=())).eval()
    latents, prompts = torch.randn(2, 4, SIDE, SIDE), torch.randn(2, TOKENS, WIDTH)
    tokens = torch.randn(1, ours.tokens, WIDTH)
    shown = injector.embed(torch.rand(1, 5, FACTOR * SIDE, FACTOR * SIDE))
    edges = torch.rand(1, 1, FACTOR * SIDE, FACTOR * SIDE)
    handle = injector.install(unet)

    def plain() -> object:
        return unet(latents, STEP, prompts)

    def injected() -> object:
        with handle.acting(layout, tokens, parts=(False, True)):
            return unet(latents, STEP, prompts, **injector.residuals(latents[:1], STEP, shown, tokens, parts=2))

    def ordinary() -> object:
        # diffusers' own pass embeds the condition in each step
        return unet(latents, STEP, prompts, **controlnet.residuals(latents, STEP, edges, prompts))

    return {"plain": plain, "AnyScene": injected, "ControlNet": ordinary}


def count(work: Callable[[], object]) -> float:
    """Return the multiply-accumulates of a piece of work."""
    with FlopCounterMode(display=False) as counter:
        work()
    return counter.get_total_flops() / 2


def in_turns(each: Works, rounds: int) -> dict[str, list[float]]:
    """Return the processor time of each piece of work in each round, after one to warm up."""
    seconds: dict[str, list[float]] = {name: [] for name in each}
    for number in range(rounds + 1):
        for name, work in each.items():
            start = time.process_time()
            work()
            if number:
                seconds[name].append(time.process_time() - start)
    return seconds


def make_unet(blocks: tuple[int, ...]) -> Any:
    """Return a U-Net of Stable Diffusion 1.x with random weights and blocks of given widths."""
    return UNet2DConditionModel(
        block_out_channels=blocks, cross_attention_dim=WIDTH, attention_head_dim=8, sample_size=SIDE
    ).eval()


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("--calls", type=int, default=5, help="rounds of timed steps")
    given.add_argument("--blocks", type=int, nargs=4, default=(320, 640, 1280, 1280), help="channels of the U-Net")
    options = given.parse_args()
    blocks = tuple(options.blocks)
    torch.set_num_threads(1)
    torch.manual_seed(0)
    # an element in the middle, which takes a quarter of the image, and is named by the third token
    masks = torch.zeros(1, FACTOR * SIDE, FACTOR * SIDE)
    masks[:, 128:-128, 128:-128] = 1
    layout = Layout(masks, (torch.arange(TOKENS) == 3)[None], FACTOR)
    with torch.inference_mode(), torch.device("meta"):
        counts = {name: count(work) for name, work in works(make_unet(blocks), layout).items()}
    for name, operations in counts.items():
        say(f"{name}: {operations / 1e9:.1f} G multiply-accumulates, {operations / counts['plain']:.3f} of plain")
    if not options.calls:
        return
    with torch.inference_mode():
        seconds = in_turns(works(make_unet(blocks), layout), options.calls)
    for name, times in seconds.items():
        ratio = statistics.median(own / plain for own, plain in zip(times, seconds["plain"], strict=True))
        say(f"{name}: {statistics.median(times):.3f} s a step, {ratio:.3f} of plain")


if __name__ == "__main__":
    main()
