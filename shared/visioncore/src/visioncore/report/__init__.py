"""Reports of runs: tables (Markdown, HTML, CSV), JSON, figures, pages, the report of a demo, the demos' gallery."""

from .demo_report import DemoReport
from .figure_output import save_figure, show_figure, small_png
from .figures import DPI, figure_grid, new_figure
from .fonts import label_font
from .json_files import write_json
from .pages import html_page
from .tables import Cell, Table, print_table, save_tables

__all__ = [
    "DPI",
    "Cell",
    "DemoReport",
    "Table",
    "figure_grid",
    "html_page",
    "label_font",
    "new_figure",
    "print_table",
    "save_figure",
    "save_tables",
    "show_figure",
    "small_png",
    "write_json",
]
