"""Files and fields that come over HTTP: refused at the limit while they come, kept in the folder of one job."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Message, Receive

from ..jobs.names import safe_name

FILE = "file"
"""Field of the form that holds an input."""
MOST_FIELDS = 200


@dataclass
class Form:
    """The contents of a request.

    Attributes:
        inputs: the files that were sent, where they lie now.
        options: further fields: texts, and for files of options their paths; a list where a field is there several
            times.
    """

    inputs: list[Path] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)


def counted(receive: Receive, most: int, length: str | None) -> Receive:
    """Return a channel that breaks off as soon as a body is longer than it may be.

    Args:
        receive: the channel.
        most: bytes that are allowed.
        length: the length that the client names; None if it names none.

    Raises:
        HTTPException: 413, at once if the client names too long a body, else as soon as one comes.
    """
    too_long = HTTPException(413, f"the request is longer than the {most:,} bytes that are allowed")
    if length is not None and length.isdecimal() and int(length) > most:
        raise too_long
    size = 0

    async def read() -> Message:
        nonlocal size
        message = await receive()
        if message["type"] == "http.disconnect":
            raise HTTPException(400, "the client has gone")
        size += len(message.get("body", b""))
        if size > most:
            raise too_long
        return message

    return read


async def read_form(request: Request, folder: Path, most_files: int) -> Form:
    """Read a form into the folder of its job.

    Args:
        request: with a multipart body.
        folder: of the job; files go into folders in it, one for each field.
        most_files: how many files may come.

    Raises:
        HTTPException: if the body is too long or no form.
        InputError: if a file has no name.
    """
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise HTTPException(415, "a form is expected: multipart/form-data with a field 'file'")
    form = Form()
    async with request.form(max_files=most_files, max_fields=MOST_FIELDS) as given:
        for number, (name, value) in enumerate(given.multi_items()):
            if not isinstance(value, UploadFile):
                _add(form, name, value)
                continue
            place = folder / safe_name(name) / str(number) / safe_name(value.filename or "")
            place.parent.mkdir(parents=True)
            await anyio.to_thread.run_sync(_keep, value, place)
            if name == FILE:
                form.inputs.append(place)
            else:
                _add(form, name, str(place))
    return form


def _add(form: Form, name: str, value: str) -> None:
    if name not in form.options:
        form.options[name] = value
    elif isinstance(form.options[name], list):
        form.options[name].append(value)
    else:
        form.options[name] = [form.options[name], value]


def _keep(upload: UploadFile, place: Path) -> None:
    with place.open("xb") as file:
        shutil.copyfileobj(upload.file, file, 1 << 20)
