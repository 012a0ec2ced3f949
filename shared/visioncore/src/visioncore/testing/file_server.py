"""A web server on this machine that gives one file, and can be told to behave badly."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class FileServer:
    """The file as the server gives it, and the requests that came."""

    content: bytes
    address: str = ""
    tag: str = '"first"'
    """Empty for none."""
    modified: str = ""
    type: str = "application/octet-stream"
    ranges: bool = True
    length: bool = True
    """Whether the length is announced."""
    break_after: list[int] = field(default_factory=list)
    """After how many bytes each of the next answers breaks off; later ones come whole."""
    redirect: str = ""
    """Where to, in place of an answer."""
    status: int = 0
    """Of an error, in place of an answer."""
    shift: int = 0
    """By how many bytes parts are off what was asked for."""
    asked: list[str] = field(default_factory=list)
    """The range of each request, empty for all."""
    sent: int = 0
    """Bytes of content that went out."""


@contextmanager
def serving(content: bytes) -> Iterator[FileServer]:
    """Serve a file until the block ends."""
    given = FileServer(content)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers.get("Range", "")
            given.asked.append(asked)
            if given.status:
                self.send_error(given.status)
                return
            if given.redirect and self.path != "/moved":
                self.send_response(302)
                self.send_header("Location", given.redirect)
                self.end_headers()
                return
            # as servers do: a part only of the file that the part before it is from
            same = self.headers.get("If-Range") in (given.tag or None, given.modified or None)
            start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and given.ranges and same else 0
            if start >= len(given.content) and start:
                self.send_error(416)
                return
            self.send_response(206 if start else 200)
            if start:
                start += given.shift
                self.send_header("Content-Range", f"bytes {start}-{len(given.content) - 1}/{len(given.content)}")
            body = given.content[start:]
            for name, value in (("ETag", given.tag), ("Last-Modified", given.modified), ("Content-Type", given.type)):
                if value:
                    self.send_header(name, value)
            if given.length:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            body = body[: given.break_after.pop(0)] if given.break_after else body
            given.sent += len(body)
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    given.address = f"http://127.0.0.1:{server.server_port}/net.pth"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield given
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
