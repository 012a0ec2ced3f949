"""A method with just the parts of the core that it needs, as the files of one self-contained package."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from isolation import CORE, module_name
from vendoring_imports import COPY, Module, Reference, full_imports, full_texts, read_module, with_core_inside
from vendoring_record import Record, digest
from vendoring_requirements import collect
from vendoring_sources import Source, find_sources, last_change


@dataclass(frozen=True)
class Copy:
    """The content of a copy."""

    module: str
    """Name of the package, and of its folder."""
    sources: tuple[Source, Source]
    """The method and the core."""
    files: Mapping[str, bytes]
    """{path: content} of all files but ``VENDORED``."""
    record: Record


def make_copy(name: str, root: Path) -> Copy:
    """Copy a method into memory.

    Args:
        name: the method, such as ``nerdrain-derain``.
        root: the root of the repository.

    Raises:
        ValueError: if there is no such method, or its sources or those of the core cannot be vendored: a module names
            its own package in full, the core lacks a module that is imported, or a requirement is not declared.
    """
    method, core = find_sources(name, root)
    modules = {path: _read(method, path) for path in method.files() if _is_python(path)}
    own = module_name(method.member)
    _refuse(own, (where for each in modules.values() for where in full_imports(each, own) + full_texts(each, own)))
    _refuse(CORE, (where for each in modules.values() for where in full_texts(each, CORE)))
    parts = core_modules(core, (reference for module in modules.values() for reference in module.references))
    files = {path: file.read_bytes() for path, file in method.files().items() if path not in modules}
    files |= {path: with_core_inside(module, path.count("/")) for path, module in modules.items()}
    files |= {f"{COPY}/{path}": module.text for path, module in parts.items()}
    files |= {f"{COPY}/{path}": core.package.joinpath(path).read_bytes() for path in _data(core, parts)}
    licences = {}
    for source, folder in ((method, ""), (core, f"{COPY}/")):
        for licence, file in source.licences().items():
            files[f"{folder}{licence}"] = file.read_bytes()
            licences[f"{folder}{licence}"] = f"{source.project['license']} ({source.member.name})"
    imported: dict[str, str] = {}
    for module in (*modules.values(), *parts.values()):
        for reference in module.references:
            if reference.running and not reference.relative and reference.top != CORE:
                imported.setdefault(reference.top, reference.where)
    record = Record(
        package=method.member.name,
        version=method.member.version,
        visioncore=core.member.version,
        changed=last_change((method, core)),
        licences=licences,
        requirements=collect(method.project, core.project, imported),
        files={path: digest(files[path]) for path in sorted(files)},
    )
    return Copy(own, (method, core), files, record)


def core_modules(core: Source, references: Iterable[Reference]) -> dict[str, Module]:
    """Return {path inside the core: module} of what the references reach, directly or through one another.

    Raises:
        ValueError: if a module that is imported is not there, or a module of the core imports it by its full name.
    """
    found: dict[str, Module] = {}
    waiting = deque(reference for reference in references if reference.top == CORE)
    while waiting:
        reference = waiting.popleft()
        for path in _named(core.package, reference):
            if path not in found:
                found[path] = _read(core, path)
                _refuse(CORE, full_imports(found[path], CORE))
                waiting.extend(each for each in found[path].references if each.top == CORE)
    return dict(sorted(found.items()))


def _named(package: Path, reference: Reference) -> list[str]:
    """Return the files that are read for an import: modules with their stubs, and the packages they lie in."""
    parts = reference.module.split(".")[1:]
    named = _files_of(package, parts)
    if not named:
        raise ValueError(f"{reference.where}: there is no module {reference.module}")
    named += [file for depth in range(len(parts)) for file in _files_of(package, parts[:depth])]
    named += [file for name in reference.names for file in _files_of(package, [*parts, name])]
    return [file.relative_to(package).as_posix() for file in named]


def _files_of(package: Path, parts: list[str]) -> list[Path]:
    place = package.joinpath(*parts)
    names = [place / "__init__.py", place / "__init__.pyi"]
    if parts:
        names += [place.with_name(f"{place.name}.py"), place.with_name(f"{place.name}.pyi")]
    return [path for path in names if path.is_file()]


def _read(source: Source, path: str) -> Module:
    file = source.package / path
    package = ".".join([module_name(source.member), *PurePosixPath(path).parts[:-1]])
    return read_module(file, package, file.relative_to(source.root).as_posix())


def _refuse(package: str, places: Iterable[str]) -> None:
    found = ", ".join(places)
    if found:
        raise ValueError(
            f"{found}: {package} by its full name, which a copy does not have; import relatively, and say __package__ "
            "instead of the text"
        )


def _data(core: Source, parts: Iterable[str]) -> list[str]:
    """Return the files other than Python in or below the packages that were reached."""
    packages = {PurePosixPath(path).parent for path in core.files() if PurePosixPath(path).name == "__init__.py"}
    reached = {PurePosixPath(path).parent for path in parts}
    return [
        path
        for path in core.files()
        if not _is_python(path) and next(p for p in PurePosixPath(path).parents if p in packages) in reached
    ]


def _is_python(path: str) -> bool:
    return path.endswith((".py", ".pyi"))
