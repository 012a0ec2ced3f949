"""The commands that are alike in every package, made from the record of its method."""

# The annotations of commands are read as they stand, so they are not put off: they differ from method to method.
import inspect
import json as json_format
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from tyro.conf import Positional, arg

from ..cli import Command, complain, run, say
from ..errors import InputError, one_line
from ..methods import Method, load
from .done_before import skips_what_is_done
from .early import check_early
from .options import Compiled, Device, Dtypes, Formats, Rounds
from .run_files import records_its_run

Published = Annotated[Positional[Path], arg(help="the authors' file; which variant it is shows in its tensors")]
Folder = Annotated[Path, arg(help="folder for config.json and model.safetensors")]
Results = Annotated[Path, arg(help="folder for figure, report and results")]
Files = Annotated[Path, arg(help="folder for model.onnx and model.pt2")]
Figures = Annotated[Path, arg(help="the JSON file")]
Json = Annotated[bool, arg(help="as JSON, for programs")]
Action = Annotated[Positional[Literal["list", "get", "path"]], arg(help="show them; fetch one; print where one is")]
Name = Annotated[Positional[str], arg(help="of the weights, for get and path")]
Accept = Annotated[bool, arg(help="accept licence and terms without being asked")]
Given = Annotated[str, arg(help="for get: take this file, which you have downloaded yourself")]


class SharedCommands(NamedTuple):
    """The commands that are alike in every package; one that differs in a package is written there."""

    demo: Command
    convert: Command
    export: Command
    bench: Command
    info: Command
    weights: Command


def shared_commands(method: Method) -> SharedCommands:
    """Return the commands of a method, with the options, defaults and help texts that its record asks for."""
    network = method.network
    anything = f"{', '.join(network.variants)} (random weights), or anything that predict takes"
    NetworkName = Annotated[str, arg(help=anything)]
    beside = f" (with {', '.join(f'--{name}' for name in network.companions)})" if network.companions else ""
    Weights = Annotated[str, arg(help=f"demo, a name of weights list, a folder, a hub id, the authors' file{beside}")]
    step = 1 if isinstance(network.inputs, str) else network.inputs.multiple
    multiple = f", multiples of {step}" if step > 1 else ""
    Sizes = Annotated[tuple[int, ...], arg(help=f"sides of square images{multiple}")]
    Size = Annotated[int, arg(help=f"side of the square images that the file will take{multiple}")]

    def demo(out: Results = Path("out") / method.name) -> None:
        say(load(method.demo)(out).headline)
        say(f"figure, report and results: {out}")

    demo.__doc__ = method.demo_shows or f"See it at work on what is bundled, and measured: {method.task}."

    def convert(published: Published, out: Folder, **companions: str) -> None:
        """Turn a checkpoint of the authors into config.json and model.safetensors."""
        convert_published(method, published, out, **{name: path or None for name, path in companions.items()})

    def export(
        weights: Weights, out: Files, format: Formats = ("onnx",), size: Size = network.sizes[0], **companions: str
    ) -> None:
        """Export the network to ONNX or torch.export and check the numbers on the spot."""
        from .export import export as run_export
        from .networks import load_weights

        model = load_weights(method, weights, **companions)
        for path, error in run_export(method, model, out, formats=format, size=size).items():
            say(f"{path}: largest difference from eager {error:.2e}")

    def bench(
        weights: NetworkName = network.variants[0],
        out: Figures = Path("out/bench.json"),
        sizes: Sizes = network.sizes,
        dtypes: Dtypes = ("float32", "bfloat16"),
        device: Device = "auto",
        rounds: Rounds = 3,
        compiled: Compiled = False,
        **companions: Any,
    ) -> None:
        """Measure the reference and the fast path, in turns, and start-up, reading and writing; write them as JSON."""
        from ..report import print_table
        from .bench import bench as run_bench

        tables = run_bench(
            method,
            weights,
            out,
            sizes=sizes,
            dtypes=dtypes,
            device=device,
            rounds=rounds,
            compiled=compiled,
            **companions,
        )
        for table in filter(None, tables):
            print_table(table)
        say(f"figures: {out}")

    def info(weights: NetworkName = network.variants[0], json: Json = False, **companions: str) -> None:
        """Print parameters, operations, paper, citation, licence, and where the authors publish their weights."""
        from .info import as_text, capabilities

        about = capabilities(method, weights, **companions)
        say(json_format.dumps(about, indent=2) if json else as_text(about))

    def weights(action: Action, name: Name = "", accept: Accept = False, file: Given = "", json: Json = False) -> None:
        """List the weights that the authors publish, fetch them under their terms, or print where they are."""
        from .weights import get_checkpoint, list_checkpoints, print_place

        for option, given, goes in (("--accept", accept, "get"), ("--file", file, "get"), ("--json", json, "list")):
            if given and action != goes:
                raise InputError(f"{option} goes with weights {goes}, not with weights {action}")
        if action == "get":
            get_checkpoint(method, name, file, accept)
        elif action == "path":
            print_place(method, name)
        elif name:
            raise InputError(f"weights list shows all; for {name!r} there are weights get and weights path")
        else:
            list_checkpoints(method, json)

    one_size = isinstance(network.inputs, str)
    return SharedCommands(
        demo,
        _fitted(convert, network.companions),
        _fitted(export, network.companions, *(["size"] if one_size or network.exported else [])),
        _fitted(bench, network.companions, *(["sizes"] if one_size else [])),
        _fitted(info, network.companions),
        weights,
    )


