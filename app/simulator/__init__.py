"""The simulator: doubles of the outside services that Forecourt talks to, over real HTTP.

Part of the product: it serves development, tests, benchmarks, screenshots and training. It knows
nothing of Forecourt's own models, services or database, so that it can prove them wrong.
"""

from app.simulator.application import create_simulator
from app.simulator.easycars.accounts import (
    DEMO_ACCOUNT_NUMBER,
    DEMO_ACCOUNT_SECRET,
    DEMO_CLIENT_ID,
    DEMO_CLIENT_SECRET,
    SECOND_CLIENT_ID,
    SECOND_CLIENT_SECRET,
    SINGLE_PAIR_NUMBER,
    account_number,
    account_secret,
)
from app.simulator.easycars.wire import STOCK_FIELDS
from app.simulator.running import RunningSimulator, main, running_simulator
from app.simulator.scenarios import SCENARIOS

__all__ = [
    "DEMO_ACCOUNT_NUMBER",
    "DEMO_ACCOUNT_SECRET",
    "DEMO_CLIENT_ID",
    "DEMO_CLIENT_SECRET",
    "SCENARIOS",
    "SECOND_CLIENT_ID",
    "SECOND_CLIENT_SECRET",
    "SINGLE_PAIR_NUMBER",
    "STOCK_FIELDS",
    "RunningSimulator",
    "account_number",
    "account_secret",
    "create_simulator",
    "main",
    "running_simulator",
]
