"""Reports of runs: tables (Markdown, CSV), JSON, figures, the report of a demo, the demos' gallery."""

from .demo_report import DemoReport
from .figure_output import save_figure, show_figure, small_png
from .figures import figure_grid, new_figure
from .json_files import write_json
from .tables import Cell, Table, print_table, save_tables

__all__ = [
    "Cell",
    "DemoReport",
    "Table",
    "figure_grid",
    "new_figure",
    "print_table",
    "save_figure",
    "save_tables",
    "show_figure",
    "small_png",
    "write_json",
]
