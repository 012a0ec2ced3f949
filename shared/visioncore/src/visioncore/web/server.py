"""The server of the page: on this machine alone, without a word to anybody else."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import threading
import webbrowser
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..cli import say
from ..extras import require
from ..jobs.limits import Limits
from ..jobs.listening import address_of, is_loopback, listen
from ..methods import Method
from .holdings import Holdings

QUIET = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "GRADIO_SHARE": "False",
    "GRADIO_MCP_SERVER": "False",
    "GRADIO_SSR_MODE": "False",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
}
"""Settings of gradio that the environment or the internet would else decide."""


@contextmanager
def serving(
    methods: Sequence[Method],
    limits: Limits,
    host: str = "127.0.0.1",
    port: int = 0,
    folders: tuple[Path, ...] = (),
) -> Iterator[str]:
    """Serve the pages until the block is left, and yield their address.

    Args:
        methods: those to show.
        limits: what users may ask for.
        host: the address of this machine to listen on.
        port: its port; 0 for a free one.
        folders: in which users may name weights.

    Raises:
        InputError: if gradio is missing, the address cannot be listened on, or a panel does not fit its command.
    """
    with listen(host, port) as place:
        # gradio takes a port, no socket
        port, address = place.getsockname()[1], address_of(place)
    with tempfile.TemporaryDirectory(prefix="visioncore-app-", ignore_cleanup_errors=True) as folder:
        # read when gradio is loaded and when its components are made
        os.environ.update(QUIET, GRADIO_TEMP_DIR=folder)
        require("gradio", "web")
        from .page import build

        runs = Path(folder) / "runs"
        runs.mkdir(mode=0o700)
        holdings = Holdings(runs)
        blocks, look = build(methods, limits, holdings, folders)
        try:
            blocks.launch(
                server_name=host,
                server_port=port,
                share=False,
                prevent_thread_lock=True,
                quiet=True,
                ssr_mode=False,
                footer_links=[],
                max_file_size=limits.bytes,
                app_kwargs={"middleware": [_middleware()]},
                **look,
            )
            yield f"{address}/"
        finally:
            holdings.close_all()
            blocks.close(verbose=False)


def serve(
    methods: Sequence[Method], limits: Limits, host: str, port: int, folders: tuple[Path, ...], browse: bool
) -> None:
    """Serve the pages until Ctrl-C.

    Args:
        methods: those to show.
        limits: what users may ask for.
        host: the address of this machine to listen on.
        port: its port; 0 for a free one.
        folders: in which users may name weights.
        browse: show them in a browser.

    Raises:
        InputError: as `serving`.
    """
    with serving(methods, limits, host, port, folders) as address:
        say(f"{len(methods)} methods at {address} (Ctrl-C ends it)")
        if not is_loopback(host):
            say("note: whoever reaches this address can run them; there is no password")
        if browse and not webbrowser.open(address):
            say("note: no browser was found on this machine; open the address in one that reaches it")
        # a service is ended so, and files of users must not stay behind
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        threading.Event().wait()


def _middleware() -> Any:
    from starlette.middleware import Middleware

    return Middleware(_NothingFromElsewhere)


class _NothingFromElsewhere:
    """Refuses requests that would let the server fetch an address of the internet and hand it on."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        path = scope.get("path", "")
        if scope["type"] == "http" and ("/proxy=" in path or ("file=" in path and "://" in path.replace(":/", "://"))):
            await send({"type": "http.response.start", "status": 403, "headers": [(b"content-type", b"text/plain")]})
            await send({"type": "http.response.body", "body": b"nothing is fetched from elsewhere"})
            return
        await self.app(scope, receive, send)
