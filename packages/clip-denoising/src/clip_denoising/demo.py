"""The demo: the bundled network on photos with noise that it was, and was not, trained on."""

from __future__ import annotations

from collections import defaultdict
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np

from visioncore.commands.demo import Shown, demo_of
from visioncore.images import from_tensor, write_image
from visioncore.metrics.image import psnr
from visioncore.report import figure_grid
from visioncore.weights.loading import bundled_model

from .data.datasets import find_photos
from .data.noise import Noise
from .data.patches import Patches
from .inference.non_local_means import non_local_means
from .inference.predictor import Predictor
from .method import METHOD, PACKAGE

TRAINED = Noise("gaussian", 15.0)
"""Noise that the bundled network was trained on."""
UNSEEN = (Noise("gaussian", 50.0), Noise("spatial", 50.0), Noise("poisson", 3.0), Noise("speckle", 0.04))
"""Noise that it never saw."""


@demo_of(METHOD)
def demo(out: Path) -> Shown:
    """Denoise the bundled photos with the bundled weights, write a figure and report.json, and report the gain."""
    predictor = Predictor(bundled_model(METHOD))
    values: defaultdict[str, list[tuple[float, float, float]]] = defaultdict(list)
    panels = []
    with as_file(files(PACKAGE) / "assets" / "samples" / "target") as samples:
        photos = find_photos(samples)
        for number, noise in enumerate((TRAINED, *UNSEEN)):
            for index, photo in enumerate(photos):
                noisy, clean = (image[None] for image in Patches([photo], noise).centre(0).values())
                images = noisy, non_local_means(noisy), predictor.run(noisy)
                before, baseline, after = (float(psnr(image, clean, "colour")) for image in images)
                values[str(noise)].append((before, baseline, after))
                name = str(noise).replace(":", "-")
                write_image(out / "denoised" / f"{photo.stem}_{name}.png", from_tensor(images[2]))
                if index == number % len(photos):
                    labels = (
                        f"{noise}: {before:.1f} dB",
                        f"non-local means: {baseline:.1f} dB",
                        f"denoised: {after:.1f} dB",
                    )
                    panels += [(label, from_tensor(image).pixels) for label, image in zip(labels, images, strict=True)]
                    panels.append(("truth", from_tensor(clean).pixels))
    figure = out / "demo.png"
    figure_grid(panels, figure, columns=4)
    means = {noise: np.mean(each, axis=0).tolist() for noise, each in values.items()}
    before, baseline, after = np.mean([means[str(noise)] for noise in UNSEEN], axis=0).tolist()
    gains = {str(noise): means[str(noise)][2] - means[str(noise)][1] for noise in UNSEEN}
    worst, best = min(gains, key=gains.__getitem__), max(gains, key=gains.__getitem__)
    return Shown(
        headline=(
            f"trained on {TRAINED} alone; under {len(UNSEEN)} other noises PSNR {before:.2f} dB noisy, {after:.2f} dB "
            f"denoised ({after - before:+.2f} dB; {after - baseline:+.2f} dB over non-local means, from "
            f"{gains[worst]:+.2f} dB under {worst} to {gains[best]:+.2f} dB under {best})"
        ),
        measured={
            "psnr_unseen_noisy": before,
            "psnr_unseen_non_local_means": baseline,
            "psnr_unseen_denoised": after,
            "gain_over_noisy": after - before,
            "gain_over_non_local_means": after - baseline,
            **{
                f"psnr_{noise}_{what}": value
                for noise, each in means.items()
                for what, value in zip(_WHAT, each, strict=True)
            },
        },
        figure=figure,
    )


_WHAT = ("noisy", "non_local_means", "denoised")
