"""The model card of a repository on the Hugging Face Hub: README.md with the metadata that the Hub searches by."""

from __future__ import annotations

import re
import shlex
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

from ..methods import Method
from .card import UNSTATED, Card, Measured, as_lines

if TYPE_CHECKING:
    from huggingface_hub import EvalResult

LICENCES = (
    *("apache-2.0", "mit", "bsd-2-clause", "bsd-3-clause", "gpl-3.0", "lgpl-3.0", "agpl-3.0", "mpl-2.0", "unlicense"),
    *("cc0-1.0", "cc-by-4.0", "cc-by-sa-4.0", "cc-by-nc-4.0", "cc-by-nc-sa-4.0", "cc-by-nd-4.0", "cc-by-nc-nd-4.0"),
    *("creativeml-openrail-m", "openrail++"),
)
"""Licences of weights that the Hub knows by these names; of others it takes a name of one's own."""


def model_card(model: type, repo_id: str, card: Card | None) -> str:
    """Return the text of the model card of weights.

    Args:
        model: their class, a `visioncore.weights.pretrained.Pretrained`.
        repo_id: ``owner/name`` on the Hub.
        card: what is known of them; None for nothing.
    """
    from huggingface_hub import ModelCardData

    name, place, method = repo_id.rpartition("/")[2], public_place(model), method_of(model)
    task = method.hub_task if method else ""
    licence, licence_name = _licence(card.licence) if card else (None, None)
    metadata = ModelCardData(
        library_name=method.name if method else place.partition(".")[0],
        pipeline_tag=task or None,
        tags=[*([method.name] if method else []), "visioncore"],
        model_name=name,
        eval_results=_results(card.measured if card else (), task),
        license=licence,
        license_name=licence_name,
    )
    parts = [f"---\n{metadata.to_yaml()}\n---\n# {name}\n"]
    if method:
        paper = f"[{method.paper}](https://arxiv.org/abs/{method.arxiv})" if method.arxiv else method.paper
        parts += [
            f"{method.title}: {method.task}. The method is that of {paper} ({method.authors}; {method.venue}).\n",
            "\n".join(["```bash", f"pip install {method.name}", *example_command(method, repo_id), "```\n"]),
        ]
    lines = (f"from {place} import {model.__name__}", "", f'model = {model.__name__}.from_pretrained("{repo_id}")')
    parts.append("\n".join(["```python", *lines, "```\n"]))
    parts += [f"## {what.capitalize()}\n\n{said}\n" for what, said in (as_lines(card) if card else {}).items()]
    if method:
        parts.append(f"## Citation\n\n```bibtex\n{method.citation.strip()}\n```\n")
    return "\n".join(parts)


def example_command(method: Method, weights: str) -> list[str]:
    """Return the command line, as one line or none, that runs a method on a file named like its bundled sample."""
    if not (method.sample and method.panel):
        return []
    texts = (option for option in method.panel.options if isinstance(option.example, str) and not option.kinds)
    words = [word for option in texts for word in (f"--{option.name.replace('_', '-')}", str(option.example))]
    name = method.sample.path.rpartition("/")[2]
    return [shlex.join([method.name, "predict", name, *words, "--weights", weights, "--out", "results"])]


def method_of(model: type) -> Method | None:
    """Return the record of the method whose package a class is from; None if it is from no package of a method."""
    package = model.__module__
    while package := package.rpartition(".")[0]:
        if find_spec(f"{package}.method"):
            record = getattr(import_module(f"{package}.method"), "METHOD", None)
            return record if isinstance(record, Method) else None
    return None


def public_place(model: type) -> str:
    """Return the module that users import a class from: the outermost package that offers it, or its own."""
    names = model.__module__.split(".")
    places = (".".join(names[:count]) for count in range(1, len(names)))
    return next(
        (each for each in places if getattr(import_module(each), model.__name__, None) is model), ".".join(names)
    )


def _licence(named: str) -> tuple[str, str | None]:
    """Return a licence as the Hub calls it, and of one that it does not know the name."""
    known = named.lower().removesuffix("-only").removesuffix("-or-later")
    if known in LICENCES:
        return known, None
    return ("unknown", None) if named in ("", UNSTATED) else ("other", _slug(named))


def _results(measured: tuple[Measured, ...], task: str) -> list[EvalResult] | None:
    """Return figures as the Hub lists them; those on the same data belong together, which it tells by ``type``."""
    from huggingface_hub import EvalResult

    return [
        EvalResult(
            task_type=task or "other",
            dataset_type=_slug(each.on),
            dataset_name=each.on,
            metric_type=_slug(each.what),
            metric_name=f"{each.what} ({each.unit})" if each.unit else each.what,
            metric_value=each.value,
        )
        for each in measured
    ] or None


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-")[:80] or "other"
