"""Registries of small packages on this machine, as npm, pip, Cargo and Go ask them."""

import base64
import hashlib
import io
import json
import tarfile
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Files = Mapping[str, str]
MODULES = "example.com"


@dataclass(slots=True, kw_only=True)
class Registry:
    """All four under one address: /npm, /simple, /cargo and /go. `answers` are its bodies by
    path."""

    port: int = 0
    answers: dict[str, bytes] = field(default_factory=dict)
    npm: dict[str, dict[str, dict[str, object]]] = field(default_factory=dict)
    crates: dict[str, list[dict[str, object]]] = field(default_factory=dict)
    modules: dict[str, list[str]] = field(default_factory=dict)
    links: dict[str, list[str]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def add_npm(self, name: str, version: str, main: str, **manifest: object) -> None:
        told = {"name": name, "version": version, "main": "index.js", **manifest}
        data = tarred({"package/package.json": json.dumps(told), "package/index.js": main})
        path = f"/npm/{name}/-/{name}-{version}.tgz"
        digest = base64.b64encode(hashlib.sha512(data).digest()).decode()
        old = hashlib.sha1(data, usedforsecurity=False).hexdigest()
        dist = {"tarball": self.url + path, "integrity": f"sha512-{digest}", "shasum": old}
        versions = self.npm.setdefault(name, {})
        versions[version] = {
            **told,
            "dist": dist,
            **({"hasInstallScript": True} if "scripts" in told else {}),
        }
        time = dict.fromkeys(("created", "modified", *versions), "2020-01-01T00:00:00.000Z")
        packument = {
            "_id": name,
            "name": name,
            "dist-tags": {"latest": version},
            "versions": versions,
            "time": time,
        }
        self.answers |= {path: data, f"/npm/{name}": json.dumps(packument).encode()}

    def add_python(self, name: str, version: str, main: str, *, backend: str = "") -> None:
        """A wheel, or with a build backend of its own the source that it builds."""
        about = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        if backend:
            build = (
                '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
            )
            program = f"{BACKEND.format(name=name, version=version, main=main)}\n{backend}"
            top, files = (
                f"{name}-{version}",
                {"pyproject.toml": build, "backend.py": program, "PKG-INFO": about},
            )
            file, data = (
                f"{top}.tar.gz",
                tarred({f"{top}/{path}": text for path, text in files.items()}),
            )
        else:
            file, data = f"{name}-{version}-py3-none-any.whl", zipped(wheel(name, version, main))
        self.links.setdefault(name, []).append(
            f'<a href="/files/{file}#sha256={hashlib.sha256(data).hexdigest()}">{file}</a>'
        )
        self.answers |= {
            f"/files/{file}": data,
            f"/simple/{name}/": "<br>".join(self.links[name]).encode(),
        }

    def add_crate(self, name: str, version: str, main: str, **more: str) -> None:
        manifest = f'[package]\nname = "{name}"\nversion = "{version}"\nedition = "2021"\n'
        top = f"{name}-{version}"
        data = tarred(
            {
                f"{top}/Cargo.toml": manifest,
                f"{top}/src/lib.rs": main,
                **{f"{top}/{path}": text for path, text in more.items()},
            }
        )
        self.crates.setdefault(name, []).append(
            {
                "name": name,
                "vers": version,
                "deps": [],
                "cksum": hashlib.sha256(data).hexdigest(),
                "features": {},
                "yanked": False,
            }
        )
        folder = f"3/{name[0]}" if len(name) == 3 else f"{name[:2]}/{name[2:4]}"
        index = "".join(f"{json.dumps(line)}\n" for line in self.crates[name])
        self.answers |= {
            "/cargo/config.json": (
                json.dumps({"dl": f"{self.url}/cargo/crates/{{crate}}/{{version}}"}).encode()
            ),
            f"/cargo/{folder}/{name}": index.encode(),
            f"/cargo/crates/{name}/{version}": data,
        }

    def add_module(self, name: str, version: str, main: str) -> None:
        path, mod = f"{MODULES}/{name}", f"module {MODULES}/{name}\n\ngo 1.18\n"
        known = self.modules.setdefault(name, [])
        known.append(version)
        info = json.dumps({"Version": version, "Time": "2020-01-01T00:00:00Z"}).encode()
        files = {f"{path}@{version}/go.mod": mod, f"{path}@{version}/{name}.go": main}
        self.answers |= {
            f"/go/{path}/@v/list": "\n".join(known).encode(),
            f"/go/{path}/@latest": info,
            f"/go/{path}/@v/{version}.info": info,
            f"/go/{path}/@v/{version}.mod": mod.encode(),
            f"/go/{path}/@v/{version}.zip": zipped(files),
        }


BACKEND = """
import os, pathlib, zipfile

def build_wheel(folder, settings=None, metadata=None):
    attack()
    name = "{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(folder, name), "w") as made:
        made.writestr("{name}.py", {main!r})
        made.writestr("{name}-{version}.dist-info/METADATA", "Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n")
        made.writestr("{name}-{version}.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        made.writestr("{name}-{version}.dist-info/RECORD", "{name}.py,,\\n")
    return name
"""


def wheel(name: str, version: str, main: str) -> Files:
    info = f"{name}-{version}.dist-info"
    return {
        f"{name}.py": main,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": (
            "Wheel-Version: 1.0\nGenerator: by hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        ),
        f"{info}/RECORD": f"{name}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n",
    }


def tarred(files: Files) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as tar:
        for path, text in files.items():
            info = tarfile.TarInfo(path)
            info.size, info.mode = len(text.encode()), 0o644
            tar.addfile(info, io.BytesIO(text.encode()))
    return made.getvalue()


def zipped(files: Files) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as target:
        for path, text in files.items():
            target.writestr(path, text)
    return made.getvalue()


@contextmanager
def serving() -> Iterator[Registry]:
    """A registry that answers until the end of the block."""
    registry = Registry()

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = registry.answers.get(self.path.partition("?")[0])
            self.send_response(404 if body is None else 200)
            kind = (
                "text/html"
                if self.path.startswith("/simple")
                else "application/json"
                if self.path.startswith("/npm")
                else "text/plain"
            )
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body or b"")

        do_HEAD = do_GET  # noqa: N815  # its name is that of the method, for the standard library

        def log_message(self, *_args: object) -> None:
            """Nobody reads it."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        registry.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield registry
        finally:
            server.shutdown()
            thread.join()
