"""Draw the cut-outs that the demo shows: things that its base has words for, in a style that it has not seen.

python docs/draw_samples.py --out src/anyscene_compose/assets/samples
"""

from __future__ import annotations

import argparse
from pathlib import Path

from PIL import Image, ImageDraw

SIDE, FINER = 64, 8
Shape = tuple[str, tuple[float, ...], str]
"""Kind, corners in units of the side, colour."""

SHAPES: dict[str, tuple[Shape, ...]] = {
    "balloon": (
        ("line", (0.5, 0.66, 0.46, 0.96), "#555555"),
        ("ellipse", (0.22, 0.04, 0.78, 0.7), "#d62c4a"),
        ("ellipse", (0.32, 0.12, 0.46, 0.3), "#f08aa0"),
    ),
    "snowman": (
        ("ellipse", (0.2, 0.48, 0.8, 0.98), "#eef2fa"),
        ("ellipse", (0.29, 0.16, 0.71, 0.56), "#ffffff"),
        ("polygon", (0.34, 0.2, 0.66, 0.2, 0.62, 0.02, 0.38, 0.02), "#30324a"),
        ("polygon", (0.5, 0.36, 0.74, 0.4, 0.5, 0.43), "#f07f22"),
        ("ellipse", (0.4, 0.28, 0.45, 0.33), "#222222"),
        ("ellipse", (0.55, 0.28, 0.6, 0.33), "#222222"),
        ("polygon", (0.26, 0.5, 0.74, 0.5, 0.7, 0.6, 0.3, 0.6), "#c22d3a"),
    ),
    "lollipop": (
        ("polygon", (0.47, 0.5, 0.53, 0.5, 0.53, 0.98, 0.47, 0.98), "#f4efe2"),
        ("ellipse", (0.18, 0.03, 0.82, 0.66), "#e2559a"),
        ("ellipse", (0.29, 0.14, 0.71, 0.55), "#fbd0e2"),
        ("ellipse", (0.39, 0.24, 0.61, 0.45), "#e2559a"),
    ),
    "mushroom": (
        ("polygon", (0.38, 0.45, 0.62, 0.45, 0.68, 0.95, 0.32, 0.95), "#f2e6cf"),
        ("pieslice", (0.1, 0.08, 0.9, 0.9), "#c8372d"),
        ("ellipse", (0.3, 0.2, 0.44, 0.34), "#ffffff"),
        ("ellipse", (0.56, 0.24, 0.72, 0.4), "#ffffff"),
    ),
    "sailboat": (
        ("polygon", (0.1, 0.72, 0.9, 0.72, 0.74, 0.94, 0.26, 0.94), "#7a4a2b"),
        ("polygon", (0.48, 0.06, 0.48, 0.68, 0.14, 0.68), "#f7f3e8"),
        ("polygon", (0.54, 0.14, 0.54, 0.68, 0.86, 0.68), "#2f7fb5"),
        ("line", (0.51, 0.04, 0.51, 0.74), "#4a3424"),
    ),
    "tomato": (
        ("ellipse", (0.1, 0.2, 0.9, 0.96), "#dd3b26"),
        ("polygon", (0.5, 0.3, 0.3, 0.2, 0.44, 0.18, 0.5, 0.06, 0.56, 0.18, 0.7, 0.2), "#3f8f3a"),
        ("ellipse", (0.22, 0.34, 0.38, 0.5), "#f28a74"),
    ),
    "umbrella": (
        ("line", (0.5, 0.1, 0.5, 0.92), "#6b4a35"),
        ("pieslice", (0.06, 0.08, 0.94, 0.96), "#6a44b0"),
        ("polygon", (0.36, 0.52, 0.5, 0.09, 0.64, 0.52), "#9c7bd6"),
    ),
    "crown": (
        ("polygon", (0.08, 0.86, 0.06, 0.28, 0.3, 0.54, 0.5, 0.14, 0.7, 0.54, 0.94, 0.28, 0.92, 0.86), "#f0b92d"),
        ("polygon", (0.08, 0.74, 0.92, 0.74, 0.92, 0.86, 0.08, 0.86), "#c98a1b"),
        ("ellipse", (0.44, 0.5, 0.56, 0.64), "#c22d3a"),
    ),
    "lemon": (
        ("ellipse", (0.16, 0.22, 0.84, 0.84), "#f3d53a"),
        ("polygon", (0.78, 0.42, 0.96, 0.53, 0.78, 0.64), "#e3bf25"),
        ("polygon", (0.22, 0.42, 0.04, 0.53, 0.22, 0.64), "#e3bf25"),
        ("ellipse", (0.28, 0.32, 0.46, 0.46), "#fbf0a3"),
    ),
    "carrot": (
        ("polygon", (0.3, 0.3, 0.7, 0.3, 0.52, 0.98, 0.48, 0.98), "#ee7d22"),
        ("ellipse", (0.3, 0.2, 0.7, 0.42), "#ee7d22"),
        ("polygon", (0.5, 0.28, 0.3, 0.02, 0.46, 0.14, 0.5, 0.0, 0.54, 0.14, 0.7, 0.02), "#3f8f3a"),
    ),
    "robot": (
        ("polygon", (0.2, 0.24, 0.8, 0.24, 0.8, 0.72, 0.2, 0.72), "#9fb4c8"),
        ("polygon", (0.28, 0.76, 0.72, 0.76, 0.72, 0.98, 0.28, 0.98), "#7d93a8"),
        ("ellipse", (0.3, 0.36, 0.44, 0.5), "#2b3a67"),
        ("ellipse", (0.56, 0.36, 0.7, 0.5), "#2b3a67"),
        ("line", (0.5, 0.06, 0.5, 0.24), "#55697d"),
        ("ellipse", (0.44, 0.02, 0.56, 0.13), "#d62c4a"),
        ("polygon", (0.34, 0.58, 0.66, 0.58, 0.66, 0.64, 0.34, 0.64), "#2b3a67"),
    ),
    "rocket": (
        ("polygon", (0.2, 0.9, 0.36, 0.55, 0.36, 0.84), "#c8372d"),
        ("polygon", (0.8, 0.9, 0.64, 0.55, 0.64, 0.84), "#c8372d"),
        ("ellipse", (0.32, 0.02, 0.68, 0.96), "#e8ebf0"),
        ("ellipse", (0.41, 0.28, 0.59, 0.46), "#3c7fc0"),
        ("polygon", (0.42, 0.86, 0.58, 0.86, 0.5, 1.0), "#f0a02d"),
    ),
}


def drawn(shapes: tuple[Shape, ...]) -> Image.Image:
    """Return shapes over each other, RGBA with straight alpha, 64x64."""
    fine = SIDE * FINER
    whole = Image.new("RGBA", (fine, fine))
    pen = ImageDraw.Draw(whole)
    for kind, corners, colour in shapes:
        places = [corner * (fine - 1) for corner in corners]
        if kind == "line":
            pen.line(places, colour, width=fine // 24)
        elif kind == "pieslice":
            pen.pieslice(places, 180, 360, colour)
        else:
            getattr(pen, kind)(places, colour)
    return whole.resize((SIDE, SIDE), Image.Resampling.BOX)


def main() -> None:
    """Write them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    for name, shapes in SHAPES.items():
        drawn(shapes).save(out / f"{name}.png")


if __name__ == "__main__":
    main()
