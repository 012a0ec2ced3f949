"""The record of a method, what the shared commands must know of its network, and the methods that are installed.

A method announces itself by one entry point in the group ``visioncore.methods``, so that ``visioncore`` finds it
without knowing its name::

    [project.entry-points."visioncore.methods"]
    nerdrain-derain = "nerdrain_derain.method:METHOD"
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from importlib.resources import files
from typing import Any

from .errors import InputError, one_line
from .panels import Panel
from .versions import version_of

GROUP = "visioncore.methods"


@dataclass(frozen=True)
class Images:
    """Input of a network from images to images: (B, C, H, W) in [0, 1]; C is ``channels`` of its settings, or 3."""

    name: str
    """Their name, such as ``rainy``."""
    multiple: int
    """Their sides must be multiples of this."""


@dataclass(frozen=True)
class Network:
    """A method's network, as the shared commands need it.

    References are text, ``module:attribute`` inside the package, so that reading the record imports nothing.
    """

    model: str
    """Its class: a `visioncore.weights.pretrained.Pretrained` with a classmethod ``from_published(path, ...)``."""
    config: str
    """A function from the name of a variant to its settings, None where there is none of that name."""
    variants: tuple[str, ...]
    """Names of the published variants; what is told of without weights is the first."""
    inputs: Images | str
    """Images, or a function ``(settings) -> {name: tensor}``: an example of what the network's ``forward`` takes."""
    outputs: tuple[str, ...]
    """Names of the tensors that come out."""
    sizes: tuple[int, ...] = (256,)
    """Sides of the images that bench measures by default; info counts operations for the first. For `Images` only."""
    fast: str = "network.fast:for_inference"
    """A function ``(model, device, dtype) -> network`` for the fast path of inference, which returns float32."""
    reference: str = "network.reference:as_reference"
    """A function ``(model) -> network`` for the plain, obviously right path."""
    counted: str = ""
    """A function ``(model) -> network`` for the one whose operations info counts; by default the model itself."""
    exported: str = ""
    """A function ``(model) -> visioncore.commands.export.Exported``, for more than images of one fixed size."""
    facts: str = ""
    """A function ``(settings) -> {what: text}`` for further lines of info; ``network`` replaces the settings' own."""
    unseen: tuple[str, ...] = ()
    """Fields of the settings that change what a file holds, not what the network does; variants differ in others."""
    companions: Mapping[str, str] = field(default_factory=dict)
    """Further files that the authors' checkpoints need beside them: {argument of ``from_published``: what it is}."""
    window: tuple[str, ...] = ()
    """Names that lead to the field of the settings with the window of intensities; empty where there is none."""
    published_config: str = ""
    """A function ``(path) -> settings`` of an authors' checkpoint, for info without its companions."""
    compiles_on_cpu: bool = True
    """Whether torch.compile is worth its time on a CPU."""


@dataclass(frozen=True)
class Sample:
    """A bundled input of predict: the example in ``visioncore app``, and what bench measures files with."""

    path: str
    """The file inside the package, such as ``assets/samples/input/photo.jpg``."""
    reads: str = ""
    """A function ``(path) -> what the Predictor takes``; by default it is read as an image."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Further arguments for the Predictor's call, such as few steps."""
    predictor: str = "inference.predictor:Predictor"
    """A function ``(model, device) -> Predictor``, where predict needs to know more."""


@dataclass(frozen=True)
class Checkpoint:
    """A file that authors publish: a network of theirs, or a backbone that their networks stand on."""

    name: str
    """Its name here, in small letters, such as ``rain200l``; no variant of the network has it."""
    what: str
    """One line on the file: which network it holds, and what that was trained on."""
    address: str
    """Its https address: the file itself, a file or folder on Google Drive, or a file on the Hugging Face Hub."""
    licence: str
    """Its licence; ``none stated`` if there is none."""
    terms: str
    """Its conditions for whoever uses the file; where there is no licence, what is known of the authors' wishes."""
    size: int | None = None
    """Its bytes; None if nobody says."""
    sha256: str = ""
    """Its digest, or how that begins; empty if nobody says, so that the first one that was fetched counts."""
    inside: str = ""
    """Where in a folder on Google Drive the file lies, such as ``models/net.pth``."""
    by_hand: bool = False
    """Whether only a person can fetch it, such as from a page with a form."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Further arguments of ``from_published``, or of ``reads``, for it."""
    companions: Mapping[str, str] = field(default_factory=dict)
    """The checkpoints that it needs beside it: {argument of ``from_published``: name}."""
    option: str = "weights"
    """The option that it is given to."""
    reads: str = ""
    """Of a backbone, which is kept as it is: a function ``(path, ...)`` of the package that raises InputError unless
    the file is the right one."""
    alone: bool = False
    """Whether a backbone is a network of the method by itself too, which ``from_published`` makes of its file."""


