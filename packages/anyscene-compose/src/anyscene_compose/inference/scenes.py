"""Canvases from files: one element with its place, or a layout of several."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from visioncore.errors import InputError
from visioncore.files import read_json

from ..data.words import places_of
from .canvas import Canvas, check_place, check_size
from .cutouts import Cutting

LAYOUT_SUFFIX = ".json"
_PLACE = ("box", "rotation", "order")
_OF_ELEMENT = ("image", "mask", "name", "words", *_PLACE)


@dataclass(frozen=True)
class Scene:
    """A canvas, and its prompt."""

    canvas: Canvas
    prompt: str


@dataclass(frozen=True)
class Placing:
    """How an element of a file alone is placed.

    Attributes:
        size: width and height of the canvas; None for the base's own, or with ``in_place`` the image's.
        box: as of `Canvas.place`; None for the middle.
        rotation: in degrees, against the clock.
        in_place: keep it where it is in its image, which fills the canvas; where that is rounded, pixels stay all the
            same.
        name: of all elements; empty for the name of the file, if the prompt has it.
        words: of the prompt that mean them; ``{name}`` stands for the name.
        cutting: how files become elements.

    Raises:
        InputError: if something is outside of its range, or there is a box beside ``in_place``.
    """

    size: tuple[int, int] | None = None
    box: tuple[float, float, float, float] | None = None
    rotation: float = 0.0
    in_place: bool = False
    name: str = ""
    words: tuple[str, ...] = ()
    cutting: Cutting = field(default_factory=Cutting)

    def __post_init__(self) -> None:
        if self.in_place and self.box is not None:
            raise InputError("in-place keeps an element where it is in its image, so it has no box; leave one of them")
        check_place(self.box, self.rotation)
        if self.size is not None:
            check_size(*self.size)

    @property
    def for_one(self) -> tuple[str, ...]:
        """Names of what is given that holds for one element alone."""
        names = ("box", "rotation", "in_place", "name", "words")
        return tuple(name for name in names if getattr(self, name))

    def scene(self, path: Path, prompt: str, own: tuple[int, int], notify: Callable[[str], None]) -> Scene:
        """Return the canvas of a file: a layout, or an image.

        Args:
            path: the file.
            prompt: ``{name}`` in it stands for the element's name.
            own: width and height that the base was made for.
            notify: told if the canvas was rounded.

        Raises:
            InputError: if it cannot be read, or as `Canvas`.
        """
        if path.suffix.lower() == LAYOUT_SUFFIX:
            return read_layout(path, prompt, self, own, notify)
        name = self.name or named_after(path)
        prompt = prompt.replace("{name}", name)
        words = tuple(word.replace("{name}", name) for word in self.words)
        if not words and not self.name and places_of(prompt, name):
            # a file's name may mean what it shows, or nothing
            words = (name,)
        element = self.cutting.read(path, self.name, words)
        if self.in_place:
            height, width = element.size
            canvas = Canvas(*(self.size or (width, height)), notify)
            box = (0, 0, canvas.width, canvas.height)
            if self.size is None:
                # where sides were rounded, pixels stay as they are: a few at the edges are cut off or left free
                left, top = (canvas.width - width) // 2, (canvas.height - height) // 2
                box = (left, top, left + width, top + height)
            canvas.place(element, box, self.rotation)
        else:
            canvas = Canvas(*(self.size or own), notify)
            canvas.place(element.trimmed(), self.box, self.rotation)
        return Scene(canvas, prompt)

    def files(self, path: Path) -> tuple[Path, ...]:
        """Return the files that the scene of a file is made of besides: masks, and the images of a layout.

        Of a layout that cannot be read, there are none.
        """
        if path.suffix.lower() != LAYOUT_SUFFIX:
            return tuple(filter(None, [self.cutting.mask_of(path)]))
        try:
            elements = read_json(path, "a layout")["elements"]
            named = [each[name] for each in elements for name in ("image", "mask") if name in each]
            found = [path.parent / name for name in named]
            given = [self.cutting.mask_of(path.parent / each["image"]) for each in elements if "mask" not in each]
        except (InputError, TypeError, KeyError):
            return ()
        return (*found, *filter(None, given))


def named_after(path: Path) -> str:
    """Return the name of what a file shows: its own, with spaces."""
    return path.stem.replace("_", " ").replace("-", " ")


def read_layout(
    path: Path, prompt: str, placing: Placing, own: tuple[int, int], notify: Callable[[str], None]
) -> Scene:
    """Return the canvas that a layout file describes.

    It is JSON: ``{"width": 768, "height": 512, "prompt": "...", "elements": [{"image": "mug.png", "box": [left, top,
    right, bottom], "rotation": 0, "order": 0, "name": "mug", "words": ["red mug"], "mask": "mask.png"}]}``, where all
    but ``elements`` and their ``image`` can be left out, and files are named from the layout's folder.

    Args:
        path: the file.
        prompt: for one that has none.
        placing: further settings: how images become elements, and the size of a canvas that has none.
        own: width and height that the base was made for.
        notify: told if the canvas was rounded.

    Raises:
        InputError: if it cannot be read, has other keys, or as `Canvas`.
    """
    if placing.for_one:
        raise InputError(
            f"{path}: {', '.join(placing.for_one)} would be of one cut-out; a layout says so of each of its elements"
        )
    layout = read_json(path, "a layout")
    if not isinstance(layout, dict) or not isinstance(layout.get("elements"), list):
        raise InputError(f"{path}: no layout; it is an object of JSON with a list of elements")
    _check_keys(path, layout, ("width", "height", "prompt", "elements"))
    _check_texts(str(path), layout, ("prompt",))
    width, height = placing.size or own
    width, height = layout.get("width", width), layout.get("height", height)
    if not (isinstance(width, int) and isinstance(height, int)):
        raise InputError(f"{path}: width and height are {width!r} and {height!r}; they must be whole numbers")
    canvas = Canvas(width, height, notify)
    for number, each in enumerate(layout["elements"], start=1):
        where = f"{path}: element {number}"
        if not isinstance(each, dict) or not each.get("image"):
            raise InputError(f"{where} has no image; name its file")
        _check_keys(path, each, _OF_ELEMENT)
        _check_texts(where, each, ("image", "mask", "name"))
        image = path.parent / each["image"]
        cutting = placing.cutting
        if "mask" in each:
            cutting = Cutting(path.parent / each["mask"], cutting.premultiplied, matting=cutting.matting)
        try:
            element = cutting.read(image, each.get("name", ""), each.get("words", ()))
            canvas.place(element, **{name: each[name] for name in _PLACE if name in each})
        except InputError as error:
            raise InputError(f"{where}: {error}") from error
    prompt = layout.get("prompt", prompt)
    if "{name}" in prompt:
        raise InputError(
            f"{path}: {{name}} in a prompt stands for one cut-out; write what the elements of a layout are"
        )
    return Scene(canvas, prompt)


def _check_texts(where: str, given: Mapping[str, Any], names: tuple[str, ...]) -> None:
    for name in names:
        if not isinstance(given.get(name, ""), str):
            raise InputError(f"{where}: {name} is {given[name]!r}; it must be text")


def _check_keys(path: Path, given: Mapping[str, Any], known: tuple[str, ...]) -> None:
    if unknown := set(given) - set(known):
        raise InputError(f"{path}: unknown {', '.join(sorted(unknown))}; a layout has {', '.join(known)}")
