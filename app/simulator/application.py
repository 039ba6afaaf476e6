"""Puts the simulator's WSGI app together: one blueprint per vendor, one for the control page."""

from flask import Flask

from app.simulator.control import control
from app.simulator.easycars.api import easycars
from app.simulator.world import DEFAULT_SEED, DEFAULT_VEHICLES, World


def create_simulator(
    vehicles: int = DEFAULT_VEHICLES,
    seed: int = DEFAULT_SEED,
    scenario: str | None = None,
    photos: str = "drawn",
) -> Flask:
    """The WSGI app. `photos` is "drawn", or "fast" for benchmarks.

    Scenarios that cut or hold connections need the simulator's own server: `running_simulator`
    or `main`.
    Raises UnknownScenario or ValueError for what it does not know.
    """
    world = World(vehicles, seed, scenario, photos)
    app = Flask("app.simulator", static_url_path="/control/static")
    app.config["world"] = world
    app.register_blueprint(easycars(lambda: world))
    app.register_blueprint(control(lambda: world))
    return app
