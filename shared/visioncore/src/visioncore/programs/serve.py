"""The server of ``visioncore serve``: where it listens, and how it ends."""

from __future__ import annotations

import errno
import ipaddress
import socket
from collections.abc import Callable

from ..errors import InputError
from .http_app import Service, make_app


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Args:
        host: an address or name of this machine.
        port: 0 for any that is free.

    Raises:
        InputError: if the port is in use, or cannot be listened on.
    """
    if not 0 <= port < 65536:
        raise InputError(f"port is {port}; it must be 0 to 65535")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        found = socket.socket(family, kind, protocol)
        try:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            found.bind(address)
            found.listen(64)
        except BaseException:
            found.close()
            raise
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise InputError(
                f"port {port} of {host} is in use; name another one, or --port 0 for one that is free"
            ) from error
        raise InputError(f"{host}, port {port}: cannot be listened on ({error.strerror or error})") from error
    return found


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def serve(place: socket.socket, service: Service, say: Callable[[str], None]) -> None:
    """Serve until somebody ends it.

    Args:
        place: a socket that listens.
        service: what is offered.
        say: told where.
    """
    import uvicorn

    host, port = place.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    say(f"listening on http://{shown}:{port}; description at /openapi.json; Ctrl-C ends it")
    config = uvicorn.Config(make_app(service), log_level="warning", timeout_graceful_shutdown=5, server_header=False)
    uvicorn.Server(config).run(sockets=[place])
