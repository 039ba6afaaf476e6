"""The one place where the parts meet."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from weakref import WeakSet

from flask import Flask
from flask_migrate import Migrate

from app import cli, routes, security, templating
from app.adapters.mail import open_mailer
from app.adapters.media import open_media
from app.adapters.redis_state import open_shared_state
from app.config import Settings
from app.db import db, init_database
from app.jobs.queues import RqJobQueue
from app.log import configure_logging
from app.parts import Parts, SystemClock
from app.routes import context, errors, kept, pressing
from app.services.credential_encryption import CredentialEncryptionService
from app.services.http import Outside


def create_app(settings: Settings, **replaced: Any) -> Flask:
    """Builds the application. `replaced` parts (clock=, queue=, media= ...) serve the tests."""
    app = Flask(__name__, instance_path=str(settings.instance))
    app.config.update(
        SECRET_KEY=settings.secret_key.reveal(),
        TESTING=settings.testing,
        MAX_CONTENT_LENGTH=32 * 1024 * 1024,
        JSON_SORT_KEYS=False,
    )
    configure_logging(settings)
    init_database(app, settings.database_url)
    Migrate(app, db, directory=str(_migrations()), compare_type=True)
    app.extensions["forecourt"] = _parts(settings, replaced)
    security.init_security(app)
    templating.register(app)
    context.register(app)
    kept.register(app)
    pressing.register(app)
    routes.register(app)
    errors.register(app)
    cli.add_to(app)
    _survive_forks(app)
    return app


def _parts(settings: Settings, replaced: dict[str, Any]) -> Parts:
    crypto = CredentialEncryptionService(settings.credential_keys)
    tokens, circuits = open_shared_state(settings.redis_url, crypto)
    made: dict[str, Any] = {
        "settings": settings,
        "clock": SystemClock(),
        "queue": RqJobQueue(settings.redis_url),
        "crypto": crypto,
        "outside": Outside(settings, tokens=tokens, circuits=circuits),
        "media": open_media(settings),
        "mailer": open_mailer(settings),
    }
    return Parts(**(made | replaced))


def _migrations() -> Path:
    return Path(__file__).parent.parent / "migrations"


_apps: WeakSet[Flask] = WeakSet()


def _survive_forks(app: Flask) -> None:
    """A child must not share its parent's connections: both would read the other's answers."""
    _apps.add(app)


def _forget_connections() -> None:
    for app in _apps:
        with app.app_context():
            db.engine.dispose(close=False)


# Once, because a hook cannot be taken back and would keep every app alive (a test run makes 1,000).
os.register_at_fork(after_in_child=_forget_connections)
