"""Forecourt: keeps a dealership's stock and leads in step with the platforms around it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flask import Flask

    from app.config import Settings


def create_app(settings: Settings, **replaced: Any) -> Flask:
    """The web application; see app/factory.py, imported late so that the simulator stays light."""
    from app.factory import create_app as build

    return build(settings, **replaced)
