"""A user's session with the Hub, for test_hub_server.py, in a process of its own: prints what came of it as JSON."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import hf_hub_download, model_info

from brighter_photo import Brighter
from visioncore.errors import InputError
from visioncore.weights.card import Card, Measured

TOKEN = os.environ.get("THE_TOKEN", "")
CARD = Card(
    "to try it",
    "ten squares",
    "Apache-2.0",
    (
        Measured("PSNR", 31.5, "dB", "two squares"),
        Measured("SSIM", 0.9, "", "two squares"),
        Measured("PSNR", 28.0, "dB", "a circle"),
    ),
)


def network(value: float) -> Brighter:
    """Return a network whose first weight has a value."""
    model = Brighter()
    with torch.no_grad():
        next(model.parameters()).fill_(value)
    return model


def first_weight(source: str, **options: Any) -> float:
    return float(next(Brighter.from_pretrained(source, **options).parameters()).flatten()[0])


def told(what: Callable[..., object], *given: Any, **options: Any) -> str:
    """Return the text of the error that something raises."""
    try:
        return f"no error, but {what(*given, **options)}"
    except InputError as error:
        return str(error)


def readme() -> str:
    return Path(hf_hub_download("someone/brighter", "README.md")).read_text(encoding="utf-8")


def weight_of_the_snippet(card: str) -> float:
    """Return the first weight of the model that the Python lines of a model card load."""
    (lines,) = re.findall(r"```python\n(.*?)```", card, re.DOTALL)
    names: dict[str, Any] = {}
    exec(lines, names)
    return float(next(names["model"].parameters()).flatten()[0])


def online() -> dict[str, Any]:
    """Upload models, load them, and do what cannot be."""
    found: dict[str, Any] = {"address": network(2).push_to_hub("someone/brighter", token=TOKEN, card=CARD)}
    found["card"] = readme()
    found["snippet"] = weight_of_the_snippet(found["card"])
    first = model_info("someone/brighter").sha
    network(3).push_to_hub("someone/brighter", token=TOKEN)
    found["card kept"] = readme() == found["card"]
    found["newest"] = first_weight("someone/brighter")
    found["of a revision"] = first_weight("someone/brighter", revision=first)
    network(4).push_to_hub("someone/secret", token=TOKEN, private=True)
    found["private"] = first_weight("someone/secret", token=TOKEN)
    load, push = Brighter.from_pretrained, network(5).push_to_hub
    return {
        **found,
        "private without a token": told(load, "someone/strangers-secret"),
        "a repository that is not there": told(load, "someone/none", token=TOKEN),
        "a revision that is not there": told(load, "someone/brighter", revision="v9"),
        "no configuration": told(load, "someone/unfinished"),
        "no weights": told(load, "someone/half"),
        "push without a token": told(push, "someone/new", token=False),
        "push to others": told(push, "others/new", token=TOKEN),
    }


def offline() -> dict[str, Any]:
    """Load what has been loaded before, and what has not."""
    return {
        "newest": first_weight("someone/brighter"),
        "not there": told(Brighter.from_pretrained, "someone/other"),
    }


if __name__ == "__main__":
    print(json.dumps({"online": online, "offline": offline}[sys.argv[1]]()))  # noqa: T201
