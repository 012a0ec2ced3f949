"""A figure of matplotlib that a notebook shows without pyplot, which would keep it and choose a window system."""

from __future__ import annotations

from matplotlib.figure import Figure

from .figure_output import small_png


class NotebookFigure(Figure):
    """A figure that is shown where it is the last line of a cell."""

    def _repr_png_(self) -> bytes:
        return small_png(self)
