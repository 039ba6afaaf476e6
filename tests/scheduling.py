"""Which tests stay together on one worker: those of a file, and those that start the product.

A product is six processes. Four of them at once, beside other tests on two cores, miss every limit
of time; so the tests with a running product make two queues, whatever the number of workers.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from xdist.scheduler import LoadFileScheduling

OWN_PRODUCT = {"test_kills.py", "test_kills_of_trust.py", "test_run.py"}
SHARED_PRODUCT = PurePosixPath("tests/e2e")


class QueuesOfProducts(LoadFileScheduling):
    """By file, but for the files of the two queues."""

    def _split_scope(self, nodeid: str) -> str:
        return queue_of(super()._split_scope(nodeid))


def queue_of(file: str) -> str:
    """The name of a file's queue: its own, or that of all with a product of this sort."""
    path = PurePosixPath(file)
    if path.name in OWN_PRODUCT:
        return "products of their own"
    return "the shared product" if SHARED_PRODUCT in path.parents else file
