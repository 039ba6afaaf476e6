"""Rows 9 to 15: AES-256-GCM at rest, key ids, binding, rotation."""

from __future__ import annotations

import base64
import pickle
import re
from pathlib import Path

import pytest

from app.config import Settings, SettingsInvalid
from app.secret import Secret
from app.services.credential_encryption import (
    NONCE_BYTES,
    CiphertextMalformed,
    CiphertextRefused,
    CredentialEncryptionService,
    EncryptionError,
    KeyUnknown,
    KeyUnusable,
)

PLACE = "credential:7:easycars:account_secret"
PLAINTEXT = "canary-plaintext-of-this-file"


def key(number: int, size: int = 32) -> Secret:
    return Secret(base64.b64encode(bytes([number] * size)).decode())


def service(*numbers: int) -> CredentialEncryptionService:
    return CredentialEncryptionService([(f"k{number}", key(number)) for number in numbers])


@pytest.mark.parametrize(
    "text",
    ["", "a", "EC100001", "Zoë's Übergrößenträger 車", "🚗", "x" * 10_000],
    ids=["empty", "one letter", "number", "other alphabets", "outside the BMP", "10 kB"],
)
def test_round_trip(text: str) -> None:
    crypto = service(1)
    assert crypto.decrypt(crypto.encrypt(text, PLACE), PLACE).reveal() == text


def test_stored_text_names_its_key_and_hides_the_rest() -> None:
    stored = service(1).encrypt(PLAINTEXT, PLACE)
    assert re.fullmatch(r"vk1\.[A-Za-z0-9_=-]+", stored)
    assert PLAINTEXT not in stored
    assert base64.b64encode(PLAINTEXT.encode()).decode() not in stored


def test_a_thousand_encryptions_have_a_thousand_nonces() -> None:
    crypto = service(1)
    sealed = [crypto.encrypt(PLAINTEXT, PLACE) for _ in range(1000)]
    nonces = {base64.urlsafe_b64decode(text.partition(".")[2])[:NONCE_BYTES] for text in sealed}
    assert len(nonces) == len(set(sealed)) == 1000


@pytest.mark.parametrize(
    "place",
    ["credential:8:easycars:account_secret", "credential:7:easycars:account_number", ""],
    ids=["another dealership", "another field", "nowhere"],
)
def test_a_moved_value_does_not_open(place: str) -> None:
    crypto = service(1)
    with pytest.raises(CiphertextRefused):
        crypto.decrypt(crypto.encrypt(PLAINTEXT, PLACE), place)


def tampered(stored: str) -> str:
    head, _, body = stored.partition(".")
    sealed = bytearray(base64.urlsafe_b64decode(body))
    sealed[-1] ^= 1
    return f"{head}.{base64.urlsafe_b64encode(sealed).decode()}"


FAULTS = {
    "changed bytes": (tampered, CiphertextRefused),
    "wrong key of the same name": (
        lambda stored: CredentialEncryptionService([("k1", key(9))]).encrypt("other", PLACE),
        CiphertextRefused,
    ),
    "unknown key": (lambda stored: stored.replace("vk1.", "vk9."), KeyUnknown),
    "no dot": (lambda stored: stored.replace(".", ""), CiphertextMalformed),
    "no version": (lambda stored: stored[1:], CiphertextMalformed),
    "not base64": (lambda stored: "vk1.!!!!", CiphertextMalformed),
    "too short": (lambda stored: "vk1.AAAA", CiphertextMalformed),
    "cut": (lambda stored: stored[:20], CiphertextMalformed),
    "empty": (lambda stored: "", CiphertextMalformed),
    "plaintext left by somebody": (lambda stored: PLAINTEXT, CiphertextMalformed),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_has_its_own_error_without_plaintext(fault: str) -> None:
    spoil, expected = FAULTS[fault]
    stored = service(1).encrypt(PLAINTEXT, PLACE)
    with pytest.raises(expected) as caught:
        service(1).decrypt(spoil(stored), PLACE)
    assert isinstance(caught.value, EncryptionError)
    assert PLAINTEXT not in f"{caught.value} {caught.value.user_message} {caught.value.facts}"
    assert key(1).reveal() not in str(caught.value)


@pytest.mark.parametrize("size", [0, 16, 31, 33, 64])
def test_a_key_of_another_size_is_refused(size: int) -> None:
    with pytest.raises(KeyUnusable, match="32 bytes"):
        CredentialEncryptionService([("k1", key(1, size))])


def test_without_any_key_nothing_starts() -> None:
    with pytest.raises(KeyUnusable, match="CREDENTIAL_KEYS"):
        CredentialEncryptionService([])


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "CREDENTIAL_KEYS: is required in production"),
        (f"k1:{key(1, 16).reveal()}", "not the base64 of 32 bytes"),
        ("k1:not base64", "not the base64 of 32 bytes"),
        (key(1).reveal(), "each key is id:base64"),
    ],
    ids=["missing", "16 bytes", "not base64", "no id"],
)
def test_production_refuses_to_start_and_says_why(value: str | None, words: str) -> None:
    environ = {"FORECOURT_ENV": "production"} | ({"CREDENTIAL_KEYS": value} if value else {})
    with pytest.raises(SettingsInvalid) as caught:
        Settings.from_env(environ)
    assert words in str(caught.value)
    assert key(1).reveal() not in str(caught.value)


def test_rotation_reads_old_values_and_writes_with_the_newest_key() -> None:
    old = service(1).encrypt(PLAINTEXT, PLACE)
    both = service(2, 1)
    assert not both.is_current(old)
    renewed = both.encrypt(both.decrypt(old, PLACE).reveal(), PLACE)
    assert both.is_current(renewed)
    assert service(2).decrypt(renewed, PLACE).reveal() == PLAINTEXT
    with pytest.raises(KeyUnknown):
        service(2).decrypt(old, PLACE)


def test_no_key_is_written_in_the_code() -> None:
    """32 bytes in base64 are 44 characters that end in =."""
    root = Path(__file__).parents[2]
    found = [
        f"{path.relative_to(root)}: {match[0]}"
        for folder in ("app", "migrations", "docs")
        for path in (root / folder).rglob("*")
        if path.is_file() and path.suffix in {".py", ".md", ".html", ".ini", ".toml"}
        for match in re.finditer(r"(?<![\w+/])[A-Za-z0-9+/]{43}=(?![\w=])", path.read_text())
    ]
    assert found == []


def test_a_generated_development_key_is_private(tmp_path: Path) -> None:
    environ = {"FORECOURT_INSTANCE": str(tmp_path)}
    first = Settings.from_env(environ).credential_keys
    assert Settings.from_env(environ).credential_keys == first
    assert (tmp_path / "credential_keys").stat().st_mode & 0o077 == 0
    assert first[0][1].reveal() not in repr(Settings.from_env(environ))


def test_a_secret_cannot_be_printed_or_pickled() -> None:
    secret = Secret(PLAINTEXT)
    shown = f"{secret} {secret!r} {[secret]} { ({'key': secret}) }"
    assert PLAINTEXT not in shown
    with pytest.raises(TypeError, match="must not be pickled"):
        pickle.dumps(secret)
