"""Prompts that say what is to be seen and name no style, so that the style can come from references alone."""

from __future__ import annotations

PROMPTS = (
    "a lighthouse on a rocky coast",
    "a fox asleep under a fallen tree",
    "an old man who reads a newspaper",
    "a bowl of lemons on a kitchen table",
    "a tram that crosses a stone bridge",
    "two children who fly a kite",
    "a sailing boat in a harbour",
    "a horse that drinks from a stream",
    "a market street after rain",
    "a violin on a wooden chair",
    "a mountain village in winter",
    "a woman with an umbrella",
    "a heron among reeds",
    "a bicycle against a garden wall",
    "a castle on a hill",
    "a cat at an open window",
    "a field of sunflowers",
    "a teapot and three cups",
    "an owl on a branch at night",
    "a baker who carries loaves of bread",
)
"""Things, animals, people, rooms and landscapes, near and far, one and several."""
