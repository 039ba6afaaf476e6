"""A real server on loopback whose answers, and misbehaviour, a test writes down beforehand."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

Behaviour = Callable[[socket.socket, "ScriptedServer"], None]
JSON = "Content-Type: application/json\r\n"


@dataclass
class Request:
    at: float
    head: str
    body: bytes


@dataclass
class ScriptedServer:
    """Each request gets the next behaviour; the last one stays for all that follow."""

    script: list[Behaviour]
    listener: socket.socket
    requests: list[Request] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}/TestECService"

    def run(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                link, _ = self.listener.accept()
                threading.Thread(target=self._serve, args=(link,), daemon=True).start()

    def _serve(self, link: socket.socket) -> None:
        with link, contextlib.suppress(OSError):
            while (request := _read(link)) is not None:
                behave = self.script[min(len(self.requests), len(self.script) - 1)]
                self.requests.append(request)
                behave(link, self)


def _read(link: socket.socket) -> Request | None:
    received = b""
    while b"\r\n\r\n" not in received:
        chunk = link.recv(65536)
        if not chunk:
            return None
        received += chunk
    head, _, body = received.partition(b"\r\n\r\n")
    length = next(
        (int(line[15:]) for line in head.lower().split(b"\r\n") if line[:15] == b"content-length:"),
        0,
    )
    while len(body) < length:
        body += link.recv(65536)
    return Request(time.monotonic(), head.decode(), body)


def answer(body: str | bytes, status: int = 200, headers: str = JSON) -> Behaviour:
    content = body.encode() if isinstance(body, str) else body

    def behave(link: socket.socket, server: ScriptedServer) -> None:
        head = f"HTTP/1.1 {status} X\r\n{headers}Content-Length: {len(content)}\r\n\r\n"
        link.sendall(head.encode() + content)

    return behave


def cut(body: bytes, promised: int) -> Behaviour:
    """Promises more than it sends, then hangs up."""

    def behave(link: socket.socket, server: ScriptedServer) -> None:
        head = f"HTTP/1.1 200 OK\r\n{JSON}Content-Length: {promised}\r\n\r\n"
        link.sendall(head.encode() + body)
        link.shutdown(socket.SHUT_RDWR)

    return behave


def reset(link: socket.socket, server: ScriptedServer) -> None:
    """Closes with RST, without a byte."""
    link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    link.close()


def silence(link: socket.socket, server: ScriptedServer) -> None:
    server.ended.wait()


def drip(first: bytes, every: float = 0.05) -> Behaviour:
    """One byte after the other for ever, so that no timeout between two bytes ever fires."""

    def behave(link: socket.socket, server: ScriptedServer) -> None:
        link.sendall(first)
        while not server.ended.wait(every):
            link.sendall(b" ")

    return behave


DRIPPING_HEAD = b"HTTP/1.1 200 OK\r\nX-Slow: "
DRIPPING_BODY = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"


@contextmanager
def scripted(*script: Behaviour) -> Iterator[ScriptedServer]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = ScriptedServer(list(script), listener)
        threading.Thread(target=server.run, daemon=True).start()
        try:
            yield server
        finally:
            server.ended.set()
