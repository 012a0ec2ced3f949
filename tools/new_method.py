"""Start a new method: copy the example into packages/NAME under new names and make it a member of the workspace.

    uv run python tools/new_method.py isp-scanpath --title ISP --task "predict each observer's eye movements" \\
        --paper "Beyond Average: Individualized Visual Scanpath Prediction" --authors "Xianyu Chen, Ming Jiang, Qi Zhao"

The new package passes every test at once; then its parts are replaced, in the order that CONTRIBUTING.md gives. The
root's pyproject.toml, README.md and CITATION.cff name it too. Exit codes: 0 done, 1 refused, with nothing changed.
"""

from __future__ import annotations

import argparse
import ast
import importlib.util
import json
import re
import subprocess
import sys
import textwrap
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from workspace import PRIVATE, ROOT, read_pyproject

EXAMPLE = "brighter-photo"
EXAMPLE_TITLE = "Bright-er"
EXAMPLE_TASK = "make dim photos bright again"
MOST = {"name": 30, "title": 24, "task": 80}
"""Characters; longer ones break the lines of the code that they are put into."""

Files = dict[str, bytes]
"""{path relative to the root of the repository: content}."""


@dataclass(frozen=True)
class NewMethod:
    """Facts about a method before its code is written, each a single line; `visioncore.methods.Method` has more.

    The name is METHOD-TASK, the title without its punctuation that of the network's class, authors are given and family
    names separated by commas, the venue ends with its year, and arxiv may be empty.
    """

    name: str
    title: str
    task: str
    paper: str
    authors: str
    venue: str
    arxiv: str

    @property
    def module(self) -> str:
        """The name under which the package is imported."""
        return _module(self.name)

    @property
    def model(self) -> str:
        """The name of the network's class."""
        return _model(self.title)

    @property
    def people(self) -> list[tuple[str, str]]:
        """The authors' given and family names."""
        given_family = (author.strip().rpartition(" ") for author in self.authors.split(","))
        return [(given, family) for given, _, family in given_family]


def plan(new: NewMethod, root: Path, today: date) -> Files:
    """Return the files of a new package and the root's files that name it, all as they should become.

    Raises:
        ValueError: if a text is not as it should be, or the name is taken; in one line.
    """
    copied = _example_files(root)
    _check_texts(new)
    _check_names(new, root, copied)
    own = f"packages/{new.name}"
    files = {f"{own}/{_renamed(path, new)}": _content(content, new) for path, content in copied.items()}
    changes: dict[str, Callable[[str, NewMethod], str]] = {
        f"{own}/pyproject.toml": _published_project,
        f"{own}/CHANGELOG.md": lambda text, _: re.sub(r"\d{4}-\d\d-\d\d", today.isoformat(), text),
        f"{own}/src/{new.module}/method.py": _record,
    }
    for path, change in changes.items():
        files[path] = change(files[path].decode(), new).encode()
    for name, change in (("pyproject.toml", _workspace), ("README.md", _table), ("CITATION.cff", _citations)):
        files[name] = change((root / name).read_text(encoding="utf-8"), new).encode()
    return files


def _example_files(root: Path) -> dict[str, bytes]:
    folder = root / "examples" / EXAMPLE
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file())
    inside = {path.relative_to(folder): path for path in paths}
    hidden = re.compile(r"\.|__pycache__")
    return {
        path.as_posix(): file.read_bytes() for path, file in inside.items() if not any(map(hidden.match, path.parts))
    }


def _check_texts(new: NewMethod) -> None:
    for field, text in vars(new).items():
        if not text.strip() and field != "arxiv":
            raise ValueError(f"--{field}: is empty")
        if len(text) > (most := MOST.get(field, 1000)):
            raise ValueError(f"--{field} {text}: {len(text)} characters, at most {most} are taken")
        if not text.isprintable() or set(text) & set('"\\{}|'):
            raise ValueError(f'--{field} {text!r}: must be one line without " \\ {{ }} |')
    summary = _summary(new)
    if len(summary) < 20:
        raise ValueError(f"--task {new.task}: {summary!r} is too short for the summary of a package; say more")
    if not re.search(r" \d{4}$", new.venue):
        raise ValueError(f"--venue {new.venue}: must end with the year, such as CVPR 2024")
    if not re.fullmatch(r"(\d{4}\.\d{5})?", new.arxiv):
        raise ValueError(f"--arxiv {new.arxiv}: must be an identifier such as 2404.01547")
    if not all(given and family for given, family in new.people):
        raise ValueError(f"--authors {new.authors}: must be given and family names, separated by commas")


