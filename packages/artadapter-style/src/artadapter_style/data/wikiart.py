"""WikiArt as the ArtGAN release lays it out: a folder for each style, and lists of what is for training."""

from __future__ import annotations

import re
from pathlib import Path

from visioncore.errors import InputError
from visioncore.files import read_list, read_text_lines

from .items import Item

PARTS = ("train", "val")
WITHOUT = "a painting"
"""Caption where there is no other."""


def is_wikiart(folder: Path) -> bool:
    """Return whether a folder has the lists of WikiArt."""
    return any((folder / f"style_{part}.csv").is_file() for part in PARTS)


def wikiart(folder: Path, part: str = "train") -> list[Item]:
    """Return the paintings of a part of WikiArt.

    A caption is what stands in ``NAME.txt`` beside the image, such as a captioner writes it, without the names of the
    artist and the style, so that text does not tell of style; or else `WITHOUT`.

    Args:
        folder: with ``style_train.csv`` and ``style_val.csv``, and the images in it or in ``wikiart`` or ``images``.
        part: ``train`` or ``val``.

    Raises:
        InputError: if the list is missing, is not as it should be, or names files that are not there.
    """
    path = folder / f"style_{part}.csv"
    if not path.is_file():
        raise InputError(f"{path}: no such file; WikiArt has style_train.csv and style_val.csv")
    roots = [place for place in (folder / "wikiart", folder / "images", folder) if place.is_dir()]
    items = []
    for number, entry in read_list(path, ("file", "class"), "a list of WikiArt"):
        name = entry.get("file", "")
        file = next((root / name for root in roots if (root / name).is_file()), None)
        if file is None:
            raise InputError(f"{path}, line {number}: no such file: {roots[0] / name}")
        style = Path(name).parts[0] if len(Path(name).parts) > 1 else entry.get("class", "")
        items.append(Item(name, file, _caption(file, style), style))
    return items


def _caption(file: Path, style: str) -> str:
    beside = file.with_suffix(".txt")
    if not beside.is_file():
        return WITHOUT
    caption = " ".join(line for _, line in read_text_lines(beside, "a caption"))
    artist = file.stem.partition("_")[0]
    return without_names(caption, (artist, style)) or WITHOUT


def without_names(caption: str, names: tuple[str, ...]) -> str:
    """Return a caption without names of artists or styles, and without "by" or "in the style of" before them.

    Args:
        caption: the text.
        names: words parted by ``-`` or ``_``, as WikiArt has them; of an artist also the last one alone.
    """
    for name in names:
        words = [word for word in re.split(r"[-_\s]+", name) if word]
        if not words:
            continue
        whole = r"[-_\s]+".join(map(re.escape, words))
        either = f"(?:{whole}|{re.escape(words[-1])})" if len(words[-1]) > 3 else whole
        lead = r"(?:,?\s*\b(?:painted\s+by|by|in\s+the\s+style\s+of|in)\s+)?"
        caption = re.sub(rf"{lead}\b{either}\b(?:'s)?", " ", caption, flags=re.IGNORECASE)
    return re.sub(r"\s+([,.])", r"\1", " ".join(caption.split())).strip(" ,")
