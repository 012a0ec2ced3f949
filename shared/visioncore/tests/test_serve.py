"""``visioncore serve``: files in, results out, limits kept, nothing left behind."""

from __future__ import annotations

import io
import json
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from visioncore.methods import Method
from visioncore.testing.made_up_method import NAME

pytest.importorskip("starlette", reason="the extra serve is not installed")
pytest.importorskip("python_multipart", reason="the extra serve is not installed")
pytest.importorskip("httpx2", reason="the test client is not installed")

from starlette.testclient import TestClient

from visioncore.jobs.limits import Limits
from visioncore.main import main
from visioncore.programs.http_app import Service, make_app

ADDRESS = "http://127.0.0.1:8765"


@pytest.fixture
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which the folders of jobs are made."""
    (tmp_path / "jobs").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "jobs"))
    return tmp_path / "jobs"


@pytest.fixture
def client_of(made_up: Method, jobs: Path) -> Iterator[Callable[[Service], TestClient]]:
    yield lambda service: TestClient(make_app(service), base_url=ADDRESS)
    assert list(jobs.iterdir()) == []


@pytest.fixture
def client(client_of: Callable[[Service], TestClient]) -> TestClient:
    return client_of(Service())


def ask(client: TestClient, *files: tuple[str, str], field: str = "file", **options: Any) -> Any:
    sent = [(field, (name, text.encode())) for name, text in files]
    return client.post(f"/{NAME}/predict", files=sent, data={"weights": "demo", **options})


def refused(answer: Any, code: int, told: str) -> None:
    assert (answer.status_code, list(answer.json())) == (code, ["error"]), answer.text
    assert told in answer.json()["error"], answer.text
    assert "\n" not in answer.json()["error"]


def test_one_file_comes_back(client: TestClient) -> None:
    answer = ask(client, ("a photo.png", "image"), times="2")
    assert (answer.status_code, answer.text) == (200, "imageimage")
    assert "a_photo.png" in answer.headers["content-disposition"]
    assert answer.headers["x-failed"] == "0"


def test_several_come_packed_with_the_record(client: TestClient, jobs: Path) -> None:
    answer = ask(client, ("a.png", "one"), ("b.png", "two"), ("c.png", "broken"))
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/zip")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert sorted(archive.namelist()) == ["a.png", "b.png", "run.json"]
        assert archive.read("b.png") == b"two"
        record = archive.read("run.json").decode()
    assert answer.headers["x-failed"] == "1"
    assert len(json.loads(record)["failed"]) == 1
    assert str(jobs) not in record


def test_files_of_options(client: TestClient) -> None:
    sent = [("file", ("a.png", b"one")), ("mask", ("my mask.png", b"white"))]
    answer = client.post(f"/{NAME}/predict", files=sent, data={"weights": "demo", "points": ["1", "2"]})
    assert answer.status_code == 200, answer.text


def test_what_will_not_do(client: TestClient, tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_text("secret")
    one = ("a.png", "image")
    refused(ask(client, one, tims="3"), 400, "no option 'tims'; did you mean times?")
    refused(ask(client, one, times="many"), 400, "should be a whole number")
    refused(ask(client, one, mask=str(tmp_path / "secret.png")), 400, "outside the allowed folders")
    refused(ask(client, one, weights="../secret.png"), 400, "not an absolute path")
    refused(client.post(f"/{NAME}/predict", files=[("file", ("a.png", b"x"))]), 400, "weights is needed")
    refused(client.post(f"/{NAME}/predict", data={"weights": "demo"}), 415, "multipart/form-data")
    refused(client.post("/nothing/predict", files=[("file", ("a.png", b"x"))]), 404, "no method 'nothing'")
    refused(client.get("/nothing"), 404, "no method")
    refused(ask(client, ("a.png", "broken")), 422, "a.png: broken")
    refused(ask(client, one, crash="true"), 500, "broke down with code 7")
    assert client.get(f"/{NAME}/predict").status_code == 405


def test_hostile_names(client: TestClient) -> None:
    assert ask(client, ("../../a.png", "image")).status_code == 200
    refused(ask(client, ("..", "image")), 400, "without a name")


def test_the_size_is_limited(client_of: Callable[[Service], TestClient]) -> None:
    client = client_of(Service(Limits(megabytes=0.1)))
    refused(ask(client, ("a.png", "x" * 200_000)), 413, "104,857 bytes")


def test_the_time_is_limited(client_of: Callable[[Service], TestClient]) -> None:
    client = client_of(Service(limits=Limits(seconds=2)))
    refused(ask(client, ("a.png", "image"), pause="60"), 504, "its time, 2 s, was over")


def test_the_queue_is_limited(client_of: Callable[[Service], TestClient], jobs: Path) -> None:
    with client_of(Service(limits=Limits(seconds=60, waiting=0))) as client:
        first = threading.Thread(target=ask, args=(client, ("a.png", "image")), kwargs={"pause": "3"})
        first.start()
        wait_for(lambda: any(jobs.rglob("out")))
        answer = ask(client, ("b.png", "image"))
        refused(answer, 503, "busy")
        assert answer.headers["retry-after"]
        first.join()


def test_other_sites_are_kept_away(client_of: Callable[[Service], TestClient]) -> None:
    client = client_of(Service())
    refused(client.get("/methods", headers={"origin": "https://example.org"}), 403, "another site")
    refused(client.get("/methods", headers={"host": "example.org"}), 403, "another name")
    assert client.get("/methods", headers={"origin": ADDRESS}).status_code == 200
    assert client_of(Service(hosts=())).get("/methods", headers={"host": "example.org"}).status_code == 200


def test_it_describes_itself(client: TestClient) -> None:
    about = client.get("/openapi.json").json()
    assert about["openapi"] == "3.1.0"
    post = about["paths"][f"/{NAME}/predict"]["post"]
    schema = post["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert schema["required"] == ["file", "weights"]
    assert schema["properties"]["times"] == {"type": "integer", "description": "how often", "default": 1}
    assert schema["properties"]["mode"]["enum"] == ["plain", "loud"]
    assert schema["properties"]["points"]["type"] == "array"
    assert {"400", "413", "503"} <= post["responses"].keys()
    assert [each["name"] for each in client.get("/methods").json()] == [NAME]
    assert client.get(f"/{NAME}").json()["summary"] == "Copy files."
    assert client.get("/").status_code == 200


def test_folders_that_are_allowed(client_of: Callable[[Service], TestClient], tmp_path: Path) -> None:
    (tmp_path / "masks").mkdir()
    (tmp_path / "masks" / "m.png").write_text("white")
    client = client_of(replace(Service(), folders=((tmp_path / "masks").resolve(),)))
    assert ask(client, ("a.png", "image"), mask=str(tmp_path / "masks" / "m.png")).status_code == 200


def test_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["serve", "--port", str(port)]) == 2
    assert main(["serve", "--port", "70000"]) == 2
    assert main(["serve", "--megabytes", "0"]) == 2
    assert [line.partition(";")[0] for line in capsys.readouterr().err.splitlines()] == [
        f"error: port {port} of 127.0.0.1 is in use",
        "error: port is 70000",
        "error: megabytes is 0.0",
    ]


class TestRealSocket:
    """A server in a process of its own, with the methods that are installed."""

    @pytest.fixture
    def server(self, made_up: Method, jobs: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, int]]:
        monkeypatch.setenv("TMPDIR", str(jobs))
        command = [sys.executable, "-u", "-m", "visioncore.main", "serve", "--port", "0", "--megabytes", "1"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
            try:
                assert server.stdout is not None
                found = re.match(r"listening on http://(127\.0\.0\.1):(\d+);", server.stdout.readline())
                assert found
                yield found[1], int(found[2])
            finally:
                server.terminate()
            assert server.wait(timeout=60) in (0, -15)

    def connect(self, server: tuple[str, int], length: str) -> socket.socket:
        """Begin a request whose body is still to come."""
        link = socket.create_connection(server, timeout=60)
        host = f"{server[0]}:{server[1]}"
        kind = "multipart/form-data; boundary=x"
        link.sendall(
            f"POST /{NAME}/predict HTTP/1.1\r\nhost: {host}\r\ncontent-type: {kind}\r\n{length}\r\n\r\n".encode()
        )
        return link

    def test_all_of_it(self, server: tuple[str, int], jobs: Path) -> None:
        with urllib.request.urlopen(f"http://{server[0]}:{server[1]}/openapi.json", timeout=60) as answer:
            about = json.load(answer)
        assert f"/{NAME}/predict" in about["paths"]
        self.check_an_endless_body_is_refused_at_the_limit(server)
        self.check_a_client_that_goes_away_leaves_nothing(server, jobs)

    def check_an_endless_body_is_refused_at_the_limit(self, server: tuple[str, int]) -> None:
        block, sent = b"x" * 65_536, 0
        with self.connect(server, "transfer-encoding: chunked") as link:
            head = b'--x\r\ncontent-disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
            link.sendall(b"%x\r\n%s\r\n" % (len(head), head))
            link.settimeout(0.05)
            answer = b""
            while not answer and sent < 2**28:
                try:
                    link.sendall(b"%x\r\n%s\r\n" % (len(block), block))
                    sent += len(block)
                    answer = link.recv(4096)
                except TimeoutError:
                    continue
                except (BrokenPipeError, ConnectionResetError):
                    break
            assert sent < 2**26
            assert b"413" in answer.split(b"\r\n")[0] or not answer

    def check_a_client_that_goes_away_leaves_nothing(self, server: tuple[str, int], jobs: Path) -> None:
        parts = {"weights": "demo", "pause": "120"}
        body = "".join(f'--x\r\ncontent-disposition: form-data; name="{n}"\r\n\r\n{v}\r\n' for n, v in parts.items())
        body += '--x\r\ncontent-disposition: form-data; name="file"; filename="a.png"\r\n\r\nimage\r\n--x--\r\n'
        with self.connect(server, f"content-length: {len(body)}") as link:
            link.sendall(body.encode())
            wait_for(lambda: len(list(jobs.rglob("out"))) == 1)
        wait_for(lambda: list(jobs.iterdir()) == [])


def wait_for(event: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until something is so."""
    begun = time.monotonic()
    while not event():
        assert time.monotonic() - begun < seconds
        time.sleep(0.1)
