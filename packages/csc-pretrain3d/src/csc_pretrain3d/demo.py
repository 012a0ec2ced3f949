"""The demo: the bundled network on a dim photo."""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path

from visioncore.commands.demo import Shown, demo_of
from visioncore.weights.loading import bundled_model

from .data.photos import find_pairs
from .evaluation.protocols import PROTOCOLS, evaluate
from .inference.predictor import Predictor
from .method import METHOD, PACKAGE


@demo_of(METHOD)
def demo(out: Path) -> Shown:
    """Make the bundled dim photo bright, write a figure into the folder ``out``, and report the gain."""
    predictor, figure = Predictor(bundled_model(METHOD)), out / "demo.png"
    with as_file(files(PACKAGE) / "assets" / "samples") as samples:
        (pair,) = find_pairs(samples)
        predictor(pair.dim).plot(figure)
        means = evaluate(samples, predictor, protocols=PROTOCOLS[:1]).means()
    before, after = means["psnr_rgb_dim"], means["psnr_rgb"]
    return Shown(
        headline=f"PSNR {before:.1f} dB dim, {after:.1f} dB bright ({after - before:+.1f} dB)",
        measured={"psnr_rgb_dim": before, "psnr_rgb_bright": after, "gain_over_dim": after - before},
        figure=figure,
    )
