"""Time our networks and spconv's CPU engine side by side on one nuScenes sweep, forward and backward.

    pip install spconv==2.3.8                            # in an environment of its own, beside this package
    python docs/compare_spconv.py SWEEP.pcd.bin --threads 2 --rounds 10

Both run in turns in one process, on the same weights and voxels. Two clocks are read, and of each the smallest of all
rounds is printed: the wall's, and the processor time of the thread that computes, which other programs on the machine
disturb less. With more than one thread some of spconv's sums come out wrong, so that it also runs on one; ratios are to
that. spconv's backward pass asks for a CUDA stream and raises without an NVIDIA driver; here alone it is given
none.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from spconv.pytorch import ops
from spconv_networks import SpconvMinkUNet, SpconvVoxelNet, minkunet_input, voxelnet_input
from torch import Tensor

from csc_pretrain3d import MinkUNet, SparseTensor, VoxelNet
from csc_pretrain3d.network.fast import for_inference

CPU = torch.device("cpu")


def main() -> None:
    """Print one line for each path."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sweep", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=10)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    torch.manual_seed(0)
    ops.get_current_stream = lambda: 0
    points = torch.from_numpy(np.fromfile(given.sweep, dtype=np.float32).reshape(-1, 5))
    minkunet(points, given.rounds)
    voxelnet(points, given.rounds)
    growth(given.rounds)


def minkunet(points: Tensor, rounds: int) -> None:
    """Measure MinkUNet."""
    x, y, z = points[:, :3].unbind(1)
    size = torch.tensor([0.1, math.pi / 180, 0.1])
    cells = (torch.stack([(x * x + y * y).sqrt(), torch.atan2(y, x), z], dim=1) / size).floor().int()
    _, inverse = cells.unique(dim=0, return_inverse=True)
    rows = torch.arange(len(cells))
    first = rows.new_full((int(inverse.max()) + 1,), len(cells)).scatter_reduce(0, inverse, rows, "amin").sort()[0]
    coordinates = torch.cat([cells.new_zeros(len(first), 1), cells[first]], dim=1)
    features = points[first, 3:4]
    model = MinkUNet().eval()
    theirs = SpconvMinkUNet(model).eval()
    fast, short = (for_inference(model, CPU, dtype) for dtype in (torch.float32, torch.bfloat16))
    forward = {
        "MinkUNet, ours": lambda: fast(SparseTensor(coordinates, features)).features,
        "MinkUNet, ours, bfloat16": lambda: short(SparseTensor(coordinates, features)).features,
        **spconv("MinkUNet", lambda: theirs(minkunet_input(coordinates, features))),
    }
    with torch.no_grad():
        differences(forward)
        show(in_turns(forward, rounds), f"{len(first)} voxels, forward")
    model.train(), theirs.train()
    steps = {
        "MinkUNet, ours": lambda: step(model, model(SparseTensor(coordinates, features)).features),
        **spconv("MinkUNet", lambda: step(theirs, theirs(minkunet_input(coordinates, features)))),
    }
    show(in_turns(steps, max(1, rounds // 2)), f"{len(first)} voxels, forward and backward")


def voxelnet(points: Tensor, rounds: int) -> None:
    """Measure VoxelNet."""
    model = VoxelNet().eval()
    c = model.config
    lowest, size = torch.tensor(c.lowest), torch.tensor(c.voxel_size)
    cells = ((points[:, :3] - lowest) / size).floor().int().flip(1)
    inside = ((cells >= 0) & (cells < torch.tensor(c.grid))).all(dim=1)
    unique, inverse, count = cells[inside].unique(dim=0, return_inverse=True, return_counts=True)
    coordinates = torch.cat([unique.new_zeros(len(unique), 1), unique], dim=1)
    features = torch.zeros(len(unique), 4).index_add(0, inverse, points[inside, :4]) / count[:, None]
    theirs = SpconvVoxelNet(model).eval()
    fast = for_inference(model, CPU, torch.float32)

    def voxels() -> SparseTensor:
        return SparseTensor(coordinates, features, spatial_shape=c.grid)

    forward = {
        "VoxelNet, ours": lambda: fast(voxels()),
        **spconv("VoxelNet", lambda: theirs(voxelnet_input(coordinates, features, model))),
    }
    with torch.no_grad():
        differences(forward)
        show(in_turns(forward, rounds), f"{len(unique)} voxels, forward")
    model.train(), theirs.train()
    steps = {
        "VoxelNet, ours": lambda: step(model, model(voxels())),
        **spconv("VoxelNet", lambda: step(theirs, theirs(voxelnet_input(coordinates, features, model)))),
    }
    show(in_turns(steps, max(1, rounds // 2)), f"{len(unique)} voxels, forward and backward")


def growth(rounds: int) -> None:
    """Measure one residual block's convolution with its map on ever more voxels of one density."""
    layer = MinkUNet().block1[0].conv1
    for count in (5_000, 50_000, 500_000):
        side = round((count / 0.1) ** (1 / 3))
        cells = torch.randperm(side**3)[:count]
        places = torch.stack([cells * 0, cells // side**2, cells // side % side, cells % side], dim=1)
        features = torch.rand(count, 32)
        with torch.no_grad():
            found = in_turns({"": lambda p=places, f=features: layer(SparseTensor(p, f))}, max(2, rounds // 3))
        show(found, f"one 3x3x3 convolution 32 -> 32 with its map, {count} voxels")


def spconv(name: str, path: Callable[[], Any]) -> dict[str, Callable[[], Any]]:
    """Return the paths of spconv: on all threads, and on one, where its sums are right."""
    threads = torch.get_num_threads()

    def on_one_thread() -> Any:
        torch.set_num_threads(1)
        found = path()
        torch.set_num_threads(threads)
        return found

    several = {} if threads == 1 else {f"{name}, spconv, {threads} threads": path}
    return several | {f"{name}, spconv, one thread": on_one_thread}


def differences(paths: dict[str, Callable[[], Any]]) -> None:
    """Print how far each path's output is from the first's."""
    first = next(iter(paths.values()))()
    for name, path in paths.items():
        sys.stdout.write(f"largest difference {float((path() - first).abs().max()):.1g}  {name}\n")


def step(network: torch.nn.Module, output: Tensor) -> None:
    """Compute gradients."""
    network.zero_grad()
    output.square().sum().backward() if output.ndim == 4 else output.sum().backward()


def in_turns(paths: dict[str, Callable[[], object]], rounds: int) -> dict[str, tuple[float, float]]:
    """Return the least wall and thread seconds of each path."""
    best = dict.fromkeys(paths, (math.inf, math.inf))
    for _ in range(rounds):
        for name, path in paths.items():
            before = time.perf_counter(), time.thread_time()
            path()
            spent = time.perf_counter() - before[0], time.thread_time() - before[1]
            best[name] = (min(best[name][0], spent[0]), min(best[name][1], spent[1]))
    return best


def show(found: dict[str, tuple[float, float]], what: str) -> None:
    """Print the times, and the ratio to the last path."""
    *_, last = found.values()
    lines = [what]
    for name, (wall, thread) in found.items():
        times = f"wall {1000 * wall:7.0f} ms  thread {1000 * thread:7.0f} ms"
        lines.append(f"  {name:28} {times}  ratio {wall / last[0]:.2f} / {thread / last[1]:.2f}")
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
