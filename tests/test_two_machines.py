"""Two nodes, started by torchrun as on a cluster, train as one process does, outlive one of them, and share files."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from nerdrain_derain.cli import main
from visioncore.images import Image, write_image
from visioncore.testing.nodes import Node, loopback, namespaces, pull_the_plug, why_no_loopback, why_no_namespaces
from visioncore.testing.photos import photo
from visioncore.testing.processes import check_runs_equal, logged

RECIPE = """
model: {dim: 8, num_blocks: [1, 1, 1], inr_hidden: 16}
data: {patch: 16, validation_patch: 16}
loop: {steps: 12, batch_size: 4, learning_rate: 1.0e-3, log_every: 1, validate_every: 12, checkpoint_every: 3}
"""
STEPS, KEPT = 12, 3
IMAGES = 6
PORT = 29000 + os.getpid() % 1000
"""Where the nodes meet; another in each process that runs tests."""
SECONDS = 240
"""That anything here may take on a busy machine; it takes a tenth of it."""
TORCHRUN = ("-m", "torch.distributed.run", "--nnodes", "2", "--nproc-per-node", "1", "--max-restarts", "3")
ENVIRONMENT = {
    "ACCELERATE_USE_CPU": "1",
    "OMP_NUM_THREADS": "1",
    # Else torchrun does not tell a node that joins later where the processes meet, and it gives up after a minute.
    "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1",
}


class Cluster:
    """Two nodes on which the same command runs."""

    def __init__(self, nodes: tuple[Node, Node], folder: Path) -> None:
        self.nodes, self.folder = nodes, folder
        self.running: dict[Node, subprocess.Popen[bytes]] = {}

    def start(self, words: list[str], *which: int) -> None:
        """Start a command of the package on the nodes of these numbers; the first node is where all meet."""
        for node in (self.nodes[number] for number in which):
            settings = f"is_host={int(node is self.nodes[0])},keep_alive_interval=1,join_timeout={SECONDS}"
            meeting = ["--rdzv-backend", "c10d", "--rdzv-endpoint", f"{self.nodes[0].address}:{PORT}"]
            own = ["--rdzv-conf", settings, "--local-addr", node.address]
            command = [sys.executable, *TORCHRUN, *meeting, *own, "-m", "nerdrain_derain.cli", *words]
            self.running[node] = node.start(command, self.log_of(node), ENVIRONMENT)

    def end(self, number: int) -> None:
        """Let a node die."""
        pull_the_plug(self.running.pop(self.nodes[number]))

    def wait_for(self, path: Path) -> None:
        """Wait for a file or folder that the commands make."""
        end = time.monotonic() + SECONDS
        while not path.exists() and time.monotonic() < end and all(p.poll() is None for p in self.running.values()):
            time.sleep(0.01)
        assert path.exists(), self.written()

    def finish(self) -> None:
        """Wait for the commands to end well."""
        codes = [process.wait(SECONDS) for process in self.running.values()]
        assert codes == [0, 0], self.written()

    def log_of(self, node: Node) -> Path:
        return self.folder / f"{node.name}.log"

    def written(self) -> str:
        return "".join(self.log_of(node).read_text(errors="replace") for node in self.nodes)


@pytest.fixture(params=[namespaces, loopback])
def cluster(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Cluster]:
    """Two nodes with a network each; where there can be none, two addresses of one network, which shows less."""
    why = why_no_namespaces()
    if request.param is namespaces and why:
        pytest.skip(f"no network namespaces here ({why}); the nodes are loopback addresses")
    if request.param is loopback and not why:
        pytest.skip("the nodes are network namespaces")
    if request.param is loopback and (lacking := why_no_loopback()):
        pytest.skip(lacking)
    with request.param() as nodes:
        made = Cluster(nodes, tmp_path)
        try:
            yield made
        finally:
            for process in made.running.values():
                if process.poll() is None:
                    pull_the_plug(process)


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """Images with and without rain, as `train` takes them."""
    for number in range(IMAGES):
        pixels = photo(24, 32, seed=number)
        write_image(tmp_path / "data" / "input" / f"{number}.png", Image(pixels // 2 + 100))
        write_image(tmp_path / "data" / "target" / f"{number}.png", Image(pixels))
    return tmp_path / "data"


def test_a_node_dies_and_comes_back_and_all_is_as_of_one_process(cluster: Cluster, pairs: Path, tmp_path: Path) -> None:
    recipe, out, alone = tmp_path / "recipe.yaml", tmp_path / "two", tmp_path / "one"
    recipe.write_text(RECIPE)
    words = ["train", "--recipe", str(recipe), "--data", str(pairs), "--out"]
    cluster.start([*words, str(out)], 0, 1)
    cluster.wait_for(out / "checkpoints" / f"step-{KEPT:08}")
    cluster.end(1)
    assert KEPT <= logged(out, ["step"])[-1]["step"] < STEPS, "the node was to die in the middle of the run"
    # What is left of the training waits for the node, and then goes on from the last run state.
    cluster.start([*words, str(out)], 1)
    cluster.finish()
    assert "another process of this training is gone (" in cluster.written()
    assert "Traceback" not in cluster.written()
    assert main([*words, str(alone)]) == 0
    check_runs_equal(alone, out, ["step", "loss", "learning_rate"])


def test_each_file_is_predicted_once_and_a_bad_one_ends_no_other_process(
    cluster: Cluster, pairs: Path, tmp_path: Path
) -> None:
    out, bad = tmp_path / "out", pairs / "input" / "0.png"
    bad.write_bytes(b"no image")
    cluster.start(["predict", str(pairs / "input"), "--weights", "demo", "--out", str(out), "--device", "cpu"], 0, 1)
    cluster.finish()
    assert sorted(path.name for path in out.glob("*.png")) == [f"{number}.png" for number in range(1, IMAGES)]
    for done, failed in ((IMAGES // 2 - 1, 1), (IMAGES // 2, 0)):
        assert cluster.written().count(f"{done} done, 0 skipped as done before, {failed} failed") == 1
