"""Reports of runs: tables (Markdown, CSV), JSON, figures, the report of a demo, the demos' gallery."""

from .demo_report import DemoReport
from .figures import figure_grid
from .json_files import write_json
from .tables import Cell, Table, print_table, save_tables

__all__ = ["Cell", "DemoReport", "Table", "figure_grid", "print_table", "save_tables", "write_json"]
