"""Instance annotations of COCO, and its captions: several instances of an image form the foreground."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from visioncore.errors import InputError, one_line
from visioncore.files import check_regular

from .elements import Annotated
from .items import Item, Part

INSTANCES = "instances_*.json"
FOLDER = "annotations"


def find_instances(folder: Path, part: str) -> Path | None:
    """Return the file of annotations for a part of a data set, or None if the folder has none of COCO's.

    Args:
        folder: with the files in it, or in ``annotations``.
        part: ``train`` or ``val``, how the name of the file goes on, as in ``instances_train2017.json``.

    Raises:
        InputError: if there are files for other parts alone.
    """
    found = sorted({*folder.glob(INSTANCES), *(folder / FOLDER).glob(INSTANCES)})
    fitting = [path for path in found if path.stem.removeprefix("instances_").startswith(part)]
    if found and not fitting:
        raise InputError(f"{folder}: no instances_{part}*.json in it or in {FOLDER}; there is {found[0].name}")
    return fitting[0] if fitting else None


def coco(instances: Path) -> list[Item]:
    """Return the captioned images of a file of annotations that have instances; crowds are none.

    Captions are those of ``captions_*.json`` beside it; an instance is named by its category where a caption has it.
    Images lie in a folder named as the part, ``train2017``, or in ``images``.

    Raises:
        InputError: if a file is missing, is not as it should be, or names what is not there.
    """
    about = _read(instances)
    captions = defaultdict[Any, list[str]](list)
    of_captions = instances.with_name(instances.name.replace("instances_", "captions_"))
    for number, each in _entries(_read(of_captions), "annotations", of_captions):
        captions[_entry(each, "image_id", of_captions, number)].append(_text(each, "caption", of_captions, number))
    categories = {
        _entry(each, "id", instances, number): _text(each, "name", instances, number)
        for number, each in _entries(about, "categories", instances)
    }
    found = defaultdict[Any, list[Mapping[str, Any]]](list)
    for number, each in _entries(about, "annotations", instances):
        if not each.get("iscrowd"):
            category = _entry(each, "category_id", instances, number)
            if category not in categories:
                raise InputError(f"{instances}: annotation {number} is of category {category!r}, which is not there")
            found[_entry(each, "image_id", instances, number)].append({**each, "number": number})
    folder = _images(instances)
    items = []
    for number, image in _entries(about, "images", instances):
        key = _entry(image, "id", instances, number)
        name = _text(image, "file_name", instances, number)
        size = tuple(_entry(image, side, instances, number) for side in ("height", "width"))
        if not all(isinstance(side, int) and side > 0 for side in size):
            raise InputError(f"{instances}: image {number} should have height and width in pixels")
        if captions[key] and found[key]:
            parts = tuple(_part(each, categories, captions[key], (size[0], size[1]), instances) for each in found[key])
            items.append(Item(name, folder / name, tuple(captions[key]), parts))
    if not items:
        raise InputError(f"{instances}: none of its images has both instances and captions")
    return items


def category_words(category: str, captions: Sequence[str]) -> tuple[str, ...]:
    """Return how captions name a category: its name, or the plural, wherever one has it."""
    plain = re.compile(rf"\b{re.escape(category)}(?:s|es)?\b", re.IGNORECASE)
    return tuple(dict.fromkeys(match for caption in captions for match in plain.findall(caption)))


def _part(
    annotation: Mapping[str, Any],
    categories: Mapping[Any, str],
    captions: Sequence[str],
    size: tuple[int, int],
    path: Path,
) -> Part:
    name = f"{path}: annotation {annotation['number']}"
    if "segmentation" not in annotation:
        raise InputError(f"{name} has no segmentation")
    words = category_words(categories[annotation["category_id"]], captions)
    return Part(Annotated(name, annotation["segmentation"], size), words)


def _images(instances: Path) -> Path:
    part = instances.stem.removeprefix("instances_")
    root = instances.parent.parent if instances.parent.name == FOLDER else instances.parent
    for folder in (root / part, root / "images" / part, root / "images"):
        if folder.is_dir():
            return folder
    raise InputError(f"{root}: no images in it; they should be in {part} or images")


def _read(path: Path) -> Mapping[str, Any]:
    check_regular(path)
    try:
        found = json.loads(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not JSON ({one_line(error, 100)})") from error
    if not isinstance(found, dict):
        raise InputError(f"{path}: should be a JSON object with images and annotations, as COCO has it")
    return found


def _entries(about: Mapping[str, Any], name: str, path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield the entries of a list, each with its number from 1."""
    entries = about.get(name)
    if not isinstance(entries, list) or not all(isinstance(each, dict) for each in entries):
        raise InputError(f"{path}: should have a list of {name}, as COCO has it")
    yield from enumerate(entries, start=1)


def _entry(entry: Mapping[str, Any], key: str, path: Path, number: int) -> Any:
    value = entry.get(key)
    if value is None or isinstance(value, list | dict):
        raise InputError(f"{path}: entry {number} should have {key}")
    return value


def _text(entry: Mapping[str, Any], key: str, path: Path, number: int) -> str:
    value = _entry(entry, key, path, number)
    if not isinstance(value, str):
        raise InputError(f"{path}: entry {number} should have {key} as text")
    return " ".join(value.split()) if key == "caption" else value
