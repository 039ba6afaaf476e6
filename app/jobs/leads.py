"""The job that sends a dealership's leads: its id in, the outcome on leads and messages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from app.db import reading
from app.jobs.context import application
from app.parts import parts
from app.services import credentials
from app.services.leads import delivery
from app.services.leads.delivery import Way
from app.services.leads.sending import Means
from app.services.sync import registry


def send_leads(dealership_id: int) -> None:
    """Delivers what is due in the dealership's lane; harmless to repeat."""
    with application().app_context():
        deliver(dealership_id)


def deliver(dealership_id: int) -> delivery.Delivered:
    made = parts()
    return delivery.deliver(dealership_id, open_way, Means(made.queue, made.clock))


@contextmanager
def open_way(dealership_id: int) -> Iterator[Way]:
    """The dealership's open account at EasyCars. Raises NotConfigured or EncryptionError."""
    made = parts()
    with reading(dealership_id) as session:
        keys, credential = credentials.keys_for(session, dealership_id, made.crypto)
        environment = credential.environment
    with registry.provider("easycars").connect(keys, environment, made.outside) as api:
        yield Way(api.leads, environment, api.client.door.within)
