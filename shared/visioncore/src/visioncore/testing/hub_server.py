"""A small Hugging Face Hub on this machine: what its client asks of it when it loads and uploads models."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import yaml

TOKEN = "hf_" + "a" * 34
LARGE = ".safetensors"
"""Files of this suffix are uploaded and given out as large ones."""
JSON = "application/json"


@dataclass
class Repository:
    """Its commits, oldest first: {name of a file: content} by commit; and whether a token is needed to see it."""

    private: bool = False
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)

    def commit(self, files: dict[str, bytes]) -> str:
        """Add a commit of files onto the newest, and return its name."""
        whole = {**(list(self.commits.values())[-1] if self.commits else {}), **files}
        name = hashlib.sha1(repr((len(self.commits), sorted(whole.items()))).encode()).hexdigest()
        self.commits[name] = whole
        return name

    def find(self, revision: str) -> str | None:
        if revision == "main" and self.commits:
            return list(self.commits)[-1]
        return revision if revision in self.commits else None


@dataclass
class Hub:
    """The server: repositories, large files by their digests, and what was asked of it."""

    address: str = ""
    elsewhere: str = ""
    """Address of large files, which as on the Hub lie on another host."""
    repositories: dict[str, Repository] = field(default_factory=dict)
    large: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)


@contextmanager
def local_hub() -> Iterator[Hub]:
    """Serve until the block ends."""
    hub = Hub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self.answer()

        def do_GET(self) -> None:
            self.answer()

        def do_POST(self) -> None:
            self.answer()

        def do_PUT(self) -> None:
            self.answer()

        def answer(self) -> None:
            hub.asked.append(f"{self.command} {self.path}")
            self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            path = self.path.partition("?")[0]
            for pattern, method in ROUTES:
                if found := re.fullmatch(pattern, f"{self.command} {path}"):
                    getattr(self, method)(*found.groups())
                    return
            self.give(b"", 501)

        def give(self, content: bytes | dict[str, Any] | list[Any], status: int = 200, /, **headers: str) -> None:
            body = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            headers.setdefault("Content-Type", JSON)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def refuse(self, status: int, code: str, said: str) -> None:
            self.give({"error": said}, status, X_Error_Code=code, X_Error_Message=said)

        def allowed(self) -> bool:
            return self.headers.get("Authorization") == f"Bearer {TOKEN}"

        def commit_of(self, repo_id: str, revision: str) -> str | None:
            """Return the commit that is asked for; None if there is none, which the client then has been told."""
            repository = hub.repositories.get(repo_id)
            if repository is None or (repository.private and not self.allowed()):
                # as the Hub does: who may not see a repository is not told that there is one
                self.refuse(401, "RepoNotFound", "Repository not found")
                return None
            commit = repository.find(revision)
            if commit is None:
                self.refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
            return commit

        def info(self, repo_id: str, revision: str = "main") -> None:
            if commit := self.commit_of(repo_id, revision):
                files = hub.repositories[repo_id].commits[commit]
                listed = [{"rfilename": name} for name in files]
                self.give(
                    {"_id": "1", "id": repo_id, "modelId": repo_id, "sha": commit, "siblings": listed, "tags": []}
                )

        def tree(self, repo_id: str, revision: str) -> None:
            if commit := self.commit_of(repo_id, revision):
                files = hub.repositories[repo_id].commits[commit].items()
                listed = [
                    {
                        "type": "file",
                        "path": name,
                        "size": len(content),
                        "oid": hashlib.sha1(content).hexdigest(),
                        **(
                            {
                                "lfs": {
                                    "oid": hashlib.sha256(content).hexdigest(),
                                    "size": len(content),
                                    "pointerSize": 1,
                                }
                            }
                            if name.endswith(LARGE)
                            else {}
                        ),
                    }
                    for name, content in files
                ]
                self.give(listed)

        def resolve(self, repo_id: str, revision: str, name: str) -> None:
            commit = self.commit_of(repo_id, revision)
            if not commit:
                return
            content = hub.repositories[repo_id].commits[commit].get(name)
            if content is None:
                self.refuse(404, "EntryNotFound", f"Entry not found: {name}")
                return
            headers = {
                "X_Repo_Commit": commit,
                "ETag": f'"{hashlib.sha1(content).hexdigest()}"',
                "Accept_Ranges": "bytes",
            }
            if name.endswith(LARGE):
                digest = hashlib.sha256(content).hexdigest()
                hub.large[digest] = content
                headers |= {"X_Linked_Etag": f'"{digest}"', "X_Linked_Size": str(len(content))}
                self.give(b"", 302, Location=f"{hub.elsewhere}/large/{digest}", **headers)
                return
            self.give(content, Content_Type="application/octet-stream", **headers)

        def give_large(self, digest: str) -> None:
            self.give(hub.large[digest], Content_Type="application/octet-stream")

        def create(self) -> None:
            asked = json.loads(self.body)
            repo_id = f"{asked.get('organization', 'someone')}/{asked['name']}"
            if not self.allowed():
                self.refuse(401, "", "Invalid username or password.")
            elif not repo_id.startswith("someone/"):
                self.refuse(403, "", "You don't have the rights to create a model under this namespace")
            elif repo_id in hub.repositories:
                self.give({"error": "You already created this model repo", "url": f"{hub.address}/{repo_id}"}, 409)
            else:
                private = bool(asked.get("private") or asked.get("visibility") == "private")
                hub.repositories[repo_id] = Repository(private)
                hub.repositories[repo_id].commit({".gitattributes": b""})
                self.give({"url": f"{hub.address}/{repo_id}", "name": repo_id, "id": "1"})

        def validate(self) -> None:
            _, head, _ = json.loads(self.body)["content"].split("---\n", 2)
            wrong = [] if isinstance(yaml.safe_load(head).get("license", ""), str) else [{"message": "license"}]
            self.give({"errors": wrong, "warnings": []}, 400 if wrong else 200)

        def preupload(self, repo_id: str, revision: str) -> None:
            if self.commit_of(repo_id, revision):
                modes = [
                    {
                        "path": each["path"],
                        "uploadMode": "lfs" if each["path"].endswith(LARGE) else "regular",
                        "shouldIgnore": False,
                    }
                    for each in json.loads(self.body)["files"]
                ]
                self.give({"files": modes})

        def large_batch(self, repo_id: str) -> None:
            objects = [
                {**each, "actions": {"upload": {"href": f"{hub.elsewhere}/large/{each['oid']}"}}}
                for each in json.loads(self.body)["objects"]
            ]
            self.give({"transfer": "basic", "objects": objects}, Content_Type="application/vnd.git-lfs+json")

        def take_large(self, digest: str) -> None:
            assert hashlib.sha256(self.body).hexdigest() == digest
            hub.large[digest] = self.body
            self.give(b"")

        def commit(self, repo_id: str, revision: str) -> None:
            if not self.allowed():
                self.refuse(403, "", "You may not write here")
            elif self.commit_of(repo_id, revision):
                files = {}
                for line in map(json.loads, self.body.splitlines()):
                    value = line["value"]
                    if line["key"] == "file":
                        files[value["path"]] = base64.b64decode(value["content"])
                    elif line["key"] == "lfsFile":
                        files[value["path"]] = hub.large[value["oid"]]
                name = hub.repositories[repo_id].commit(files)
                self.give({"success": True, "commitOid": name, "commitUrl": f"{hub.address}/{repo_id}/commit/{name}"})

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.address, hub.elsewhere = (f"http://{host}:{server.server_port}" for host in ("127.0.0.1", "localhost"))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


ID = "([^/]+/[^/]+)"
ROUTES = (
    (f"GET /api/models/{ID}", "info"),
    (f"GET /api/models/{ID}/revision/([^/]+)", "info"),
    (f"GET /api/models/{ID}/tree/([^/]+)", "tree"),
    (f"(?:HEAD|GET) /{ID}/resolve/([^/]+)/(.+)", "resolve"),
    ("GET /large/([0-9a-f]+)", "give_large"),
    ("POST /api/repos/create", "create"),
    ("POST /api/validate-yaml", "validate"),
    (f"POST /api/models/{ID}/preupload/([^/]+)", "preupload"),
    (rf"POST /{ID}\.git/info/lfs/objects/batch", "large_batch"),
    ("PUT /large/([0-9a-f]+)", "take_large"),
    (f"POST /api/models/{ID}/commit/([^/]+)", "commit"),
)
