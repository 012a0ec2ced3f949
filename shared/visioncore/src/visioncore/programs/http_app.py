"""Predictions over HTTP: a form with files comes in, results go out, and nothing of either stays."""

from __future__ import annotations

import socket
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import anyio
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from ..errors import InputError, escaped, one_line
from ..jobs.allowed import Allowed
from ..jobs.limits import Limits
from ..jobs.listening import address_of
from ..jobs.outcome import MOST_LINE, Outcome, without
from ..jobs.running import Call
from .calls import explained, find_method, listed_methods, prediction
from .openapi import description
from .runner import BusyError, Runner
from .uploads import Form, counted, read_form

LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class Service:
    """The offer of the server.

    Attributes:
        limits: of requests and predictions.
        folders: whose files a request may name, such as weights.
        hosts: names under which the server may be asked; empty for any.
    """

    limits: Limits = field(default_factory=Limits)
    folders: tuple[Path, ...] = ()
    hosts: tuple[str, ...] = LOOPBACK


def make_app(service: Service) -> ASGIApp:
    """Return the application."""
    routes = [
        Route("/", _index),
        Route("/methods", _methods),
        Route("/openapi.json", _description),
        Route("/{method}", _explained),
        Route("/{method}/predict", _Predict(service), methods=["POST"]),
    ]
    handlers = {HTTPException: _failed, InputError: _bad_input, BusyError: _busy}
    app = Starlette(routes=routes, exception_handlers=handlers)  # type: ignore[arg-type]
    return _Guard(app, service.hosts)


def serve(place: socket.socket, service: Service, say: Callable[[str], None]) -> None:
    """Serve until somebody ends it.

    Args:
        place: a socket that listens.
        service: what is offered.
        say: told where.
    """
    import uvicorn

    say(f"listening on {address_of(place)}; description at /openapi.json; Ctrl-C ends it")
    config = uvicorn.Config(make_app(service), log_level="warning", timeout_graceful_shutdown=5, server_header=False)
    uvicorn.Server(config).run(sockets=[place])


class _Guard:
    """Keeps pages of other sites away, which a browser on this machine may have open.

    Args:
        app: what is guarded.
        hosts: as of `Service`.
    """

    def __init__(self, app: ASGIApp, hosts: Sequence[str]) -> None:
        self.app, self.hosts = app, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = Request(scope).headers
            host, origin = headers.get("host", ""), headers.get("origin")
            name = urlsplit(f"//{host}").hostname or ""
            foreign = origin is not None and urlsplit(origin).netloc != host
            if foreign or (self.hosts and name not in self.hosts):
                answer = JSONResponse({"error": "asked by a page of another site, or under another name"}, 403)
                await answer(scope, receive, send)
                return
        await self.app(scope, receive, send)


class _Predict:
    """Takes a form, runs the method, and answers; the folder of the job is removed however that ends.

    Args:
        service: what is offered.
    """

    def __init__(self, service: Service) -> None:
        self.service, self.runner = service, Runner(service.limits)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        name, limits = scope["path_params"]["method"], self.service.limits
        _known(name)
        with tempfile.TemporaryDirectory(prefix="visioncore-") as made:
            folder = Path(made).resolve()
            # a place comes first, so that nobody sends a file in vain
            async with self.runner.place():
                length = Request(scope).headers.get("content-length")
                request = Request(scope, counted(receive, limits.bytes, length))
                with anyio.move_on_after(limits.seconds) as time:
                    form = await read_form(request, folder, limits.inputs + 20)
                if time.cancelled_caught:
                    raise HTTPException(408, "the request took too long to come")
                outcome = await self._run(self._call(name, form, folder), receive)
            if outcome is not None:
                await _answer(outcome, folder)(scope, receive, send)

    def _call(self, name: str, form: Form, folder: Path) -> Call:
        (folder / "out").mkdir()
        allowed = Allowed.of([folder, *self.service.folders])
        inputs = [str(path) for path in form.inputs]
        return prediction(name, inputs, str(folder / "out"), form.options, allowed, self.service.limits.inputs)

    async def _run(self, call: Call, receive: Receive) -> Outcome | None:
        """Run a prediction; None if the client goes away meanwhile, which ends it."""
        outcome = None

        async def listen() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            both.cancel_scope.cancel()

        async with anyio.create_task_group() as both:
            both.start_soon(listen)
            outcome = await self.runner.run(call)
            both.cancel_scope.cancel()
        return outcome


def _answer(outcome: Outcome, folder: Path) -> Response:
    if outcome.failure:
        status = 504 if outcome.code is None else 422 if outcome.code in (0, 1, 2) else 500
        return _error(status, without(outcome.failure, folder))
    results, record = outcome.files, outcome.record_file
    failed = outcome.record.get("failed", {})
    headers = {"X-Failed": str(len(failed))}
    if len(results) == 1 and not failed:
        return FileResponse(results[0], filename=results[0].name, headers=headers)
    packed = folder / "results.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for file in results:
            archive.write(file, file.relative_to(outcome.out).as_posix())
        if record is not None:
            archive.writestr(record.name, without(record.read_text(encoding="utf-8"), folder))
    return FileResponse(packed, media_type="application/zip", filename="results.zip", headers=headers)


def _known(name: str) -> None:
    try:
        find_method(name)
    except InputError as error:
        raise HTTPException(404, str(error)) from error


async def _index(request: Request) -> Response:
    return JSONResponse({"methods": "/methods", "description": "/openapi.json"})


async def _methods(request: Request) -> Response:
    return JSONResponse(listed_methods())


async def _description(request: Request) -> Response:
    return JSONResponse(description())


async def _explained(request: Request) -> Response:
    name = request.path_params["method"]
    _known(name)
    return JSONResponse(explained(name))


def _error(code: int, line: str) -> Response:
    headers = {"Retry-After": "10"} if code == 503 else {}
    return JSONResponse({"error": one_line(escaped(line), MOST_LINE)}, code, headers=headers)


async def _failed(request: Request, error: HTTPException) -> Response:
    return _error(error.status_code, error.detail)


async def _bad_input(request: Request, error: InputError) -> Response:
    return _error(400, str(error))


async def _busy(request: Request, error: BusyError) -> Response:
    return _error(503, str(error))