@dataclass(frozen=True)
class Method:
    """The record of a method: name, paper, licence, demo; text only, so that reading it is cheap."""

    name: str
    """Name of the distribution and of its command, such as ``nerdrain-derain``."""
    module: str
    """Name of the package to import, such as ``nerdrain_derain``."""
    title: str
    """The authors' name for it, such as ``NeRD-Rain``."""
    task: str
    """Its purpose in one line."""
    paper: str
    """Title of the paper."""
    authors: str
    """Authors of the paper, separated by commas."""
    venue: str
    """Where it was published, such as ``CVPR 2024``."""
    arxiv: str
    """arXiv identifier, such as ``2404.01547``."""
    citation: str
    """BibTeX entry."""
    licence: str
    """Licence of this package's code and bundled weights."""
    weights: str
    """Where the authors publish their weights, and under which terms."""
    demo: str
    """Reference ``module:function`` to a function ``demo(out: Path) -> visioncore.report.DemoReport``."""
    network: Network
    """The network, as the shared commands need it."""
    sample: Sample | None = None
    """A bundled input of predict."""
    checkpoints: tuple[Checkpoint, ...] = ()
    """The authors' files that the command ``weights`` fetches, and the backbones that they need."""
    demo_shows: str = ""
    """One line for help on what the demo does."""
    demo_data: str = ""
    """Data that the bundled weights were trained on, such as ``synthetic volumes``."""
    notice: str = ""
    """A further line of help, such as that it is no medical device."""
    panel: Panel | None = None
    """Its page in ``visioncore app``."""
    hub_task: str = ""
    """Its task by its name on the Hugging Face Hub, such as ``image-to-image``; empty where it has none there."""

    @property
    def version(self) -> str:
        """Version of the package, also where its folder was copied into a larger one."""
        return version_of(self.name, files(self.module))

    @property
    def demo_notice(self) -> str:
        """A line for those who use the bundled weights on images of their own."""
        return (
            f"demo weights: trained on {self.demo_data} alone, to try things out, not for results that count; "
            f"'{self.name} info' names better ones"
        )

    def load(self, reference: str) -> Any:
        """Import and return what a reference inside the package names.

        Raises:
            InputError: as `load`.
        """
        return load(f"{self.module}.{reference}")


@dataclass(frozen=True)
class BrokenMethod:
    """An installed method whose record cannot be read."""

    name: str
    """Name of the entry point."""
    reason: str
    """The error in one line."""


def load(reference: str) -> Any:
    """Import and return the object that ``reference`` (``module:attribute``) names.

    Raises:
        InputError: if the reference is malformed, its module cannot be imported, or the attribute is not there.
    """
    module_name, separator, attribute = reference.partition(":")
    if not (module_name and separator and attribute):
        raise InputError(f"{reference!r}: not a reference; it should read 'module:attribute'")
    try:
        found: Any = importlib.import_module(module_name)
    except ImportError as error:
        raise InputError(f"{reference}: module {module_name} cannot be imported ({error})") from error
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise InputError(f"{reference}: {module_name} has no attribute {attribute!r}")
        found = getattr(found, part)
    return found


def find_methods() -> tuple[list[Method], list[BrokenMethod]]:
    """Return the installed methods sorted by name, and those that announce themselves but cannot be read."""
    methods: dict[str, Method] = {}
    broken: list[BrokenMethod] = []
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        found = _read(entry)
        if isinstance(found, BrokenMethod):
            broken.append(found)
        else:
            methods[found.name] = found
    return [methods[name] for name in sorted(methods)], broken


def _read(entry: EntryPoint) -> Method | BrokenMethod:
    # Another distribution's module runs here, so anything may be raised; it must not take the others down.
    try:
        found = load(entry.value)
    except Exception as error:
        return BrokenMethod(entry.name, one_line(error))
    if not isinstance(found, Method):
        return BrokenMethod(entry.name, f"{entry.value} is a {type(found).__name__}, not a visioncore.methods.Method")
    return found
