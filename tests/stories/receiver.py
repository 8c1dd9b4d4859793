"""A receiver of notices on loopback: a real HTTP server, as well-behaved as a test wants it."""

import json
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests import PATIENCE


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """Where it listens, and what came; `answers` lets the slow one go on."""

    port: int
    came: "queue.Queue[tuple[str, dict[str, Any]]]" = field(default_factory=queue.Queue)
    answers: threading.Event = field(default_factory=threading.Event)

    def url(self, manner: str) -> str:
        return f"http://127.0.0.1:{self.port}/{manner}/s3cret-key"

    def next(self) -> tuple[str, dict[str, Any]]:
        """The next that came: its manner and its JSON, {} for a ping."""
        return self.came.get(timeout=PATIENCE)

    def until(self, event: str) -> list[tuple[str, dict[str, Any]]]:
        """Everything up to the notice of this event."""
        told = [self.next()]
        while told[-1][1].get("event") != event:
            told.append(self.next())
        return told


@contextmanager
def receiver() -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            manner = self.path.split("/")[1]
            own.came.put((manner, json.loads(body) if body else {}))
            match manner:
                case "slow":
                    own.answers.wait(PATIENCE)
                case "drip":
                    while not own.answers.wait(0.02):
                        self.wfile.write(b"HTTP/1.1 200 OK\r\nX: y\r\n"[:1])
                case "nonsense":
                    self.wfile.write(b"\x00\xff I am a teapot\r\n\r\n")
                case "redirect":
                    self.send_response(302)
                    self.send_header("Location", own.url("elsewhere"))
                    self.end_headers()
                case _:
                    self.send_response(500 if manner == "broken" else 204)
                    self.end_headers()

        do_GET = do_POST  # noqa: N815  # as the server calls it

        def log_message(self, *_args: object) -> None:
            """Nothing is written to the terminal of the tests."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_args: object) -> None:
            """A sender that hung up is what some tests are about."""

    with Server(("127.0.0.1", 0), Handler) as server:
        own = Receiver(port=server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield own
        finally:
            own.answers.set()
            server.shutdown()
            thread.join()
