"""HTTP only: read input, call one service, choose a template."""

from __future__ import annotations

from importlib import import_module

from flask import Flask

BLUEPRINTS = [
    "mapping:bp",
    "feed_questions:bp",
    "sync_settings:bp",
    "lead_settings:bp",
    "unlocking:bp",
    "dashboard:bp",
    "problems:bp",
    "api.sync:bp",
    "auth:bp",
    "context:bp",
    "kept:bp",
    "people:bp",
    "tokens:bp",
    "audit:bp",
    "system:bp",
    "api.auth:bp",
    "search:bp",
    "vehicles:bp",
    "vehicle_edit:bp",
    "vehicle_acts:bp",
    "vehicle_bulk:bp",
    "vehicle_photos:bp",
    "vehicle_origin:bp",
    "leads:bp",
    "lead_edit:bp",
    "api.leads:bp",
    "customers:bp",
    "customer_merge:bp",
    "quotations:bp",
    "quality:bp",
    "media:bp",
    "api.vehicles:bp",
    "sync_stock:bp",
    "sync_leads:bp",
    "previews:bp",
    "outside:bp",
    "runs:bp",
    "conflicts:bp",
    "reconciliation:bp",
    "reconciliation_files:bp",
    "differences:bp",
    "review:bp",
    "duplicates:bp",
    "go_live:bp",
    "undo:bp",
    "api.undo:bp",
    "history:bp",
    "history_export:bp",
    "history_keeping:bp",
    "run_retry:bp",
    "support:bp",
    "api.run_retry:bp",
    "public_form:bp",
    "health:bp",
    "credentials:bp",
    "api.openapi:bp",
    "api.health:bp",
    "api.credentials:bp",
]


def register(app: Flask) -> None:
    """Mounts every blueprint; the list is text so that a missing line is easy to see."""
    for line in BLUEPRINTS:
        module, _, name = line.partition(":")
        app.register_blueprint(getattr(import_module(f"app.routes.{module}"), name))
