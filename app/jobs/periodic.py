"""What the clock starts: it only decides and enqueues, within milliseconds (stack §4)."""

from __future__ import annotations

from collections.abc import Sequence

from app.db import ALL_DEALERSHIPS, reading, unit_of_work
from app.jobs.context import application
from app.log import get_logger
from app.parts import parts
from app.services import kept_forms, outbox_delivery, photos, previews, retention, schedules
from app.services.leads import alarms, delivery, sending
from app.services.leads.sending import Means
from app.services.problems import sweep as problem_sweep
from app.services.reconciliation import keeping, weekly
from app.services.sync import before, sweep

log = get_logger(__name__)
TICK_ID = "forecourt-tick"
TICK_CRON = "* * * * *"


def tick() -> None:
    """Opens a run for every schedule that is due. rq-scheduler calls it once a minute."""
    with application().app_context():
        start_due()
        start_reconciliations()
        offer_kept_leads()
        tell_overdue()
        drop_old_previews()
        drop_old_images()
        drop_old_differences()
        drop_kept_forms()
        clear_history()
        look_for_problems()


def start_due() -> list[int]:
    made = parts()
    with unit_of_work(ALL_DEALERSHIPS) as session:
        started = schedules.start_due(
            session, settings=made.settings, queue=made.queue, clock=made.clock
        )
    if started:
        log.info("schedules_started", runs=started)
    return started


def start_reconciliations() -> list[int]:
    """After the syncs: one that is due at the same minute waits until they have ended."""
    made = parts()
    with unit_of_work(ALL_DEALERSHIPS) as session:
        started = weekly.start_due(
            session, settings=made.settings, queue=made.queue, clock=made.clock
        )
    if started:
        log.info("reconciliations_started", runs=started)
    return started


def tell_overdue() -> int:
    """Puts mails about leads that nobody answered in time (C53)."""
    with unit_of_work(ALL_DEALERSHIPS) as session:
        told = alarms.overdue(session, parts().clock.now())
    if told:
        log.info("leads_overdue", leads=told)
    return told


def look_for_problems() -> int:
    """Opens and closes problems that are states (C30). Also called by the scheduler process, which
    lives when no worker does and would see that nothing starts."""
    made = parts()
    changed = problem_sweep.sweep(made.settings, made.clock.now())
    if changed:
        log.info("problems_changed", dealerships=changed)
    return changed


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


def drop_kept_forms() -> int:
    """What somebody typed before the sign-in ended waits half an hour, no longer (ADR 22)."""
    with unit_of_work(ALL_DEALERSHIPS) as session:
        return kept_forms.prune(session, parts().clock.now())


def drop_old_differences() -> int:
    """Resolved differences are kept for 90 days."""
    with unit_of_work(ALL_DEALERSHIPS) as session:
        gone = keeping.prune(session, parts().clock.now())
    if gone:
        log.info("differences_dropped", rows=gone)
    return gone


def clear_history() -> int:
    """Removes runs that are older than their dealership keeps them; about 10,000 rows a minute,
    so it is the last thing of a tick (row 188)."""
    cleared = retention.clear_due(parts().clock)
    if cleared.rows:
        log.info("history_cleared", runs=cleared.runs, rows=cleared.rows)
    return cleared.runs


def bring_back() -> list[int]:
    """Re-enqueues lost runs and photo jobs; the scheduler process calls it every few seconds."""
    made = parts()
    with unit_of_work(ALL_DEALERSHIPS) as session:
        alone = photos.unattended(session, made.clock)
        swept = sweep.sweep(session, queue=made.queue, clock=made.clock)
    for run_id, attempt in alone:
        made.queue.photos(run_id, attempt)
    return swept


def offer_kept_leads() -> int:
    """Leads from before the connection go out once there is one, however it was made."""
    made = parts()
    with reading(ALL_DEALERSHIPS) as session:
        found = sending.with_kept(session)
    means = Means(made.queue, made.clock)
    for dealership_id in found:
        with unit_of_work(dealership_id) as session:
            sending.queue_kept(session, means)
    return len(found)


def wake_lanes() -> list[int]:
    """Asks workers to send the leads that are due; the scheduler process calls it every few
    seconds, so that a lost job or a try that is due again waits no longer."""
    made = parts()
    now = made.clock.now()
    with reading(ALL_DEALERSHIPS) as session:
        due = sorted(delivery.due(session, now))
    for dealership_id in due:
        made.queue.leads(dealership_id, f"{now:%H%M%S}")
    return due


def deliver() -> int:
    """Sends what waits in the outbox; the scheduler process calls it every few seconds."""
    made = parts()
    ways = outbox_delivery.senders(made.mailer, made.settings.public_url)
    return outbox_delivery.deliver_due(ways, made.clock)
