"""Train a small motion denoiser on eight sinusoidal motions, draw 64, and see at which coefficient each one peaks.

    python docs/spectrum.py --size 2 --noises 4 --rate 3e-3

All pixels swing along a line, 1 to 4 times in 32 frames, two motions of each, along different lines. Tokens tell how
often. What they are worth is printed too: the error of the noise with the right ones and with those of other motions.
"""

from __future__ import annotations

import argparse

import torch
from torch.nn import functional

from lvmm_motion import AnimationPipeline
from lvmm_motion.data.synthetic import make_clips
from lvmm_motion.inference.sampling import generator_of, sample
from lvmm_motion.network.config import AnimationConfig, FlowAutoencoderConfig, MotionUNetConfig
from lvmm_motion.network.diffusion import STEPS, noise_by_velocity, noised, velocity_of
from lvmm_motion.network.grids import identity_grid
from lvmm_motion.network.representation import NormalisedRepresentation
from visioncore.cli import say

FRAMES, FREQUENCIES = 32, (1, 2, 3, 4)
SMALL = FlowAutoencoderConfig(regions=2, region_width=8, flow_width=8, width=8, background="zero")
"""Not used."""


def motions(size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the motions (8, 3, 32, size, size) of made-up clips, and their tokens (8, 1, 4)."""
    found, tokens = [], []
    for clip in make_clips(8, FRAMES, frequencies=FREQUENCIES, all_moves=True):
        shifts = -2 * torch.from_numpy(clip.source.shifts).float() / clip.source.size  # type: ignore[attr-defined]
        grid = identity_grid(size, size, like=shifts)
        flow = (grid + shifts[:, None, None]).permute(3, 0, 1, 2)
        found.append(torch.cat((flow, torch.ones_like(flow[:1]))))
        tokens.append(functional.one_hot(torch.tensor([int(clip.label or 1) - 1]), len(FREQUENCIES)).float())
    # as tall as prompts are in tokens of regions, where 1 was hardly followed
    return torch.stack(found), 8 * torch.stack(tokens)


def main() -> None:
    """Train, draw and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--prediction", choices=["noise", "velocity"], default="velocity")
    parser.add_argument("--draw-steps", type=int, default=100, help="of the sampler")
    parser.add_argument("--size", type=int, default=8, help="of the maps; of 2 the network has one level, not two")
    parser.add_argument("--noises", type=int, default=1, help="of each motion at a step")
    parser.add_argument("--rate", type=float, default=2e-3, help="of learning")
    args = parser.parse_args()
    steps = args.steps
    torch.manual_seed(0)
    unet = MotionUNetConfig(width=16, multiples=(1, 2) if args.size > 2 else (1,), context=len(FREQUENCIES), heads=2)
    kept = {"frames": FRAMES, "keep": 8, "size": args.size}
    pipeline = AnimationPipeline(AnimationConfig(SMALL, unet, prediction=args.prediction, **kept))
    clean, tokens = motions(args.size)
    still = NormalisedRepresentation(FRAMES, pipeline.config.keep, pipeline.scales)
    spread = still.raw(clean).square().mean(dim=(0, 3, 4)).sqrt()
    # most frequencies have no energy at all
    pipeline.scales.copy_(spread.clamp(min=1e-3 * float(spread.max())))
    x = pipeline.representation.encode(clean).repeat(args.noises, 1, 1, 1, 1)
    tokens = tokens.repeat(args.noises, 1, 1)
    optimizer = torch.optim.AdamW(pipeline.denoiser.parameters(), lr=args.rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for step in range(steps):
        t, noise = torch.randint(STEPS, (len(x),)), torch.randn_like(x)
        wanted = velocity_of(x, t, noise) if args.prediction == "velocity" else noise
        loss = functional.mse_loss(pipeline.denoiser(noised(x, t, noise), t, tokens), wanted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if (step + 1) % 20 == 0:
            say(f"step {step + 1}: {loss.item():.3f}")
    for at in (600, 800, 900, 960):
        t, noise = torch.full((len(x),), at), torch.randn_like(x)
        with torch.no_grad():
            noisy = noised(x, t, noise)
            found = [pipeline.denoiser(noisy, t, each) for each in (tokens, tokens.roll(1, 0))]
            if args.prediction == "velocity":
                found = [noise_by_velocity(noisy, t, each) for each in found]
            right, wrong = (functional.mse_loss(each, noise).item() for each in found)
        say(f"at {at}: {right:.4f}, with others' tokens {wrong:.4f}")
    seeds = [generator_of(seed) for seed in range(64)]
    asked = tokens[:8].repeat(8, 1, 1)
    drawn = sample(pipeline.eval(), asked, steps=args.draw_steps, generator=seeds)
    sums = pipeline.representation.sums(drawn)
    energy = sums[:, [0, 1, 3, 4], 1:].square().sum(dim=(1, 3, 4))
    peaks = energy.argmax(dim=1)
    wanted = asked[:, 0].argmax(dim=1)
    say(f"{(peaks == wanted).float().mean():.3f} of {len(peaks)} peak at the coefficient that was asked for")


if __name__ == "__main__":
    main()
