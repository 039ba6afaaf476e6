"""A small threaded HTTP/1.1 server for WSGI that can also misbehave on purpose.

Ready-made WSGI servers hide the socket or close it after each answer. A double of an outside
service needs both: kept-alive connections for hundreds of photos, and a connection that can be cut,
reset or left hanging exactly where a scenario wants it.
"""

import os
import select
import socket
import struct
import sys
from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from typing import Any
from urllib.parse import unquote

CONNECTION_KEY = "simulator.connection"
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Connection:
    """The caller's connection, as scenarios see it: reset it, or wait until the caller gives up."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.was_cut = False

    def reset(self) -> None:
        """Close with RST instead of FIN, without a single byte of an answer."""
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self.was_cut = True
        # detach: the request's reader shares the socket object and would delay a plain close()
        os.close(self._sock.detach())

    def caller_left_within(self, seconds: float) -> bool:
        """Wait at most `seconds`; True as soon as the caller has hung up."""
        readable, _, _ = select.select([self._sock], [], [], seconds)
        return bool(readable) and self._sock.recv(1, socket.MSG_PEEK) == b""


class Handler(BaseHTTPRequestHandler):
    """One connection: reads requests, runs the WSGI app, writes answers with their exact length."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: "SimulatorServer"

    def serve(self) -> None:
        link = Connection(self.connection)
        head: list[Any] = []
        length = int(self.headers.get("Content-Length") or 0)
        environ = self._environ(self.rfile.read(length), link)
        answer = self.server.app(
            environ, lambda status, headers, *_: head.extend((status, headers))
        )
        try:
            if link.was_cut:
                self.close_connection = True
            else:
                self._send(head[0], head[1], answer)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        finally:
            getattr(answer, "close", lambda: None)()

    def _send(self, status: str, headers: list[tuple[str, str]], answer: Iterable[bytes]) -> None:
        code, _, reason = status.partition(" ")
        self.send_response_only(int(code), reason)
        self.send_header("Server", "ForecourtSimulator")
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        promised = int(dict(headers).get("Content-Length", 0))
        sent = 0
        for block in answer:
            self.wfile.write(block)
            sent += len(block)
        if sent < promised and self.command != "HEAD":
            self.close_connection = True  # a truncated answer: the caller must notice the cut

    def _environ(self, body: bytes, link: Connection) -> dict[str, Any]:
        path, _, query = self.path.partition("?")
        host, port = self.server.server_address[:2]
        environ = {
            "REQUEST_METHOD": self.command,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote(path, "latin-1"),
            "QUERY_STRING": query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "SERVER_NAME": str(host),
            "SERVER_PORT": str(port),
            "SERVER_PROTOCOL": self.request_version,
            "REMOTE_ADDR": self.client_address[0],
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": BytesIO(body),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            CONNECTION_KEY: link,
        }
        for name, value in self.headers.items():
            environ.setdefault("HTTP_" + name.upper().replace("-", "_"), value)
        return environ

    def log_message(self, *_: Any) -> None:
        """Silent: request lines of RequestToken carry secrets, and the call log tells the rest."""


for _method in ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"):
    setattr(Handler, f"do_{_method}", Handler.serve)


class SimulatorServer(ThreadingHTTPServer):
    """Listens at once when made; `serve_forever()` answers. Port 0 takes a free one."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, app: WsgiApp, host: str = "127.0.0.1", port: int = 0) -> None:
        self.app = app
        super().__init__((host, port), Handler)

    @property
    def base_url(self) -> str:
        host, port = self.server_address[:2]
        return f"http://{host!s}:{port}"

    def server_bind(self) -> None:
        """Bind without the reverse name look-up of HTTPServer, which can take seconds."""
        socket.socket.setsockopt(self.socket, socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Callers that hang up in the middle are part of the game; anything else is printed."""
        if not isinstance(sys.exc_info()[1], ConnectionError | TimeoutError):
            super().handle_error(request, client_address)
