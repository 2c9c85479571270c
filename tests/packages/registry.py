"""A package registry on loopback, as NPM has them."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


@dataclass
class Registry:
    """What it has, by path; asked tells what was asked for."""

    base: str = ""
    answers: dict[str, tuple[int, dict[str, str], bytes]] = field(default_factory=dict)
    listings: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def add(self, archive: Path, name: str, version: str, shasum: str | None = None) -> None:
        content = archive.read_bytes()
        sha = hashlib.sha1(content, usedforsecurity=False).hexdigest() if shasum is None else shasum
        self.answers[f"/{name}/{version}"] = 200, {"Content-Type": "application/gzip"}, content
        listing = self.listings.setdefault(name, {"name": name, "dist-tags": {}, "versions": {}})
        tarball = f"{self.base}/{name}/{version}"
        listing["versions"][version] = {"name": name, "version": version, "dist": {"shasum": sha, "tarball": tarball}}
        listing["dist-tags"]["latest"] = version

    def answer(self, path: str) -> tuple[int, dict[str, str], bytes]:
        self.asked.append(path)
        listing = self.listings.get(path[1:])
        if listing is not None:
            return 200, {"Content-Type": "application/json"}, json.dumps(listing).encode()
        return self.answers.get(path, (404, {}, b""))


@contextmanager
def serving_registry() -> Iterator[Registry]:
    """Serve a registry for as long as the context lasts."""
    registry = Registry()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, content = registry.answer(self.path)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        registry.base = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield registry
        finally:
            server.shutdown()
            thread.join()