def _check_names(new: NewMethod, root: Path, example: dict[str, bytes]) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)+", new.name):
        raise ValueError(f"{new.name}: a name is METHOD-TASK in small letters and digits, such as isp-scanpath")
    if (root / "packages" / new.name).exists():
        raise ValueError(f"packages/{new.name}: is there already; remove it or take another name")
    if new.name in (EXAMPLE, read_pyproject(root)["project"]["name"]) or importlib.util.find_spec(new.module):
        raise ValueError(f"{new.name}: this name is taken: something else is called so or imported as {new.module}")
    if not re.fullmatch(r"[A-Z][A-Za-z0-9]*", new.model):
        raise ValueError(f"--title {new.title}: {new.model!r} is no name for a class; begin with a capital letter")
    used = {word for path, text in example.items() if path.endswith(".py") for word in re.findall(rb"\w+", text)}
    if clash := {word.encode() for word in (new.model, f"{new.model}Config")} & used:
        raise ValueError(f"--title {new.title}: the name {clash.pop().decode()} has another meaning in every package")


def _content(content: bytes, new: NewMethod) -> bytes:
    try:
        return _renamed(content.decode(), new).encode()
    except UnicodeDecodeError:
        return content


def _renamed(text: str, new: NewMethod) -> str:
    names = {
        EXAMPLE: new.name,
        _module(EXAMPLE): new.module,
        EXAMPLE_TITLE: new.title,
        _model(EXAMPLE_TITLE): new.model,
        EXAMPLE_TASK: new.task,
    }
    return re.sub("|".join(names), lambda found: names[found[0]], text)


def _module(name: str) -> str:
    return name.replace("-", "_")


def _model(title: str) -> str:
    return re.sub(r"\W", "", title)


def _summary(new: NewMethod) -> str:
    return f"{new.title} ({new.venue}): {new.task}"


def _published_project(text: str, new: NewMethod) -> str:
    """Return the pyproject.toml of a method, which is published and shown, made from that of the example."""
    text = re.sub(r"^description = .*$", lambda _: f"description = {_quoted(_summary(new))}", text, flags=re.MULTILINE)
    return text.replace(f'    "{PRIVATE}",\n', "").replace("visioncore.examples", "visioncore.methods")


def _record(text: str, new: NewMethod) -> str:
    """Return method.py with what is known of the method in its record."""
    title, people = new.paper, " and ".join(f"{given} {family}" for given, family in new.people)
    key = re.sub(r"\W", "", f"{new.people[0][1]}{new.venue[-4:]}{new.module}").lower()
    values = {
        "paper": new.paper,
        "authors": ", ".join(f"{given} {family}" for given, family in new.people),
        "venue": new.venue,
        "arxiv": new.arxiv,
        "citation": f"@inproceedings{{{key},\n  title = {{{title}}},\n  author = {{{people}}},\n"
        f"  booktitle = {{{new.venue}}}\n}}",
        "weights": "not known yet: say where the authors publish them, and under which terms",
    }
    calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    (record,) = (call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "Method")
    changed = text
    for keyword in record.keywords:
        if keyword.arg in values:
            old = ast.get_source_segment(text, keyword.value)
            changed = changed.replace(f"{keyword.arg}={old}", f"{keyword.arg}={_literal(values[keyword.arg])}", 1)
    return changed


