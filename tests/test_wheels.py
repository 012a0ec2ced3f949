"""What is in every wheel and source distribution: all that belongs there, and nothing else."""

from __future__ import annotations

import configparser
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Mapping
from email import message_from_bytes
from email.message import Message
from pathlib import Path, PurePosixPath

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from trove_classifiers import classifiers as known_classifiers

from isolation import CORE, module_name
from workspace import ROOT, Member, published_members, read_pyproject

LARGEST = 6 * 2**20
"""Bytes in a wheel or a source distribution."""

CLASSIFIERS = ("Development Status ::", "Intended Audience ::", "Programming Language :: Python ::", "Topic ::")

Content = dict[str, bytes]
Built = Mapping[str, Mapping[str, Path]]


@pytest.fixture(params=published_members(), ids=lambda member: member.name)
def member(request: pytest.FixtureRequest) -> Member:
    found: Member = request.param
    return found


def content(wheel: Path) -> Content:
    """Return {path in the wheel: bytes}."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def sources(folder: Path) -> set[str]:
    """Return what lies in the sources of a member, relative to ``src``."""
    paths = (path for path in (folder / "src").rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(folder / "src").as_posix() for path in paths}


def metadata(files: Content) -> Message:
    """Return the metadata of a wheel."""
    return message_from_bytes(next(text for name, text in files.items() if name.endswith(".dist-info/METADATA")))


def belongs(path: PurePosixPath, module: str) -> bool:
    """Whether a file of this name has a place in a package."""
    match path.parts:
        case (package, "recipes", name) if package == module:
            return name.endswith(".yaml")
        case (package, "assets", *_) if package == module:
            return path.suffix != ".py"
        case (package, *folders, name) if package == module:
            tests = any(part == "tests" or part.startswith("test_") for part in (*folders, name))
            return not tests and (path.suffix in (".py", ".pyi") or (not folders and name == "py.typed"))
    return False


def faults(files: Content, size: int, member: Member, folder: Path) -> list[str]:
    """Return one line for each thing that a wheel has too much or too little.

    Args:
        files: the wheel's content.
        size: of the wheel file, in bytes.
        member: the package.
        folder: its folder.
    """
    module, info = module_name(member), f"{module_name(member)}-{member.version}.dist-info"
    own = {name for name in files if not name.startswith(f"{info}/")}
    about = {f"{info}/{name}" for name in ("METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE")}
    wanted = {f"{module}/__init__.py", f"{module}/py.typed", *about}
    if member.name != CORE:
        wanted |= {f"{module}/{name}" for name in ("cli.py", "method.py", "recipes/demo.yaml", "assets/README.md")}
    found = [f"{name} is missing" for name in sorted(wanted - files.keys())]
    found += [f"{name} is in the sources only" for name in sorted(sources(folder) - own)]
    found += [f"{name} is in the wheel only" for name in sorted(own - sources(folder))]
    found += [f"{name} has no place there" for name in sorted(files.keys() - own - about)]
    found += [f"{name} has no place in a package" for name in sorted(own) if not belongs(PurePosixPath(name), module)]
    if size > LARGEST:
        found.append(f"{size / 2**20:.1f} MiB, at most {LARGEST / 2**20:.0f} are allowed")
    if files.get(f"{info}/licenses/LICENSE") != (folder / "LICENSE").read_bytes():
        found.append("LICENSE is not that of the package")
    announced = configparser.ConfigParser()
    announced.optionxform = str  # type: ignore[assignment,method-assign]
    announced.read_string(files.get(f"{info}/entry_points.txt", b"").decode())
    project = read_pyproject(folder)["project"]
    points = {"console_scripts": project.get("scripts", {}), **project.get("entry-points", {})}
    if {group: dict(announced[group]) for group in announced.sections()} != points:
        found.append("entry_points.txt is not what pyproject.toml says")
    return found


def metadata_faults(about: Message, member: Member, folder: Path) -> list[str]:
    """Return one line for each field of the metadata that is missing or wrong."""
    classifiers = about.get_all("Classifier", [])
    right = {
        "Name": about["Name"] == member.name,
        "Version": about["Version"] == member.version,
        "Summary": 20 <= len(about["Summary"] or "") <= 200,
        "License-Expression": about["License-Expression"] == "Apache-2.0",
        "License-File": about.get_all("License-File") == ["LICENSE"],
        "Requires-Python": about["Requires-Python"] == read_pyproject(ROOT)["project"]["requires-python"],
        "Description-Content-Type": about["Description-Content-Type"] == "text/markdown",
        "README": about.get_payload(decode=True) == (folder / "README.md").read_bytes(),
        "Typing :: Typed": "Typing :: Typed" in classifiers,
        **{wanted: any(one.startswith(wanted) for one in classifiers) for wanted in CLASSIFIERS},
        **{one: one in known_classifiers for one in classifiers},
    }
    return [name for name, holds in right.items() if not holds]


def bound_faults(about: Message, core: Message) -> list[str]:
    """Return one line for each requirement on visioncore that is not a range around ``core`` or asks what it lacks."""
    found = []
    asked = [Requirement(line) for line in about.get_all("Requires-Dist", [])]
    asked = [wanted for wanted in asked if canonicalize_name(wanted.name) == CORE]
    if not asked:
        found.append(f"{CORE} is not required")
    for wanted in asked:
        if sorted(bound.operator for bound in wanted.specifier) != ["<", ">="]:
            found.append(f"{wanted}: bounds should be a range such as >=0.1,<0.2")
        elif not wanted.specifier.contains(core["Version"]):
            found.append(f"{wanted}: the {CORE} of this repository is {core['Version']}")
        found += [f"{wanted}: no extra {extra}" for extra in wanted.extras - set(core.get_all("Provides-Extra", []))]
    return found


def test_wheel_holds_what_it_should(member: Member, built: Built) -> None:
    wheel = built[member.name]["wheel"]
    assert faults(content(wheel), wheel.stat().st_size, member, ROOT / member.folder) == []
    assert (ROOT / member.folder / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()


def test_metadata_is_complete(member: Member, built: Built) -> None:
    assert metadata_faults(metadata(content(built[member.name]["wheel"])), member, ROOT / member.folder) == []


def test_bounds_on_the_core(built: Built) -> None:
    about = {name: metadata(content(files["wheel"])) for name, files in built.items()}
    core = about.pop(CORE)
    assert [line for own in about.values() for line in bound_faults(own, core)] == []


def test_sdist_builds_the_same_wheel(member: Member, built: Built, tmp_path: Path) -> None:
    sdist = built[member.name]["sdist"]
    assert sdist.stat().st_size <= LARGEST
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (folder,) = tmp_path.iterdir()
    outside = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    outside -= {f"src/{name}" for name in sources(ROOT / member.folder)}
    assert outside == {"PKG-INFO", "pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE", ".gitignore"}
    # Without what git keeps out of the repository, the folder must still say what belongs in.
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "again")]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    (again,) = (tmp_path / "again").glob("*.whl")
    assert content(again) == content(built[member.name]["wheel"])


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("visioncore/py.typed", None, "visioncore/py.typed is missing"),
        ("visioncore/errors.py", None, "errors.py is in the sources only"),
        ("{info}/licenses/LICENSE", None, "LICENSE is not that of the package"),
        ("{info}/entry_points.txt", None, "entry_points.txt is not what pyproject.toml says"),
        ("{info}/entry_points.txt", b"[console_scripts]\nvisioncore = x:y\n", "entry_points.txt is not what"),
        ("visioncore/left_over.py", b"", "left_over.py is in the wheel only"),
        ("visioncore/tests/test_devices.py", b"", "tests/test_devices.py has no place in a package"),
        ("visioncore/golden.npz", b"", "golden.npz has no place in a package"),
        ("tests/test_devices.py", b"", "tests/test_devices.py has no place in a package"),
    ],
)
def test_faulty_wheels_are_seen(name: str, text: bytes | None, expected: str, built: Built) -> None:
    (core,) = (member for member in published_members() if member.name == CORE)
    files = content(built[CORE]["wheel"])
    name = name.format(info=f"{CORE}-{core.version}.dist-info")
    if text is None:
        del files[name]
    else:
        files[name] = text
    found = faults(files, LARGEST, core, ROOT / core.folder)
    assert any(expected in line for line in found)
    assert not any("MiB" in line for line in found)
    assert any("6.0 MiB" in line for line in faults(files, LARGEST + 1, core, ROOT / core.folder))


def test_sources_that_are_no_package_are_seen(tmp_path: Path) -> None:
    """A file that lies in the sources, and so in the wheel, is told by its name."""
    member = Member("a-method", "1", "packages/a-method")
    names = ("cli.py", "recipes/notes.txt", "assets/script.py", "assets/sample.jpg", "weights.pth", "test_cli.py")
    assert [name for name in names if not belongs(PurePosixPath("a_method") / name, module_name(member))] == [
        "recipes/notes.txt",
        "assets/script.py",
        "weights.pth",
        "test_cli.py",
    ]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("Summary", "Too short"),
        ("License-Expression", "MIT"),
        ("Requires-Python", ">=3.8"),
        ("Description-Content-Type", "text/plain"),
        ("Version", "0.0.1"),
        ("License-File", ""),
    ],
)
def test_poor_metadata_is_seen(field: str, value: str, built: Built) -> None:
    (core,) = (member for member in published_members() if member.name == CORE)
    about = metadata(content(built[CORE]["wheel"]))
    about.replace_header(field, value)
    assert metadata_faults(about, core, ROOT / core.folder) == [field]
    del about["Classifier"]
    about["Classifier"] = "Topic :: Nothing"
    assert {"Typing :: Typed", "Topic :: Nothing"} <= set(metadata_faults(about, core, ROOT / core.folder))


@pytest.mark.parametrize(
    ("requirement", "expected"),
    [
        ("torch>=2", "visioncore is not required"),
        ("visioncore", "should be a range"),
        ("visioncore>=1.0", "should be a range"),
        ("visioncore==1.2.3", "should be a range"),
        ("visioncore<1.2.3,>=1", "is 1.2.3"),
        ("visioncore<2,>=1.3", "is 1.2.3"),
        ("visioncore[video,images]<2,>=1.2", "no extra video"),
        ("Visioncore[images]<2,>=1.2", ""),
    ],
)
def test_wrong_bounds_are_seen(requirement: str, expected: str) -> None:
    own, core = Message(), Message()
    own["Requires-Dist"] = requirement
    core["Version"], core["Provides-Extra"] = "1.2.3", "images"
    found = bound_faults(own, core)
    assert len(found) == bool(expected)
    assert all(expected in line for line in found)
