"""A folder of one's own: scenes, their foregrounds, and captions in a list or in a text file beside each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from visioncore.data.captions import Captioned, captioned_folder, captioned_list
from visioncore.data.stored_images import StoredImage
from visioncore.errors import InputError, some
from visioncore.files import natural_key

from .elements import CutOut, MaskFile, OwnAlpha, Source
from .items import Item, Part
from .words import places_of

WORDS = "foreground"
"""Column of lists of captions with the words of the caption that name the foreground, parted by commas."""
MASKS, CUT_OUTS = "masks", "foregrounds"
"""Folders beside, or above, the images, with files of their names."""
BESIDE = ".mask.png"


def own_folder(path: Path) -> list[Item]:
    """Return the scenes of a folder, or of a list of captions.

    The foreground of ``NAME.jpg`` is ``masks/NAME.png``, grey and white for the foreground; or ``NAME.mask.png`` beside
    it; or ``foregrounds/NAME.png``, RGBA of the scene's size; or the alpha of ``NAME.png`` itself. A folder
    ``masks/NAME/`` or ``foregrounds/NAME/`` has a file for each element, in the order of drawing.

    Args:
        path: a folder, or a list in it, as of `visioncore.data.captions.captioned_folder`; lists may have `WORDS`.

    Raises:
        InputError: if there are no captions, a list is not as it should be or names a file that is not there, or a
            caption lacks the words.
    """
    folder = path if path.is_dir() else path.parent
    found = captioned_folder(path, (WORDS,)) if path.is_dir() else captioned_list(path, (WORDS,))
    scenes = [each for each in found if not _is_foreground(each.path, folder)]
    return [_item(each, folder) for each in scenes]


def words_of(text: str) -> tuple[str, ...]:
    """Return words that are parted by commas."""
    return tuple(word for part in text.split(",") if (word := " ".join(part.split())))


def parts_of(sources: Sequence[Source], words: Sequence[str]) -> tuple[Part, ...]:
    """Return elements, each with the word of its place if there are as many, else each with all of them."""
    if len(words) == len(sources):
        return tuple(Part(source, (word,)) for source, word in zip(sources, words, strict=True))
    return tuple(Part(source, tuple(words)) for source in sources)


def check_words(words: Sequence[str], caption: str, where: str) -> None:
    """Validate that a caption has the words that name its foreground, whole and in any case.

    Raises:
        InputError: naming those that it lacks.
    """
    missing = [word for word in words if not places_of(caption, word)]
    if missing:
        raise InputError(
            f"{where}: the caption lacks {some(missing)}, which should name the foreground in it: {some([caption])}"
        )


def _is_foreground(file: Path, folder: Path) -> bool:
    inside = file.relative_to(folder).parts[:-1] if file.is_relative_to(folder) else ()
    return file.name.endswith(BESIDE) or MASKS in inside or CUT_OUTS in inside


def _item(found: Captioned, folder: Path) -> Item:
    words = words_of(found.entries.get(WORDS, ""))
    check_words(words, found.caption, found.where)
    sources = _sources(found.path, folder) or [OwnAlpha(str(found.path))]
    return Item(found.name, found.path, (found.caption,), parts_of(sources, words))


def _sources(image: Path, folder: Path) -> list[Source]:
    """Return the elements of a scene; none if there are no files of any."""
    beside = image.with_name(image.stem + BESIDE)
    if beside.is_file():
        return [MaskFile(_stored(beside))]
    for kind, place in _places(image, folder):
        make = MaskFile if place == MASKS else CutOut
        single = kind / f"{image.stem}.png"
        if single.is_file():
            return [make(_stored(single))]
        several = sorted((kind / image.stem).glob("*.png"), key=natural_key)
        if several:
            return [make(_stored(file)) for file in several]
    return []


def _places(image: Path, folder: Path) -> Iterator[tuple[Path, str]]:
    """Yield folders where the foreground of an image may be, the nearest first."""
    inner = image.parent.relative_to(folder) if image.is_relative_to(folder) else Path()
    # images/a/b.jpg has masks/a/b.png
    inner = Path(*inner.parts[1:]) if inner.parts[:1] == ("images",) else inner
    for name in (MASKS, CUT_OUTS):
        for kind in dict.fromkeys((image.parent / name, folder / name / inner)):
            yield kind, name


def _stored(file: Path) -> StoredImage:
    return StoredImage(file.name, file)
