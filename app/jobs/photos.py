"""The photo job: ids in, one service call, outcome in the run's row."""

from __future__ import annotations

from app.jobs.context import application
from app.log import bound
from app.parts import parts
from app.services import photos


def sync_photos(run_id: int, attempt: int) -> None:
    """Fetches the photos of a run. `attempt` names the job in the queue and its log lines."""
    with application().app_context(), bound(run_id=run_id, attempt=attempt):
        photos.sync_photos(run_id, means())


def means() -> photos.PhotoMeans:
    """What the photo work gets from the app that runs it."""
    found = parts()
    return photos.PhotoMeans(
        media=found.media,
        clock=found.clock,
        allowed=photos.AllowedHosts(
            found.settings.easycars_image_hosts, found.settings.allow_insecure_providers
        ),
    )
