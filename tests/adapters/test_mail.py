"""Mails over a real SMTP connection, and what each refusal means."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.adapters.mail import ConsoleMailer, SmtpMailer, open_mailer, read_url
from app.config import Settings, SettingsInvalid
from app.services.ports import Mail, MailRefused, MailUnavailable
from tests.smtp_server import Manners, mail_server

pytestmark = pytest.mark.integration
MAIL = Mail(
    "anna@example.com",
    "Käfer waits",
    "12 vehicles wait.\n.dot first\n",
    "<p>12 vehicles wait.</p>",
    "outbox-1-7",
)


def mailer(port: int) -> SmtpMailer:
    server = read_url(f"smtp://127.0.0.1:{port}")
    return SmtpMailer(server, "Forecourt <noreply@forecourt.example>")


def test_a_mail_arrives_whole() -> None:
    manners = Manners()
    with mail_server(manners) as port:
        mailer(port).send(MAIL)
    (got,) = manners.mails
    assert (got.sender, got.recipient) == ("noreply@forecourt.example", "anna@example.com")
    assert got.message["Subject"] == "Käfer waits"
    assert got.message["Message-ID"] == "<outbox-1-7@forecourt.example>"
    assert got.message["Auto-Submitted"] == "auto-generated"
    text, html = got.message.iter_parts()
    assert text.get_content().splitlines() == MAIL.text.splitlines()
    assert html.get_content().strip() == MAIL.html


@pytest.mark.parametrize(
    ("answers", "kind"),
    [
        pytest.param({"RCPT": "550 no such user"}, MailRefused, id="no such recipient is final"),
        pytest.param({"RCPT": "451 greylisted"}, MailUnavailable, id="greylisting means later"),
        pytest.param({"DATA": "452 disk full"}, MailUnavailable, id="a full disk means later"),
        pytest.param({"MAIL": "530 sign in"}, MailUnavailable, id="a wrong set-up is not final"),
        pytest.param({"EHLO": "421 busy", "HELO": "421 busy"}, MailUnavailable, id="busy"),
    ],
)
def test_refusals(answers: dict[str, str], kind: type[Exception]) -> None:
    manners = Manners(answers)
    with mail_server(manners) as port, pytest.raises(kind) as caught:
        mailer(port).send(MAIL)
    assert manners.mails == []
    assert "anna" not in str(caught.value)


def test_nobody_there_is_later() -> None:
    with mail_server(Manners()) as port:
        pass
    with pytest.raises(MailUnavailable, match=f"127.0.0.1:{port}"):
        mailer(port).send(MAIL)
    with pytest.raises(MailUnavailable):
        mailer(port).check()


def test_a_server_that_hangs_up_after_taking_the_mail_took_it() -> None:
    manners = Manners(hangs_up_before_goodbye=True)
    with mail_server(manners) as port:
        mailer(port).send(MAIL)
    assert len(manners.mails) == 1


def test_check_sends_nothing() -> None:
    manners = Manners()
    with mail_server(manners) as port:
        mailer(port).check()
    assert (manners.mails, manners.sessions) == ([], 1)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://mx.example", ("mx.example", 25, "smtp", None)),
        ("smtp://mx.example?tls=1", ("mx.example", 587, "starttls", None)),
        ("smtps://mx.example", ("mx.example", 465, "smtps", None)),
        ("smtp://a%40b:p%2Fw@mx.example:2525?tls=1", ("mx.example", 2525, "starttls", "a@b")),
    ],
)
def test_mail_url(url: str, expected: tuple[object, ...]) -> None:
    server = read_url(url)
    assert (server.host, server.port, server.security, server.user) == expected
    if server.user:
        assert server.password is not None
        assert server.password.reveal() == "p/w"
    assert "p/w" not in repr(server)


def test_a_server_without_starttls_gets_no_password() -> None:
    manners = Manners()
    with mail_server(manners) as port:
        server = read_url(f"smtp://anna:hidden@127.0.0.1:{port}?tls=1")
        with pytest.raises(MailUnavailable):
            SmtpMailer(server, "a@b.example").send(MAIL)
    assert manners.mails == []


def test_console_says_where_to_and_no_more(capsys: pytest.CaptureFixture[str]) -> None:
    sent = open_mailer(Settings())
    assert isinstance(sent, ConsoleMailer)
    sent.check()
    sent.send(replace(MAIL, text="secret content"))
    told = capsys.readouterr()
    assert "secret content" not in told.out + told.err


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MAIL_URL", "mx.example:25"),
        ("MAIL_URL", "smtp://"),
        ("MAIL_URL", "smtp://user:hidden@host:99999"),
        ("MAIL_FROM", "nobody"),
        ("MAIL_FROM", "a@b.example\r\nBcc: c@d.example"),
        ("PUBLIC_URL", "forecourt.example"),
    ],
)
def test_wrong_settings_are_named_and_not_repeated(name: str, value: str, tmp_path: object) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        Settings.from_env({name: value, "FORECOURT_INSTANCE": str(tmp_path)})
    (problem,) = caught.value.problems
    assert problem.startswith(name)
    assert "hidden" not in problem
