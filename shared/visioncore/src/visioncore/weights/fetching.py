"""Fetch the authors' files: download, verify, convert, and put in their place, whole or not at all."""

from __future__ import annotations

import datetime
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..files import first_bytes, whole_folder, writable_folder, write_text, writing
from ..methods import Checkpoint, Method
from .card import published_card
from .download import looks_like_page, page_error
from .fetched import file_name, find_checkpoint, folder_of, place_of, require_place
from .sources import download_checkpoint


def fetch(
    method: Method, checkpoint: Checkpoint, given: Path | None = None, *, say: Callable[[str], None] = print
) -> Path:
    """Fetch a checkpoint unless it is there, and return the folder of the network or the file of the backbone.

    The file is held against its size and digest, then its tensors against the network, and only then it takes its
    place: a network as config.json and model.safetensors, a backbone as it is. Where nobody says its digest, that of
    the first file is kept, and later ones are held against it. Of several processes one fetches and the others wait.

    Args:
        method: whose it is; the checkpoints that it needs beside it must be there.
        checkpoint: which.
        given: take this file, which somebody has downloaded, in place of a download.
        say: told that another process is at it.

    Raises:
        InputError: if it cannot be had, is not what it should be, or cannot be written. A download that broke off stays
            for the next call, one that is not right is removed.
    """
    folder = folder_of(method, checkpoint)
    beside = {argument: _companion(method, name) for argument, name in checkpoint.companions.items()}
    writable_folder(folder.parent)
    with _alone(folder.with_name(f".{checkpoint.name}.lock"), checkpoint, say):
        if (place := place_of(method, checkpoint)) is not None:
            return place
        work = folder.with_name(f".{checkpoint.name}.download")
        file = given or work / file_name(checkpoint)
        if given is None and not file.is_file():
            writable_folder(work)
            try:
                download_checkpoint(checkpoint, file)
            finally:
                with suppress(OSError):
                    work.rmdir()  # if nothing came
        record = folder.with_name(f"{checkpoint.name}.json")
        try:
            digest = _verified(checkpoint, file, record)
            network = _read(method, checkpoint, file, beside)
        except InputError as error:
            if given is not None:
                raise
            shutil.rmtree(work, ignore_errors=True)
            where = f"{checkpoint.name}: what came from {checkpoint.address}"
            raise InputError(f"{where} was removed again: {error}") from error
        if checkpoint.reads:
            with whole_folder(folder) as temporary, writing(folder):
                (shutil.copyfile if given else shutil.move)(file, temporary / file_name(checkpoint))
        else:
            network.save_pretrained(folder, card=published_card(method, file, checkpoint, digest))
        shutil.rmtree(work, ignore_errors=True)
        write_text(record, json.dumps(_record(checkpoint, digest), indent=2) + "\n")
    return require_place(method, checkpoint)


def _companion(method: Method, name: str) -> Path:
    companion = find_checkpoint(method, name)
    assert companion is not None, f"{method.name} has no checkpoint {name}"
    return require_place(method, companion)


@contextmanager
def _alone(path: Path, checkpoint: Checkpoint, say: Callable[[str], None]) -> Iterator[None]:
    """Keep other processes out; the lock of one that was killed is gone with it."""
    from filelock import FileLock, Timeout

    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        say(f"{checkpoint.name}: another process is fetching it; waiting")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _verified(checkpoint: Checkpoint, file: Path, record: Path) -> str:
    """Return the digest of a file that is what its publisher, or the one fetched before, says."""
    if looks_like_page(first_bytes(file, 512)):
        raise page_error(str(file))
    size = file.stat().st_size
    if checkpoint.size is not None and size != checkpoint.size:
        raise InputError(f"{file}: {size:,} bytes long, but should be {checkpoint.size:,}")
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if not digest.startswith(checkpoint.sha256):
        raise InputError(f"{file}: its SHA-256 is {digest}, but should be {checkpoint.sha256}")
    before = "" if checkpoint.sha256 else _recorded_digest(record)
    if before not in ("", digest):
        raise InputError(
            f"{file}: its SHA-256 is {digest}, but was {before} when it was first fetched; if its publisher has "
            f"replaced it, remove {record} and fetch it again"
        )
    return digest


def _recorded_digest(record: Path) -> str:
    if not record.is_file():
        return ""
    try:
        return str(json.loads(record.read_text(encoding="utf-8"))["sha256"])
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise InputError(f"{record}: cannot be read; remove it to fetch {record.stem} anew") from error


def _read(method: Method, checkpoint: Checkpoint, file: Path, beside: dict[str, Path]) -> Any:
    if checkpoint.reads:
        return method.load(checkpoint.reads)(file, **checkpoint.options)
    return method.load(method.network.model).from_published(file, **checkpoint.options, **beside)


def _record(checkpoint: Checkpoint, digest: str) -> dict[str, Any]:
    names = ("name", "what", "address", "inside", "licence", "terms")
    return {
        **{name: getattr(checkpoint, name) for name in names},
        "sha256": digest,
        "fetched": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }
