"""Facts about a method and a network of it, for people and for programs.

Those of published variants stand in a table that each package has, so that nobody waits for them to be counted.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path
from typing import Any

from ..methods import Images, Method, load
from ..weights.card import UNSTATED, as_lines, by_name, card_from, card_of, plain
from ..weights.places import bundled_names
from .option_list import command_facts

TABLE = "networks.json"
"""Name of the table, in the package's assets; ``tools/network_tables.py`` writes it."""


def capabilities(method: Method, weights: str | Path, **companions: str) -> dict[str, Any]:
    """Facts about a method and a network of it, for programs.

    Args:
        method: the method.
        weights: the name of a variant, or anything that predict takes.
        companions: further files that an authors' checkpoint needs; empty for none.

    Raises:
        InputError: if there are no such weights.
    """
    network, inputs = method.network, method.network.inputs
    described = _described(method, weights, **companions)
    card = None if described["read_from"] is None else card_of(method, weights)
    commands = load(f"{method.module}.cli:COMMANDS")
    return {
        **{key: getattr(method, key) for key in ("name", "version", "title", "task", "notice")},
        **described,
        "window": _field(described["config"], network.window),
        "sizes": {"multiple_of": inputs.multiple if isinstance(inputs, Images) else None, "measured": network.sizes},
        "weights_card": None if card is None else plain(asdict(card)),
        "bundled_weights": by_name((name, card_of(method, name)) for name in bundled_names(method)),
        "variants": list(network.variants),
        "companions": dict(network.companions),
        "commands": {name: command_facts(command) for name, command in commands.items()},
        **{key: getattr(method, key) for key in ("paper", "authors", "venue", "arxiv", "citation", "licence")},
        "published_weights": method.weights,
    }


def _described(method: Method, weights: str | Path, **companions: str) -> dict[str, Any]:
    """Return the facts on a network, from the table if it is a published variant and nothing else has its name."""
    table = files(method.module) / "assets" / TABLE
    if not Path(weights).exists() and table.is_file():
        known: dict[str, dict[str, Any]] = json.loads(table.read_text(encoding="utf-8"))
        if str(weights) in known:
            return known[str(weights)]
    from .description import describe

    return describe(method, weights, **companions)


def _field(config: Any, names: Sequence[str]) -> Any:
    """Return the field of settings to which names lead; None if there are none."""
    for name in names:
        config = config[name]
    return config if names else None


def as_text(about: Mapping[str, Any]) -> str:
    """Format `capabilities` for people to read."""
    inputs = ", ".join(f"{name} {'x'.join(map(str, shape))}" for name, shape in about["inputs"].items())
    total, trained = about["parameters"], about["trained"]
    part = f", of which {_millions(trained)} are trained" if trained < total else ""
    arxiv = f", arXiv {about['arxiv']}" if about["arxiv"] else ""
    card = as_lines(card_from(about["weights_card"])) if about["weights_card"] else {}
    # the network's own settings may know what the card does not
    known = {what: said for what, said in card.items() if what not in about["details"] or UNSTATED not in said}
    lines = {
        **about["details"],
        **({"read from": about["read_from"]} if about["read_from"] else {}),
        "parameters": f"{_millions(total)}{part}",
        "operations": f"{about['multiply_accumulates'] / 1e9:.2f} G multiply-accumulates for {inputs}",
        **known,
        "paper": f"{about['paper']}, {about['authors']}, {about['venue']}{arxiv}",
        "licence": about["licence"],
        "weights": about["published_weights"],
    }
    width = max(map(len, lines)) + 2
    rows = [f"{what:<{width}}{said}" for what, said in lines.items()]
    return "\n".join([f"{about['title']}: {about['task']}", *rows, "", about["citation"]])


def _millions(count: int) -> str:
    return f"{count / 1e6:.2f} M" if count >= 10_000 else str(count)