def convert_published(method: Method, published: str | Path, out: str | Path, **options: Any) -> None:
    """Turn a checkpoint of the authors into config.json and model.safetensors, and say what it was.

    Args:
        method: whose checkpoint it is.
        published: the checkpoint.
        out: folder for the result.
        options: further arguments of ``from_published``.

    Raises:
        InputError: if the checkpoint cannot be read, does not fit or holds values that are not finite, or ``out``
            cannot be written.
    """
    from ..weights.card import published_card
    from ..weights.state_dicts import check_finite
    from .description import details

    model = method.load(method.network.model).from_published(published, **options)
    check_finite(model.state_dict(), where=str(published))
    model.save_pretrained(out, card=published_card(method, Path(published)))
    for what, said in details(method, model.config).items():
        say(f"{what}: {said}")
    say(f"{sum(p.numel() for p in model.parameters()):,} parameters; weights in {out}")


def program(method: Method, *commands: Command) -> tuple[dict[str, Command], Callable[..., int]]:
    """Return the commands of a method by their names, with dashes, and the function that runs its program.

    That function takes the arguments, by default those of the process, and returns the exit code; warnings become lines
    that begin with ``note:``.
    """
    named = {command.__name__.replace("_", "-"): command for command in commands}

    def main(argv: Sequence[str] | None = None) -> int:
        description = " ".join(filter(None, [f"{method.title} ({method.venue}): {method.task}.", method.notice]))
        with warnings.catch_warnings():
            warnings.showwarning = lambda message, *_: complain(f"note: {one_line(message)}")
            early = partial(check_early, method)
            ready = {
                name: skips_what_is_done(method, records_its_run(method, command)) for name, command in named.items()
            }
            return run(method.name, ready, description, argv, check=early, version=lambda: method.version)

    return named, main


def _fitted(command: Any, companions: Mapping[str, str], *without: str) -> Command:
    """Let a command take the companions by their names, and some options not at all, which keep their defaults."""

    def parameters() -> Iterator[inspect.Parameter]:
        for parameter in inspect.signature(command).parameters.values():
            if parameter.kind != inspect.Parameter.VAR_KEYWORD:
                if parameter.name not in without:
                    yield parameter
                continue
            for name, what in companions.items():
                hint = Annotated[str, arg(help=what)]
                yield inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default="", annotation=hint)

    signature = inspect.Signature(list(parameters()))

    def fitted(*args: Any, **options: Any) -> object:
        return command(**signature.bind(*args, **options).arguments)

    fitted.__name__ = fitted.__qualname__ = command.__name__
    fitted.__doc__ = command.__doc__
    fitted.__signature__ = signature  # type: ignore[attr-defined]
    fitted.__annotations__ = {name: parameter.annotation for name, parameter in signature.parameters.items()}
    return fitted
