"""What `forecourt doctor` looks at besides the health page: keys, mail, outside addresses."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from sqlalchemy import select

from app.adapters.health_checks import checks, in_app
from app.db import ALL_DEALERSHIPS, reading
from app.models import EasyCarsCredential
from app.parts import Parts
from app.services import credentials, health
from app.services.credential_encryption import EncryptionError
from app.services.health import Check, Part, Report
from app.services.ports import MailUnavailable

LIMIT_S: Final = 8.0
CONNECT_S: Final = 4.0
PORTS: Final = {"https": 443, "http": 80}


def examine(made: Parts) -> Report:
    """All checks of the health page and the doctor's own. Needs an application context."""
    inside = in_app()
    own: dict[str, Check] = {
        "keys": inside(lambda: keys(made)),
        **checks(made),
        "mail": lambda: mail(made),
        "outside": inside(lambda: outside(made)),
    }
    return health.gather(own, LIMIT_S)


def keys(made: Parts) -> Part:
    """Whether every stored credential opens; and whether a rotation is due."""
    opened, unreadable = 0, []
    with reading(ALL_DEALERSHIPS) as db:
        for row in db.scalars(select(EasyCarsCredential)):
            try:
                credentials.open_keys(row, made.crypto)
                opened += 1
            except EncryptionError:
                unreadable.append(row.dealership_id)
        old = {} if unreadable else credentials.outdated(db, made.crypto)
    if unreadable:
        words = f"The credentials of dealerships {unreadable} do not open with CREDENTIAL_KEYS."
        return Part("down", words, "Put the missing key back, or enter the credentials again.")
    if old:
        words = f"{len(old)} dealerships still use an older key."
        return Part("degraded", words, "Run: forecourt keys rotate")
    return Part("ok", f"{opened} credentials open.")


def mail(made: Parts) -> Part:
    """Whether the mail server takes our sign-in; nothing is sent."""
    if made.settings.mail_url == "console:":
        return Part("ok", "Mails are written to the log (MAIL_URL is console:).")
    try:
        made.mailer.check()
    except MailUnavailable as exc:
        cure = "Check MAIL_URL: host, port, tls, user and password."
        return Part("degraded", str(exc), cure)
    if made.settings.public_url is None:
        words = "The mail server answers, but links in mails have no address."
        return Part("degraded", words, "Set PUBLIC_URL to the address that people open.")
    return Part("ok", "The mail server answers and takes the sign-in.")


def outside(made: Parts) -> Part:
    """Addresses of the environments that some dealership uses; nothing is sent."""
    with reading(ALL_DEALERSHIPS) as db:
        used = list(db.scalars(select(EasyCarsCredential.environment).distinct()))
    if not used:
        return Part("ok", "No dealership is connected yet.")
    return _reach({_host_and_port(made, environment) for environment in used}, "EasyCars")


def _host_and_port(made: Parts, environment: str) -> str:
    address = urlsplit(made.outside.base_url("easycars", environment))
    return f"{address.hostname}:{address.port or PORTS[address.scheme]}"


def _reach(hosts: Iterable[str], what: str) -> Part:
    missing = [host for host in sorted(hosts) if not _answers(host)]
    if missing:
        words = f"Cannot reach {', '.join(missing)}."
        return Part("degraded", words, f"Check the {what} address, the network and the firewall.")
    return Part("ok", f"Reached {', '.join(sorted(hosts))}.")


def _answers(host: str) -> bool:
    name, _, port = host.rpartition(":")
    try:
        socket.create_connection((name, int(port)), timeout=CONNECT_S).close()
    except OSError:
        return False
    return True
