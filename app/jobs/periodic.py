"""What the clock starts: it only decides and enqueues, within milliseconds (stack §4)."""

from __future__ import annotations

from collections.abc import Sequence

from app.db import ALL_DEALERSHIPS, unit_of_work
from app.jobs.context import application
from app.log import get_logger
from app.parts import parts
from app.services import outbox_delivery, photos, previews, schedules
from app.services.sync import before, sweep

log = get_logger(__name__)
TICK_ID = "forecourt-tick"
TICK_CRON = "* * * * *"


def tick() -> None:
    """Opens a run for every schedule that is due. rq-scheduler calls it once a minute."""
    with application().app_context():
        start_due()
        drop_old_previews()
        drop_old_images()


def start_due() -> list[int]:
    made = parts()
    with unit_of_work(ALL_DEALERSHIPS) as session:
        started = schedules.start_due(
            session, settings=made.settings, queue=made.queue, clock=made.clock
        )
    if started:
        log.info("schedules_started", runs=started)
    return started


def drop_old_previews() -> Sequence[int]:
    """What previews received is of no use after their half hour; it goes after a day."""
    with unit_of_work(ALL_DEALERSHIPS) as session:
        dropped = previews.prune(session, parts().clock.now())
    if dropped:
        log.info("previews_dropped", runs=list(dropped))
    return dropped


def drop_old_images() -> int:
    """What runs replaced is kept for an undo within 30 days (C9)."""
    with unit_of_work(ALL_DEALERSHIPS) as session:
        gone = before.prune(session, parts().clock.now())
    if gone:
        log.info("before_images_dropped", rows=gone)
    return gone


def bring_back() -> list[int]:
    """Re-enqueues lost runs and photo jobs; the scheduler process calls it every few seconds."""
    made = parts()
    with unit_of_work(ALL_DEALERSHIPS) as session:
        alone = photos.unattended(session, made.clock)
        swept = sweep.sweep(session, queue=made.queue, clock=made.clock)
    for run_id, attempt in alone:
        made.queue.photos(run_id, attempt)
    return swept


def deliver() -> int:
    """Sends what waits in the outbox; the scheduler process calls it every few seconds."""
    made = parts()
    ways = outbox_delivery.senders(made.mailer, made.settings.public_url)
    return outbox_delivery.deliver_due(ways, made.clock)
