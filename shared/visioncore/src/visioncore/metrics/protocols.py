"""Protocols by name: a metric under a named protocol is the same number wherever the name stands."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol, TypeVar

from ..errors import InputError


class _Named(Protocol):
    @property
    def name(self) -> str: ...


Named = TypeVar("Named", bound=_Named)


def by_name(*protocols: Named) -> Mapping[str, Named]:
    """Return {name: protocol}, not to be changed."""
    return MappingProxyType({protocol.name: protocol for protocol in protocols})


def resolve(protocol: str | Named, known: Mapping[str, Named], of: str) -> Named:
    """Return the protocol of that name, or the given one.

    Args:
        protocol: a name in ``known``, or a protocol of one's own.
        known: the protocols by name.
        of: what they are protocols of, for the message.

    Raises:
        InputError: if there is none of that name.
    """
    if not isinstance(protocol, str):
        return protocol
    if protocol not in known:
        raise InputError(f"unknown {of} protocol {protocol!r}; known are {', '.join(known)}")
    return known[protocol]
