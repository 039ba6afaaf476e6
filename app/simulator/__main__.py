"""`python -m app.simulator`: the simulator alone, without the rest of the product."""

import argparse

from app.simulator.running import DEFAULT_PORT, main
from app.simulator.showroom.photos import MODES
from app.simulator.world import DEFAULT_SEED, DEFAULT_VEHICLES

parser = argparse.ArgumentParser(prog="python -m app.simulator")
parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="0 takes a free one")
parser.add_argument("--vehicles", type=int, default=DEFAULT_VEHICLES)
parser.add_argument("--seed", type=int, default=DEFAULT_SEED)
parser.add_argument("--scenario")
parser.add_argument("--host", default="127.0.0.1")
parser.add_argument("--photos", choices=MODES, default="drawn")
if __name__ == "__main__":
    main(**vars(parser.parse_args()))
