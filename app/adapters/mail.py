"""How mails leave: to the log (`console:`) or to an SMTP server (`smtp://…`, `smtps://…`).

One connection per mail, every step with a time limit: few mails leave, and a connection that is
kept would have to be watched. A 4xx answer means later, a 5xx answer for the recipient never.
"""

from __future__ import annotations

import smtplib
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate, parseaddr
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

from app.config import Settings
from app.log import get_logger
from app.secret import Secret
from app.services.ports import Mail, Mailer, MailRefused, MailUnavailable

log = get_logger(__name__)
PATIENCE_S: Final = 20.0
PORTS: Final = {"smtps": 465, "smtp": 25, "starttls": 587}


@dataclass(frozen=True)
class Server:
    """Where mails are handed over. `security`: smtp (none), starttls or smtps."""

    host: str
    port: int
    security: str
    user: str | None = None
    password: Secret | None = None


class ConsoleMailer:
    """Development: a line in the log says that a mail would have left, and where to."""

    def send(self, mail: Mail) -> None:
        log.info("mail_to_log", recipient=mail.recipient, mail_id=mail.message_id)

    def check(self) -> None:
        return


class SmtpMailer:
    """A Mailer over smtplib; thread-safe, because nothing is shared between mails."""

    def __init__(self, server: Server, sender: str) -> None:
        self.server = server
        self.sender = sender

    def send(self, mail: Mail) -> None:
        message = as_message(mail, self.sender)
        with _in_words(self.server), self._connected() as connection:
            connection.send_message(message)

    def check(self) -> None:
        with _in_words(self.server), self._connected() as connection:
            connection.noop()

    @contextmanager
    def _connected(self) -> Iterator[smtplib.SMTP]:
        connection = self._connect()
        try:
            if self.server.security == "starttls":
                connection.starttls(context=ssl.create_default_context())
            if self.server.user and self.server.password:
                connection.login(self.server.user, self.server.password.reveal())
            yield connection
            _say_goodbye(connection)
        finally:
            connection.close()

    def _connect(self) -> smtplib.SMTP:
        server = self.server
        if server.security == "smtps":
            context = ssl.create_default_context()
            return smtplib.SMTP_SSL(server.host, server.port, timeout=PATIENCE_S, context=context)
        return smtplib.SMTP(server.host, server.port, timeout=PATIENCE_S)


def _say_goodbye(connection: smtplib.SMTP) -> None:
    """The mail is taken already: a server that hangs up first must not have it sent again."""
    try:
        connection.quit()
    except (OSError, smtplib.SMTPException) as exc:
        log.info("mail_server_left_early", kind=type(exc).__name__)


@contextmanager
def _in_words(server: Server) -> Iterator[None]:
    """Our two errors for what can go wrong; texts of the server may name persons and stay out."""
    where = f"{server.host}:{server.port}"
    try:
        yield
    except smtplib.SMTPRecipientsRefused as exc:
        codes = sorted(code for code, _ in exc.recipients.values())
        if all(500 <= code < 600 for code in codes):
            raise MailRefused(f"{where} refuses this recipient ({codes[0]}).") from None
        raise MailUnavailable(f"{where} cannot take mail for this recipient now.") from None
    except smtplib.SMTPAuthenticationError as exc:
        raise MailUnavailable(f"{where} refuses the user or password ({exc.smtp_code}).") from None
    except smtplib.SMTPResponseException as exc:
        raise MailUnavailable(f"{where} answered {exc.smtp_code}.") from None
    except ssl.SSLError as exc:
        raise MailUnavailable(f"No safe connection to {where}: {exc.reason}.") from None
    except (socket.gaierror, TimeoutError, OSError, smtplib.SMTPException) as exc:
        raise MailUnavailable(f"Cannot hand mail to {where}: {type(exc).__name__}.") from None


def as_message(mail: Mail, sender: str) -> EmailMessage:
    """Plain text with an HTML twin, marked as a program's: nobody's absence note comes back."""
    name, address = parseaddr(sender)
    host = address.rpartition("@")[2]
    message = EmailMessage()
    message["From"] = Address(name, addr_spec=address)
    message["To"] = Address(addr_spec=mail.recipient)
    message["Subject"] = mail.subject
    message["Date"] = formatdate(usegmt=True)
    message["Message-ID"] = f"<{mail.message_id}@{host}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(mail.text)
    message.add_alternative(mail.html, subtype="html")
    return message


def open_mailer(settings: Settings) -> Mailer:
    """What MAIL_URL names; nothing is connected before the first mail."""
    if settings.mail_url == "console:":
        return ConsoleMailer()
    return SmtpMailer(read_url(settings.mail_url), settings.mail_from)


def read_url(url: str) -> Server:
    """`smtp://user:password@host:port?tls=1` (STARTTLS) or `smtps://…`; user and password may be
    percent-encoded."""
    parts = urlsplit(url)
    wants_tls = parse_qs(parts.query).get("tls", ["0"])[-1] in ("1", "true", "yes", "on")
    security = parts.scheme if parts.scheme == "smtps" or not wants_tls else "starttls"
    return Server(
        host=parts.hostname or "",
        port=parts.port or PORTS[security],
        security=security,
        user=unquote(parts.username) if parts.username else None,
        password=Secret(unquote(parts.password)) if parts.password else None,
    )