def _literal(text: str) -> str:
    """Return a text as Python source, a long one in several strings that stand below one another."""
    pieces = [
        piece
        for line in text.splitlines(keepends=True) or [""]
        for piece in textwrap.wrap(line, 90, drop_whitespace=False, replace_whitespace=False) or [line]
    ]
    strings = [_quoted(piece) for piece in pieces]
    return strings[0] if len(strings) == 1 else "(\n" + "\n".join(strings) + "\n)"


def _quoted(text: str) -> str:
    """Return a text between quotation marks, as Python, TOML and YAML have it."""
    return json.dumps(text, ensure_ascii=False)


def _workspace(text: str, new: NewMethod) -> str:
    """Return the root's pyproject.toml with the method before the example, as a dependency and as a source."""
    text = text.replace(f'"{EXAMPLE}"', f'"{new.name}", "{EXAMPLE}"', 1)
    text = text.replace(f"{EXAMPLE} = {{", f"{new.name} = {{ workspace = true }}\n{EXAMPLE} = {{", 1)
    read = tomllib.loads(text)
    if new.name not in read["project"]["dependencies"] or new.name not in read["tool"]["uv"]["sources"]:
        raise ValueError(f"pyproject.toml: does not name {EXAMPLE} under dependencies and [tool.uv.sources]")
    return text


def _table(text: str, new: NewMethod) -> str:
    """Return the root's README.md with a row for the method, in the place of the one that plans it if there is one."""
    row = f"| [{new.name}](packages/{new.name}) | {new.title} | {new.task} | here |"
    rows = re.findall(r"^\| .* \|$", text, flags=re.MULTILINE)
    if not rows:
        raise ValueError("README.md: has no table of the methods")
    planned = next((line for line in rows if line.startswith(f"| {new.name} |")), None)
    return text.replace(planned, row) if planned else text.replace(rows[-1], f"{rows[-1]}\n{row}")


def _citations(text: str, new: NewMethod) -> str:
    """Return the root's CITATION.cff with the method's paper."""
    lines = ["  - type: conference-paper", f"    title: {_quoted(new.paper)}", "    authors:"]
    for given, family in new.people:
        lines.append(f"      - family-names: {_quoted(family)}")
        lines.append(f"        given-names: {_quoted(given)}")
    lines += [f"    collection-title: {_quoted(new.venue)}", f"    year: {new.venue[-4:]}"]
    if new.arxiv:
        lines += ["    identifiers:", "      - type: other", f'        value: "arXiv:{new.arxiv}"']
    lines.append(f'    notes: "{new.title}, the method of the package {new.name}."')
    return text.rstrip("\n") + "\n" + "\n".join(lines) + "\n"


def write(files: Files, root: Path) -> None:
    """Write files, and let ruff put the Python among them into order, which depends on the names."""
    for path, content in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)
    sources = [path for path in files if path.endswith((".py", ".pyi", ".ipynb"))]
    for command in (("check", "--quiet", "--select", "I", "--fix"), ("format", "--quiet")):
        subprocess.run([sys.executable, "-m", "ruff", *command, *sources], cwd=root, check=True)


def main(arguments: list[str], root: Path = ROOT) -> int:
    """Make a package, say what to do next, and return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("name", metavar="NAME", help="name of the package and its command, such as isp-scanpath")
    parser.add_argument("--title", required=True, help="what the authors call the method, such as ISP")
    parser.add_argument("--task", required=True, help='what it does, such as "remove rain from photos"')
    parser.add_argument("--paper", required=True, help="title of the paper")
    parser.add_argument("--authors", required=True, help="given and family names, separated by commas")
    parser.add_argument("--venue", default="CVPR 2024", help="where it was published (default: CVPR 2024)")
    parser.add_argument("--arxiv", default="", help="arXiv identifier, such as 2404.01547")
    new = NewMethod(**vars(parser.parse_args(arguments)))
    try:
        write(plan(new, root, date.today()), root)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    sys.stdout.write(
        f"packages/{new.name}: made from examples/{EXAMPLE}; README.md, CITATION.cff and pyproject.toml name it\n"
        f"then: uv sync && uv run pytest tests packages/{new.name}\n"
        "CONTRIBUTING.md says what to replace in which order\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
