"""A mail server on loopback that keeps what it gets: real SMTP over a real socket."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage


@dataclass
class Received:
    """One mail as the server took it, with its envelope."""

    sender: str
    recipient: str
    message: EmailMessage


@dataclass
class Manners:
    """How the server behaves: an answer in place of "250 ok" for each command named here."""

    answers: dict[str, str] = field(default_factory=dict)
    hangs_up_before_goodbye: bool = False
    mails: list[Received] = field(default_factory=list)
    sessions: int = 0


class _Session(socketserver.StreamRequestHandler):
    manners: Manners

    def handle(self) -> None:
        self.manners.sessions += 1
        self.say("220 tests ready")
        sender = recipient = ""
        while line := self.rfile.readline().decode().rstrip("\r\n"):
            word = line.split()[0].upper()
            if word == "MAIL":
                sender = _address(line)
            elif word == "RCPT":
                recipient = _address(line)
            if word == "DATA" and "DATA" not in self.manners.answers:
                self.say("354 go on")
                self.keep(sender, recipient)
            elif word == "QUIT":
                if not self.manners.hangs_up_before_goodbye:
                    self.say("221 bye")
                return
            self.say(self.manners.answers.get(word, "250 ok"))

    def keep(self, sender: str, recipient: str) -> None:
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        message = message_from_bytes(b"".join(lines), policy=policy.default)
        self.manners.mails.append(Received(sender, recipient, message))

    def say(self, text: str) -> None:
        self.wfile.write(text.encode() + b"\r\n")


def _address(line: str) -> str:
    return line.partition("<")[2].partition(">")[0]


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


@contextmanager
def mail_server(manners: Manners, port: int = 0) -> Iterator[int]:
    """Runs a server that behaves by `manners`; its port."""
    handler = type("Session", (_Session,), {"manners": manners})
    with _Server(("127.0.0.1", port), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()
