"""A real HTTP server of pictures that can misbehave, for tests of the photo job."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import sleep


@dataclass
class Answer:
    """What one path answers; `promise` is a Content-Length that differs from the body's."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    wait: float = 0.0
    promise: int | None = None


class Pictures:
    """`answers[path]` is served; requests are counted, with how many ran at the same time."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.asked: Counter[str] = Counter()
        self.statuses: Counter[int] = Counter()
        self.headers: list[dict[str, str]] = []
        self.most_at_once = 0
        self._now = 0
        self._lock = threading.Lock()
        self.base_url = ""

    def put(self, path: str, body: bytes = b"", **rest: object) -> str:
        """Serves `body` at `path`; returns its address."""
        self.answers[path] = Answer(body, **rest)  # type: ignore[arg-type]
        return self.base_url + path

    def enter(self, path: str, headers: dict[str, str]) -> Answer:
        with self._lock:
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
            self.asked[path] += 1
            self.headers.append(headers)
        return self.answers.get(path, Answer(b"<h1>404</h1>", 404))

    def leave(self, status: int) -> None:
        with self._lock:
            self._now -= 1
            self.statuses[status] += 1

    def forget(self) -> None:
        self.asked.clear()
        self.statuses.clear()
        self.headers.clear()


@contextmanager
def picture_server() -> Iterator[Pictures]:
    pictures = Pictures()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = pictures.enter(self.path, headers)
            status = answer.status
            try:
                sleep(answer.wait)
                if "ETag" in answer.headers:
                    status = _status(answer, headers)
                self._send(answer, status)
            finally:
                pictures.leave(status)

        def _send(self, answer: Answer, status: int) -> None:
            body = b"" if status == 304 else answer.body
            self.send_response(status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(answer.promise or len(body)))
            self.end_headers()
            self.wfile.write(body)
            self.close_connection = answer.promise is not None

        def log_message(self, *args: object) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    pictures.base_url = f"http://127.0.0.1:{server.server_port}"
    yield pictures
    server.shutdown()
    thread.join()
    server.server_close()


def _status(answer: Answer, headers: dict[str, str]) -> int:
    return 304 if headers.get("if-none-match") == answer.headers["ETag"] else answer.status
