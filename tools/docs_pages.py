"""Pages of the documentation that are made from code, and what READMEs get added where they are shown as pages.

`docs/conf.py` calls these functions; `tools/build_docs.py` runs Sphinx.
"""

from __future__ import annotations

import re
from pathlib import Path

import docs_api
from docs_options import command_section
from visioncore.methods import Checkpoint, Method, find_methods, load
from workspace import ROOT, members, read_pyproject

GENERATED = "docs/generated"
CORE = "shared/visioncore"
NOTEBOOK = "docs/notebook.ipynb"
"""Of a method, in its folder: a first look at it."""
ENTRANCE = """\
<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Vision methods</title>
<link rel="icon" href="_static/icon.svg">
<meta http-equiv="refresh" content="0; url=docs/index.html"><link rel="canonical" href="docs/index.html"></head>
<body><a href="docs/index.html">Vision methods: documentation</a></body></html>
"""


def core_version() -> str:
    """Return the version of the core, which the site bears."""
    version: str = read_pyproject(ROOT / CORE)["project"]["version"]
    return version


def methods() -> list[Method]:
    """Return the methods in the order of the table in the root's README."""
    order = re.findall(r"\]\(packages/([\w-]+)\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    found = {method.name: method for method in find_methods()[0]}
    return [found[name] for name in order]


def write_pages(root: Path) -> None:
    """Write the pages that come from code; one that stays as it is keeps its time, one that is no more is deleted."""
    pages = {}
    for method in methods():
        pages[f"{method.name}/commands.md"] = commands_page(method)
        pages[f"{method.name}/api.rst"] = docs_api.package_page(method.module)
        if method.checkpoints:
            pages[f"{method.name}/checkpoints.md"] = checkpoints_page(method)
    modules = core_modules(root)
    for name in modules:
        pages[f"visioncore/{name}.rst"] = docs_api.module_page(f"visioncore.{name}")
    pages["visioncore/index.md"] = core_page(modules)
    pages["start.inc"] = start_page()
    pages["versions.md"] = versions_page()
    folder = root / GENERATED
    for name, text in pages.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8", newline="\n")
    for path in [path for path in folder.rglob("*.*") if path.relative_to(folder).as_posix() not in pages]:
        path.unlink()


def write_entrance(out: Path) -> None:
    """Write the page that leads from the site's address to its start page."""
    (out / "index.html").write_text(ENTRANCE, encoding="utf-8")


def start_page() -> str:
    """Return the methods as cards, with an image each where there is one."""
    return "::::{container} cards\n" + "\n".join(map(_card, methods())) + "::::\n"


def _card(method: Method) -> str:
    page = f"../../packages/{method.name}"
    has_image = (ROOT / "packages" / method.name / "docs" / "demo.jpg").is_file()
    image = f"[![{method.title}]({page}/docs/demo.jpg)]({page}/README.md)\n\n" if has_image else ""
    return (
        f":::{{container}} card\n{image}"
        f"**[{method.name}]({page}/README.md)** {method.title}, {method.venue}\n\n{_upper(method.task)}.\n:::\n"
    )


def commands_page(method: Method) -> str:
    """Return the page of a method's commands and their options."""
    commands = load(f"{method.module}.cli:COMMANDS")
    sections = [command_section(method.name, name, command) for name, command in commands.items()]
    return (
        f"# Commands of {method.name}\n\n"
        f"`{method.name} COMMAND --help` says the same in a terminal. `--debug`, anywhere, shows where an error came "
        "from. "
        f"Each command is a function of `{method.module}.cli` too, with these options as arguments.\n\n"
        + "\n".join(sections)
    )


def checkpoints_page(method: Method) -> str:
    """Return the page of the weights that a method's authors publish."""
    rows = "".join(map(_row, method.checkpoints))
    return (
        f"# Published weights of {method.title}\n\n"
        f"`{method.name} weights get NAME` fetches one under its terms, and `--weights NAME` takes it from then on. "
        "No file of others is part of a package.\n\n"
        f"| name | holds | size | licence |\n| --- | --- | ---: | --- |\n{rows}\n"
        + "".join(f"- {terms}\n" for terms in dict.fromkeys(f"{_upper(each.terms)}." for each in method.checkpoints))
    )


def _row(checkpoint: Checkpoint) -> str:
    size = f"{checkpoint.size / 1e6:.0f} MB" if checkpoint.size else "not stated"
    return f"| `{checkpoint.name}` | {checkpoint.what} | {size} | {checkpoint.licence} |\n"


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def core_modules(root: Path) -> list[str]:
    """Return the modules that the core's README names in its table."""
    table = re.findall(r"^\| (`.+?`) \|", (root / CORE / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    return sorted(set(re.findall(r"`([\w.]+)`", " ".join(table))))


def core_page(modules: list[str]) -> str:
    """Return the list of the core's modules."""
    return "# Python API of visioncore\n\n" + _toctree(modules, "titlesonly")


def versions_page() -> str:
    """Return the page of versions: one line for each package, leading to its changes."""
    rows = "".join(
        f"| {member.name} | {member.version} | [changes](../../{member.folder}/CHANGELOG.md) |\n"
        for member in members()
        if member.published
    )
    return (
        "# Versions\n\nThis site belongs to the versions below. Each package is released by itself; before 1.0 a minor "
        "version may change what a caller sees.\n\n| package | version | |\n| --- | --- | --- |\n" + rows
    )


def completed(page: str, text: str) -> str:
    """Return the source of a page; READMEs get their first result and the pages that belong to them.

    Args:
        page: its name, such as ``packages/nerdrain-derain/README``.
        text: what stands in the file.
    """
    folder, _, name = page.rpartition("/")
    package = folder.rpartition("/")[2]
    if name == "CHANGELOG":
        return text.replace("# Changelog", f"# Changes of {package}", 1)
    if name != "README" or folder.count("/") != 1:
        return text
    if folder == CORE:
        return text + "\n" + _toctree([f"/{GENERATED}/visioncore/index", "Changes <CHANGELOG>"], "hidden")
    if not folder.startswith("packages/"):
        return text
    return _with_first_result(text) + "\n" + _toctree(_belonging(folder, package), "hidden")


def _belonging(folder: str, package: str) -> list[str]:
    generated = ROOT / GENERATED / package
    titles = {"commands": "Commands and options", "checkpoints": "Published weights", "api": "Python API"}
    made = [
        f"{title} </{GENERATED}/{package}/{name}>" for name, title in titles.items() if any(generated.glob(f"{name}.*"))
    ]
    notebook = ["A first notebook <docs/notebook>"] if (ROOT / folder / NOTEBOOK).is_file() else []
    written = [f"docs/{path.stem}" for path in sorted((ROOT / folder / "docs").glob("*.md"))]
    bundled = [
        f"What is bundled <{path.relative_to(ROOT / folder).with_suffix('').as_posix()}>"
        for path in (ROOT / folder).glob("src/*/assets/README.md")
    ]
    return [*notebook, *made[:1], *written, *made[1:], *bundled, "Changes <CHANGELOG>"]


def first_result(readme: str) -> list[str]:
    """Return the three commands to a first result: those of the README's Install, and the first of its Commands."""
    blocks = {
        name: re.search(rf"^## {name}\n(?:.|\n)*?^```bash\n((?:.|\n)*?)^```", readme, re.MULTILINE)
        for name in ("Install", "Commands")
    }
    lines = {name: found[1].splitlines() if found else [] for name, found in blocks.items()}
    return [*lines["Install"][:2], *lines["Commands"][:1]]


def _with_first_result(readme: str) -> str:
    commands = "\n".join(first_result(readme))
    block = (
        f":::{{admonition}} A first result in three commands\n:class: first-result\n\n```bash\n{commands}\n```\n\n"
        "In Python, with images: [a first notebook](docs/notebook.ipynb).\n:::\n\n"
    )
    return readme.replace("## Install\n", f"{block}## Install\n", 1)


def _toctree(entries: list[str], *options: str) -> str:
    return "\n".join([":::{toctree}", *(f":{option}:" for option in options), "", *entries, ":::", ""])
