"""Damaged files told in one line, whatever the library that reads them raises."""

from __future__ import annotations

from ..errors import damage

__all__ = ["damage"]
