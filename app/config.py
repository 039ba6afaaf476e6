"""Settings: every environment variable that Forecourt reads, typed, read once (contract §3).

`Settings.from_env` collects all problems before it refuses, so that an engineer fixes a
deployment in one go. In development secrets that nobody gave are generated into the instance
folder; in production their absence is a problem.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from app.environment import Variables
from app.secret import Secret

DEFAULT_IMAGE_HOSTS = ("easycars.com.au", "easycars.net.au")
LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class SettingsInvalid(SystemExit):
    """Refuses the start; prints every problem on a line of its own."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        lines = "\n".join(f"  - {problem}" for problem in problems)
        super().__init__(f"Forecourt cannot start. Settings to correct:\n{lines}")


@dataclass(frozen=True)
class Settings:
    """What the environment says; field names are the variables' names in lower case."""

    env: str = "development"
    instance: Path = Path("instance")
    database_url: str = "sqlite:///instance/forecourt.db"
    redis_url: str | None = None
    secret_key: Secret = field(default_factory=lambda: Secret(""))
    credential_keys: tuple[tuple[str, Secret], ...] = ()
    easycars_test_base_url: str = "https://testmy.easycars.com.au/TestECService"
    easycars_production_base_url: str = "https://my.easycars.net.au/ECService"
    easycars_client_id: Secret | None = None
    easycars_client_secret: Secret | None = None
    easycars_timeout: float = 30.0
    easycars_stock_timeout: float = 120.0
    easycars_image_hosts: tuple[str, ...] = DEFAULT_IMAGE_HOSTS
    allow_insecure_providers: bool = False
    stock_sync_cron: str = "0 2 * * *"
    lead_sync_cron: str = "0 * * * *"
    auto_sync_enabled: bool = True
    manual_syncs_per_hour: int = 5
    media_url: str = "file://instance/media"
    media_s3_endpoint: str | None = None
    mail_url: str = field(default="console:", repr=False)
    mail_from: str = "Forecourt <forecourt@localhost>"
    public_url: str | None = None
    trusted_proxies: int = 0
    log_format: str = "pretty"
    log_level: str = "INFO"
    sync_batch_size: int = 1000
    testing: bool = False

    @property
    def production(self) -> bool:
        return self.env == "production"

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Reads the process environment. Raises SettingsInvalid naming every problem."""
        return _Reader(os.environ if environ is None else environ).settings()


def easycars_keys(environ: Mapping[str, str] | None = None) -> dict[str, Secret]:
    """The keys for `forecourt credentials set`, by field name; what is not set is absent."""
    reader = _Reader(os.environ if environ is None else environ)
    names = ("client_id", "client_secret", "account_number", "account_secret")
    found = {name: reader.optional_secret(f"EASYCARS_{name.upper()}") for name in names}
    if reader.problems:
        raise SettingsInvalid(reader.problems)
    return {name: value for name, value in found.items() if value}


class _Reader(Variables):
    """One pass over the environment, variable by variable."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        super().__init__(environ)
        self.env = self.choice("FORECOURT_ENV", "development", {"development", "production"})
        self.instance = Path(environ.get("FORECOURT_INSTANCE", "instance")).absolute()
        if not self.production:
            self.environ = _of_running_instance(self.instance) | dict(environ)

    def settings(self) -> Settings:
        found = Settings(
            env=self.env,
            instance=self.instance,
            database_url=self.database_url(),
            redis_url=self.redis_url(),
            secret_key=self.secret_key(),
            credential_keys=self.credential_keys(),
            easycars_test_base_url=self.base_url(
                "EASYCARS_TEST_BASE_URL", Settings.easycars_test_base_url
            ),
            easycars_production_base_url=self.base_url(
                "EASYCARS_PRODUCTION_BASE_URL", Settings.easycars_production_base_url
            ),
            easycars_client_id=self.optional_secret("EASYCARS_CLIENT_ID"),
            easycars_client_secret=self.optional_secret("EASYCARS_CLIENT_SECRET"),
            easycars_timeout=self.number("EASYCARS_TIMEOUT", 30.0, 0.1, 600.0),
            easycars_stock_timeout=self.number("EASYCARS_STOCK_TIMEOUT", 120.0, 0.1, 3600.0),
            easycars_image_hosts=self.hosts("EASYCARS_IMAGE_HOSTS"),
            allow_insecure_providers=self.flag("ALLOW_INSECURE_PROVIDERS", False),
            stock_sync_cron=self.cron("STOCK_SYNC_CRON", "0 2 * * *"),
            lead_sync_cron=self.cron("LEAD_SYNC_CRON", "0 * * * *"),
            auto_sync_enabled=self.flag("AUTO_SYNC_ENABLED", True),
            manual_syncs_per_hour=int(self.number("MANUAL_SYNCS_PER_HOUR", 5, 1, 10_000)),
            media_url=self.media_url(),
            media_s3_endpoint=self.text("MEDIA_S3_ENDPOINT"),
            mail_url=self.mail_url(),
            mail_from=self.mail_from(),
            public_url=self.public_url(),
            trusted_proxies=int(self.number("TRUSTED_PROXIES", 0, 0, 10)),
            log_format=self.choice(
                "LOG_FORMAT", "json" if self.production else "pretty", {"json", "pretty"}
            ),
            log_level=self.choice(
                "LOG_LEVEL", "INFO", {"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"}
            ),
            sync_batch_size=int(self.number("SYNC_BATCH_SIZE", 1000, 50, 20_000)),
        )
        self.check_production(found)
        if self.problems:
            raise SettingsInvalid(self.problems)
        return found

    @property
    def production(self) -> bool:
        return self.env == "production"

    def cron(self, name: str, default: str) -> str:
        value = self.text(name) or default
        if not re.fullmatch(r"\S+( \S+){4}", value):
            self.problems.append(f"{name}: {value!r} is not a cron line of five fields")
            return default
        return value

    def hosts(self, name: str) -> tuple[str, ...]:
        value = self.text(name)
        if value is None:
            return DEFAULT_IMAGE_HOSTS
        return tuple(host.strip().lower() for host in value.split(",") if host.strip())

    def base_url(self, name: str, default: str) -> str:
        """An EasyCars address: https, with the path prefix (easycars-api §1, §11 row 2)."""
        value = (self.text(name) or default).rstrip("/")
        parts = urlsplit(value)
        loopback = parts.hostname in LOOPBACK
        insecure_allowed = loopback and self.flag("ALLOW_INSECURE_PROVIDERS", False)
        if parts.scheme != "https" and not (parts.scheme == "http" and insecure_allowed):
            self.problems.append(f"{name}: must start with https:// (got {value!r})")
        elif not parts.path.strip("/"):
            self.problems.append(f"{name}: the path is missing, e.g. {default} (got {value!r})")
        return value

    def database_url(self) -> str:
        value = self.text("DATABASE_URL")
        if value is None:
            return f"sqlite:///{self.instance / 'forecourt.db'}"
        if value.startswith("postgres://"):
            value = "postgresql://" + value.removeprefix("postgres://")
        if value.startswith("postgresql://"):
            value = "postgresql+psycopg://" + value.removeprefix("postgresql://")
        if not value.startswith(("sqlite://", "postgresql+psycopg://")):
            self.problems.append("DATABASE_URL: only postgresql:// and sqlite:/// are supported")
        return value

    def redis_url(self) -> str | None:
        """REDIS_URL, else the address that a running embedded server left in the instance."""
        value = self.text("REDIS_URL")
        embedded = self.instance / "redis.url"
        if value is None and embedded.exists():
            return embedded.read_text(encoding="utf-8").strip()
        return value

    def media_url(self) -> str:
        value = self.text("MEDIA_URL")
        if value is None:
            return f"file://{self.instance / 'media'}"
        if not value.startswith(("file://", "s3://")):
            self.problems.append("MEDIA_URL: must start with file:// or s3://")
        return value

    def mail_url(self) -> str:
        """The message never repeats the address: it may hold a password."""
        value = self.text("MAIL_URL") or "console:"
        try:
            parts = urlsplit(value)
            usable = parts.scheme in ("smtp", "smtps") and parts.hostname and parts.port != 0
        except ValueError:
            usable = None
        if value != "console:" and not usable:
            self.problems.append(
                "MAIL_URL: must be console: or smtp://user:password@host:port?tls=1"
            )
            return "console:"
        return value

    def mail_from(self) -> str:
        value = self.text("MAIL_FROM") or Settings.mail_from
        if not re.fullmatch(r"[^<>@\r\n]*<[^<>@\s]+@[^<>@\s]+>|[^<>@\s]+@[^<>@\s]+", value):
            self.problems.append(f"MAIL_FROM: {value!r} is not an address like Name <a@b.example>")
        return value

    def public_url(self) -> str | None:
        value = self.text("PUBLIC_URL")
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            self.problems.append(f"PUBLIC_URL: {value!r} is not an address like https://host")
        return value.rstrip("/")

    def secret_key(self) -> Secret:
        value = self.text("SECRET_KEY")
        if value is None and not self.production:
            value = self.generated("secret_key", lambda: secrets.token_hex(32))
        if not value:
            self.problems.append("SECRET_KEY: is required in production")
        elif len(value) < 32:
            self.problems.append("SECRET_KEY: must have at least 32 characters")
        return Secret(value or "")

    def credential_keys(self) -> tuple[tuple[str, Secret], ...]:
        value = self.text("CREDENTIAL_KEYS")
        if value is None and not self.production:
            value = self.generated("credential_keys", _new_credential_key)
        if not value:
            self.problems.append("CREDENTIAL_KEYS: is required in production")
            return ()
        return tuple(key for part in value.split(",") if (key := self.credential_key(part)))

    def credential_key(self, part: str) -> tuple[str, Secret] | None:
        """One `id:base64-of-32-bytes`; the message never repeats the key (row 1.2.2)."""
        key_id, _, encoded = part.strip().partition(":")
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,32}", key_id):
            self.problems.append(
                "CREDENTIAL_KEYS: each key is id:base64, the id of A-Z a-z 0-9 _ -"
            )
            return None
        try:
            size = len(base64.b64decode(encoded, validate=True))
        except (binascii.Error, ValueError):
            size = 0
        if size != 32:
            self.problems.append(f"CREDENTIAL_KEYS: key {key_id!r} is not the base64 of 32 bytes")
            return None
        return key_id, Secret(encoded)

    def generated(self, name: str, make: Callable[[], str]) -> str:
        """A development secret, made once; O_EXCL lets one of several processes win."""
        path = self.instance / name
        self.instance.mkdir(parents=True, exist_ok=True)
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return path.read_text(encoding="utf-8").strip()
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(make())
        return path.read_text(encoding="utf-8").strip()

    def check_production(self, found: Settings) -> None:
        if not self.production:
            return
        if found.database_url.startswith("sqlite"):
            self.problems.append("DATABASE_URL: production needs PostgreSQL")
        if not found.redis_url:
            self.problems.append("REDIS_URL: is required in production")
        if found.allow_insecure_providers:
            self.problems.append("ALLOW_INSECURE_PROVIDERS: not in production")


def _of_running_instance(instance: Path) -> dict[str, str]:
    """What `./dev run` set for its processes, so that a command in another shell sees the same."""
    left = instance / "run.env"
    lines = left.read_text(encoding="utf-8").splitlines() if left.exists() else []
    return dict(line.split("=", 1) for line in lines if "=" in line)


def _new_credential_key() -> str:
    return f"k1:{base64.b64encode(secrets.token_bytes(32)).decode()}"
