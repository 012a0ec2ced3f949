"""How Sphinx builds the documentation; `tools/build_docs.py` calls it.

The source folder is the root of the repository, so READMEs and pages of packages are read where they stand. What is
made from code (options, API, published weights) is written to ``docs/generated/``, which git ignores, before Sphinx
reads.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))

import docs_pages  # noqa: E402, the folder above is needed first

project = "Vision methods"
release = version = docs_pages.core_version()

root_doc = "docs/index"
include_patterns = [
    "docs/**.md",
    "docs/generated/**.rst",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "examples/*/README.md",
    "packages/*/README.md",
    "packages/*/CHANGELOG.md",
    "shared/visioncore/README.md",
    "shared/visioncore/CHANGELOG.md",
    "packages/*/docs/*.md",
    "packages/*/docs/notebook.ipynb",
    "packages/*/src/*/assets/README.md",
]
exclude_patterns = [".*", "out", "runs", "**/tests", "**/__pycache__"]

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence", "deflist", "attrs_inline"]

# notebooks are stored without outputs, and run where the site is built; what they gave is kept for the next build
nb_execution_mode = "cache"
nb_execution_cache_path = str(ROOT / "out" / ".notebooks")
nb_execution_raise_on_error = True
nb_execution_timeout = 300
nb_output_stderr = "remove"

default_role = "py:obj"
add_module_names = False
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 80
# what a class has stays out of the lists beside the page, which take half the time of a build otherwise
toc_object_entries = False
autodoc_typehints_format = "short"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True

html_theme = "furo"
html_title = "Vision methods"
html_static_path = ["static"]
html_favicon = "static/icon.svg"  # browsers ask for one, and would complain of none
html_css_files = ["site.css"]
html_js_files = ["site.js"]
html_show_copyright = False
html_copy_source = False
html_show_sourcelink = False
html_permalinks_icon = "#"
html_theme_options = {"navigation_with_keys": True}


def setup(app: Any) -> None:
    """Let the pages that come from code be written first, and READMEs lead to what belongs to them."""
    app.connect("builder-inited", lambda app: docs_pages.write_pages(Path(app.srcdir)))
    app.connect("source-read", lambda app, name, source: source.__setitem__(0, docs_pages.completed(name, source[0])))
    app.connect("build-finished", lambda app, error: error or docs_pages.write_entrance(Path(app.outdir)))
