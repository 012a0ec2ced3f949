"""The tools of ``visioncore mcp``: list the methods, explain one, predict on files in allowed folders."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations

from ..errors import InputError, one_line
from ..jobs.allowed import Allowed
from ..jobs.limits import Limits
from ..jobs.outcome import MOST_LINE
from ..versions import version_of
from .calls import PREDICT, explained, listed_methods, prediction
from .runner import Runner

INSTRUCTIONS = (
    "Vision methods on local files. list_methods says which there are and which weights they have; explain_method, "
    "which options a method takes; predict runs it on files and folders inside these folders alone, and writes into "
    "them: {}. Weights called demo are there to try a method out: explain_method says what was measured of them."
)


def make_server(allowed: Allowed, limits: Limits) -> MCPServer[Any]:
    """Return the server, of the package ``mcp``.

    Args:
        allowed: folders that files are read from and written to.
        limits: of time and number.
    """
    runner = Runner(limits)
    server = MCPServer(
        "visioncore",
        title="visioncore",
        instructions=INSTRUCTIONS.format(", ".join(map(str, allowed.folders))),
        version=version_of("visioncore"),
        log_level="ERROR",
    )
    reads = ToolAnnotations(read_only_hint=True, open_world_hint=False)

    @server.tool(annotations=reads)
    def list_methods() -> list[dict[str, Any]]:
        """List the installed methods: name, purpose, licence, and the names of weights that are there."""
        return listed_methods()

    @server.tool(annotations=reads)
    def explain_method(method: str, command: str = PREDICT) -> dict[str, Any]:
        """Explain a command of a method: its options with types, defaults, choices and help, and its bundled weights.

        Args:
            method: its name, from list_methods.
            command: one of its commands; predict is the one that can be run here.
        """
        with _told():
            return explained(method, command)

    @server.tool(annotations=ToolAnnotations(destructive_hint=False, open_world_hint=False))
    async def predict(
        method: str, inputs: list[str], out: str, options: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Predict on files: run the method's own command, and return where the results are and what failed.

        Args:
            method: its name, from list_methods.
            inputs: absolute paths of files or folders inside the allowed folders.
            out: absolute path of a folder for the results, inside them too; made if it is not there.
            options: further options by their names, such as {"weights": "demo"}; explain_method tells of them.
        """
        with _told():
            call = prediction(method, inputs, out, options or {}, allowed, limits.inputs)
            async with runner.place():
                outcome = await runner.run(call)
            if outcome.failure:
                raise InputError(outcome.failure)
        return {
            "results": [str(file) for file in outcome.made],
            "failed": outcome.record.get("failed", {}),
            "said": outcome.said.strip(),
            "notes": outcome.complaints.strip(),
            "record": str(outcome.record_file or ""),
        }

    return server


@contextmanager
def _told() -> Iterator[None]:
    """Hand errors on to the client in one line."""
    try:
        yield
    except (InputError, OSError) as error:
        raise ToolError(one_line(error, MOST_LINE)) from error
