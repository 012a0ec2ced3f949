"""Where a server listens."""

from __future__ import annotations

import errno
import ipaddress
import os
import socket

from ..errors import InputError


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
            # elsewhere it would let two servers have one port
            if os.name == "posix":
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


def address_of(place: socket.socket) -> str:
    """Return the address of a socket that listens, for a browser."""
    host, port = place.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
