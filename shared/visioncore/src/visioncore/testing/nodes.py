"""Two nodes out of one machine: network namespaces joined by a cable, or else two loopback addresses."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

CABLE = "cable"
"""Name of the network interface of a node that is a namespace."""
LOOPBACK = ("127.0.0.2", "127.0.0.3")
WITHIN = ("nsenter", "--user", "--preserve-credentials", "--net", "--uts", "--target")
NEEDED = ("unshare", "nsenter", "ip")
SECONDS = 20
"""That setting up may take, step by step."""


@dataclass(frozen=True, eq=False)
class Node:
    """A node: its address, how a command is started there, and what the command finds in its environment."""

    name: str
    address: str
    enter: tuple[str, ...]
    environment: Mapping[str, str]

    def start(self, command: list[str], log: Path, more: Mapping[str, str]) -> subprocess.Popen[bytes]:
        """Start a command there, the leader of a process group, and let all that it writes go to a file."""
        with log.open("ab") as out:
            return subprocess.Popen(
                [*self.enter, *command],
                env={**os.environ, **self.environment, **more},
                stdout=out,
                stderr=out,
                start_new_session=True,
            )


def pull_the_plug(process: subprocess.Popen[bytes]) -> None:
    """End a command that was started on a node, and all that it has started, at once and without a word."""
    for child in _below(process.pid):
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
    process.wait()


def why_no_namespaces() -> str:
    """Return why this machine makes no network namespaces; empty if it does."""
    missing = [name for name in NEEDED if shutil.which(name) is None]
    if missing:
        return f"there is no {' or '.join(missing)}"
    try:
        with namespaces():
            return ""
    except RuntimeError as error:
        return str(error)


def why_no_loopback() -> str:
    """Return why this machine has not the loopback addresses that are wanted; empty if it has."""
    try:
        for address in LOOPBACK:
            with socket.socket() as free:
                free.bind((address, 0))
    except OSError as error:
        return f"no address {address} ({error.strerror})"
    return ""


@contextmanager
def namespaces() -> Iterator[tuple[Node, Node]]:
    """Make two nodes with host names, networks and addresses of their own; they are gone with the block.

    Neither can reach anything but the other. The caller need not be root where users may make namespaces.

    Raises:
        RuntimeError: if the system does not let us.
    """
    with _holder(["unshare", "--user", "--map-root-user", "--net", "--uts"]) as first:
        inside = [*WITHIN, str(first)]
        with _holder([*inside, "unshare", "--net", "--uts"]) as second:
            _run(*inside, "ip", "link", "add", CABLE, "type", "veth", "peer", "name", CABLE, "netns", str(second))
            nodes = []
            for number, holder in enumerate((first, second), start=1):
                name, address = f"node-{number}", f"10.77.0.{number}"
                enter = (*WITHIN, str(holder))
                _run(*enter, sys.executable, "-c", f"import socket; socket.sethostname({name!r})")
                _run(*enter, "ip", "address", "add", f"{address}/24", "dev", CABLE)
                for link in ("lo", CABLE):
                    _run(*enter, "ip", "link", "set", link, "up")
                nodes.append(Node(name, address, enter, {"GLOO_SOCKET_IFNAME": CABLE}))
            yield nodes[0], nodes[1]


@contextmanager
def loopback() -> Iterator[tuple[Node, Node]]:
    """Make two nodes that share the network and the name of this machine, with a loopback address each."""
    first, second = (Node(f"node-{number}", address, (), {}) for number, address in enumerate(LOOPBACK, start=1))
    yield first, second


@contextmanager
def _holder(command: list[str]) -> Iterator[int]:
    """Yield the number of a process that a command starts and that does nothing, until the block ends."""
    try:
        process = subprocess.Popen(
            [*command, "cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
    except OSError as error:
        raise RuntimeError(str(error)) from error
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    with process:
        try:
            # An answer means that all commands in the chain have become the last one.
            with suppress(BrokenPipeError):
                process.stdin.write(b"\n")
                process.stdin.flush()
            if process.stdout.readline() != b"\n":
                raise RuntimeError(process.stderr.read().decode().strip())
            yield process.pid
        finally:
            process.kill()


def _run(*command: str) -> None:
    ran = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
    if ran.returncode:
        raise RuntimeError(" ".join(ran.stderr.split()))


def _below(process: int) -> list[int]:
    import psutil

    found = psutil.Process(process)
    return [process, *(child.pid for child in found.children(recursive=True))]
