"""Downloads over https: resumed where they broke off, whole or not there at all."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from ..errors import InputError
from ..files import write_text, writing

TRIES = 5
"""How often a download goes on by itself after it broke off."""
TIMEOUT = 30
"""Seconds without a byte after which it counts as broken off."""
CHUNK = 2**18
LOCAL = ("127.0.0.1", "::1", "localhost")
"""Hosts that may be read without encryption."""


class _BrokenOffError(Exception):
    """The server, or the network between, stopped in the middle."""


def download(address: str, file: Path, *, size: int | None = None, copies: int = 1) -> None:
    """Download ``file``, going on where an earlier call broke off.

    What has come so far lies beside it as ``.part`` and stays there if the network fails, so that the next call goes
    on, provided that the server can tell that its file is the same. It is removed if it cannot be the file, or the disk
    is full.

    Args:
        address: https, and so are the addresses that it is redirected to.
        file: it appears under this name when all of it is there.
        size: its bytes, if known; a file of another size is refused.
        copies: how often it will lie on the disk in the end, for which there must be room.

    Raises:
        InputError: if the address is not https, the server cannot be reached or has no such file, gives a web page or
            a file of another size, breaks off, or the disk has no room.
    """
    _check_address(address)
    part = file.with_name(f"{file.name}.part")
    for tries in range(1, TRIES + 1):
        before = _length(part)
        try:
            _go_on(address, part, size, copies)
            break
        except _BrokenOffError as error:
            if tries == TRIES or (0 < _length(part) <= before) or not (before or _length(part)):
                next_time = "goes on from there" if _read_state(part, address)["validator"] else "begins anew"
                raise InputError(f"{address}: broke off ({error}); the same command {next_time}") from error
    part.replace(file)
    _state(part).unlink(missing_ok=True)


def looks_like_page(start: bytes) -> bool:
    """Return whether a file that begins with these bytes is a web page."""
    return start.removeprefix(b"\xef\xbb\xbf").lstrip()[:14].lower().startswith((b"<!doctype html", b"<html", b"<head"))


def page_error(where: str) -> InputError:
    """Return the error for a web page in the place of a file."""
    return InputError(
        f"{where}: a web page came in place of the file (withdrawn, too often asked for, or behind a question); open "
        "the address in a browser, and give the file that you get there with --file"
    )


def _go_on(address: str, part: Path, size: int | None, copies: int) -> None:
    state = _read_state(part, address)
    have = _length(part) if state["validator"] else 0
    if have and have == state["total"]:
        return
    headers = {"User-Agent": "visioncore", "Accept-Encoding": "identity"}
    if have:
        headers |= {"Range": f"bytes={have}-", "If-Range": state["validator"]}
    with _opened(address, headers) as answer:
        if answer is not None and (answer.status != 206 or _starts_at(answer, have)):
            _receive(answer, address, part, have if answer.status == 206 else 0, size, copies)
            return
    _remove(part)
    raise _BrokenOffError("the server has another file now, or gives another part than was asked for")


def _receive(answer: HTTPResponse, address: str, part: Path, start: int, size: int | None, copies: int) -> None:
    coming = answer.headers.get("Content-Length", "")
    total = start + int(coming) if coming.isdecimal() else None
    with _breaking_off():
        chunk = answer.read(CHUNK)
    if answer.headers.get_content_type() == "text/html" or (start == 0 and looks_like_page(chunk)):
        raise page_error(address)
    if size is not None and total not in (None, size):
        raise InputError(f"{address}: {total:,} bytes long, but should be {size:,}; the file there is another one")
    wanted = size if total is None else total
    _check_room(part.parent, copies * (wanted or 0) - start)
    if not start:
        _remove(part)  # first: what is written next must never speak of the bytes of another file
    write_text(_state(part), json.dumps({"address": address, "validator": _validator(answer), "total": wanted}))
    with _filling(part, start) as file, _progress(part.stem, wanted, start) as advance:
        while chunk:
            file.write(chunk)
            advance(len(chunk))
            if wanted is not None and file.tell() > wanted:
                raise InputError(f"{address}: longer than {wanted:,} bytes; the file there is another one")
            with _breaking_off():
                chunk = answer.read(CHUNK)
    if wanted is not None and _length(part) < wanted:
        raise _BrokenOffError(f"{_length(part):,} of {wanted:,} bytes came")


@contextmanager
def _opened(address: str, headers: dict[str, str]) -> Iterator[HTTPResponse | None]:
    """Yield the answer; None if the server refuses the range that was asked for."""
    try:
        answer = build_opener(_Redirects).open(Request(address, headers=headers), timeout=TIMEOUT)
    except HTTPError as error:
        error.close()
        if error.code == 416 and "Range" in headers:
            yield None
            return
        raise InputError(f"{address}: not to be had there (HTTP {error.code} {error.reason})") from error
    except (OSError, HTTPException) as error:
        reason = error.reason if isinstance(error, URLError) else error
        raise InputError(f"{address}: cannot be reached ({reason}); is there a network?") from error
    with answer:
        yield answer


class _Redirects(HTTPRedirectHandler):
    """Follows redirects, but none that leave encryption."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> Request | None:
        _check_address(newurl, req.full_url)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _check_address(address: str, origin: str | None = None) -> None:
    parts, before = urlsplit(address), urlsplit(origin or address)
    local = parts.scheme == before.scheme == "http" and {parts.hostname, before.hostname} <= set(LOCAL)
    if parts.scheme != "https" and not local:
        way = f"{origin} leads to {address}" if origin else address
        raise InputError(f"{way}: not fetched, for the way there is not encrypted; it should be https")


@contextmanager
def _breaking_off() -> Iterator[None]:
    try:
        yield
    except (OSError, HTTPException) as error:
        raise _BrokenOffError(str(error) or type(error).__name__) from error


@contextmanager
def _filling(part: Path, start: int) -> Iterator[IO[bytes]]:
    """Yield the open file, cut to ``start``; it is removed if it cannot be written or is found to be another one."""
    try:
        with writing(part), part.open("r+b" if start else "wb") as file:
            file.truncate(start)
            file.seek(start)
            yield file
    except InputError:
        _remove(part)
        raise


def _check_room(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise InputError(f"{folder}: {needed:,} bytes are needed and {free:,} are free; make room or name another disk")


def _validator(answer: HTTPResponse) -> str:
    """Return the mark of this very file, by which a server tells it from another; empty if none is certain."""
    tag = answer.headers.get("ETag", "")
    return tag if tag and not tag.startswith("W/") else answer.headers.get("Last-Modified", "")


def _starts_at(answer: HTTPResponse, start: int) -> bool:
    return answer.headers.get("Content-Range", "").startswith(f"bytes {start}-")


def _state(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _read_state(part: Path, address: str) -> dict[str, Any]:
    try:
        state = json.loads(_state(part).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        state = None
    if isinstance(state, dict) and state.keys() == {"address", "validator", "total"} and state["address"] == address:
        return state
    return {"address": address, "validator": "", "total": None}


def _length(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _remove(part: Path) -> None:
    part.unlink(missing_ok=True)
    _state(part).unlink(missing_ok=True)


@contextmanager
def _progress(name: str, total: int | None, done: int) -> Iterator[Callable[[int], None]]:
    """Show a bar on a terminal; yield the function that moves it on."""
    from rich.console import Console
    from rich.progress import DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    console = Console(stderr=True)
    columns = (TextColumn(name), *Progress.get_default_columns()[1:2])
    with Progress(
        *columns,
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    ) as bar:
        task = bar.add_task(name, total=total, completed=done)
        yield lambda count: bar.advance(task, count)
