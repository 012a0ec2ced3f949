"""Where checkpoints are downloaded from: a plain address, Google Drive, the Hugging Face Hub."""

from __future__ import annotations

import errno
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from urllib.parse import parse_qs, urlsplit

from ..errors import InputError, one_line
from ..extras import require
from ..methods import Checkpoint
from .download import download

DRIVE = "drive.google.com"
HUB = "huggingface.co"


def check_source(checkpoint: Checkpoint) -> None:
    """Check that a program can fetch a checkpoint, as far as that shows before anything is downloaded.

    Raises:
        InputError: if only a person can fetch it, or what it takes is not installed.
    """
    if checkpoint.by_hand:
        raise InputError(
            f"{checkpoint.name}: only a person can fetch this file: open {checkpoint.address} in a browser, and give "
            "the file that you get there with --file"
        )
    if _host(checkpoint) == DRIVE:
        require("gdown", "drive")


def download_checkpoint(checkpoint: Checkpoint, file: Path) -> None:
    """Download a checkpoint to ``file``, in a folder of its own; what came of it before is gone on with.

    Raises:
        InputError: as `check_source`, or if it cannot be had.
    """
    check_source(checkpoint)
    host = _host(checkpoint)
    if host == DRIVE:
        _from_drive(checkpoint, file)
    elif host == HUB:
        _from_hub(checkpoint, file)
    else:
        # a network is written once more, converted
        download(checkpoint.address, file, size=checkpoint.size, copies=1 if checkpoint.reads else 2)


def _host(checkpoint: Checkpoint) -> str | None:
    return urlsplit(checkpoint.address).hostname


def _from_drive(checkpoint: Checkpoint, file: Path) -> None:
    gdown = require("gdown", "drive")
    address = urlsplit(checkpoint.address)
    with _told(checkpoint, "Google Drive", file):
        if checkpoint.inside:
            listed = gdown.download_folder(url=checkpoint.address, skip_download=True, quiet=True, use_cookies=False)
            matching = [item.id for item in listed or () if _ends_with(item.path, checkpoint.inside)]
            if len(matching) != 1:
                raise InputError(
                    f"{checkpoint.name}: {len(matching)} files {checkpoint.inside} in the folder {checkpoint.address}, "
                    "there should be one; open it in a browser, and give the file that you get there with --file"
                )
            (key,) = matching
        else:
            (key,) = parse_qs(address.query)["id"]
        quiet = not sys.stderr.isatty()
        gdown.download(id=key, output=str(file), quiet=quiet, use_cookies=False, resume=True)


def _ends_with(path: str, inside: str) -> bool:
    wanted = PurePosixPath(inside).parts
    return PurePosixPath(path.replace("\\", "/")).parts[-len(wanted) :] == wanted


def _from_hub(checkpoint: Checkpoint, file: Path) -> None:
    from huggingface_hub import hf_hub_download

    owner, name, _, revision, *inside = urlsplit(checkpoint.address).path.strip("/").split("/")
    with _told(checkpoint, "the Hugging Face Hub", file):
        found = hf_hub_download(f"{owner}/{name}", "/".join(inside), revision=revision, local_dir=file.parent)
        Path(found).replace(file)


@contextmanager
def _told(checkpoint: Checkpoint, source: str, file: Path) -> Iterator[None]:
    """Turn whatever the client of a source raises into one line; nothing stays behind on a full disk."""
    try:
        yield
    except InputError:
        raise
    # The clients' errors and those of the transport under them share no base class.
    except Exception as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            shutil.rmtree(file.parent, ignore_errors=True)
        raise InputError(
            f"{checkpoint.name}: not to be had from {source} ({one_line(error)}); open "
            f"{checkpoint.address} in a browser, and give the file that you get there with --file"
        ) from error
