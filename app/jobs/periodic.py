"""What the clock starts: it only decides and enqueues, within milliseconds (stack §4)."""

from __future__ import annotations

from app.db import ALL_DEALERSHIPS, unit_of_work
from app.jobs.context import application
from app.log import get_logger
from app.parts import parts
from app.services import outbox_delivery, photos, schedules
from app.services.sync import sweep

log = get_logger(__name__)
TICK_ID = "forecourt-tick"
TICK_CRON = "* * * * *"


def tick() -> None:
    """Opens a run for every schedule that is due. rq-scheduler calls it once a minute."""
    with application().app_context():
        start_due()


def start_due() -> list[int]:
    made = parts()
    with unit_of_work(ALL_DEALERSHIPS) as session:
        started = schedules.start_due(
            session, settings=made.settings, queue=made.queue, clock=made.clock
        )
    if started:
        log.info("schedules_started", runs=started)
    return started


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
