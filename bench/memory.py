"""Peak memory over idle, each side in a fresh process. Run as `python -m bench.memory`."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path

from bench import floors
from bench.measure import Figure
from bench.stage import Stage, application

LIMIT_MB = 100.0
# Less than this is the allocator's chance.
LEAST_MB = 1.0
FLOOR = "GET, split, hash of the bytes, in a process of its own"


def peak(stage: Stage, size: int, rounds: int) -> Figure:
    """Megabytes that a first load takes on top of a worker that has loaded the app."""
    ours, bare = [], []
    for _ in range(rounds):
        stage.empty()
        ours.append(_child("product", stage))
        bare.append(_child("floor", stage))
    return Figure(
        "memory",
        stage.kind,
        size,
        tuple(ours),
        tuple(bare),
        floor_is=FLOOR,
        limit=LIMIT_MB,
        unit="MB over idle",
    )


def _child(side: str, stage: Stage) -> float:
    run_id = stage.open_run() if side == "product" else 0
    facts = {
        "url": stage.database_url,
        "simulator": stage.simulator.base_url,
        "folder": str(stage.folder),
        "run": run_id,
    }
    command = [sys.executable, "-m", "bench.memory", side, json.dumps(facts)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert side == "floor" or stage.summary(run_id)["status"] == "Success", done.stderr
    return max(LEAST_MB, float(done.stdout.splitlines()[-1]))


def _megabytes() -> float:
    """The most that this process has had so far. Linux hands a child its parent's `ru_maxrss`, so
    the kernel's own page is read where there is one."""
    status = Path("/proc/self/status")
    if status.exists():
        lines = status.read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 / 1024


def _floor(facts: dict[str, str]) -> float:
    feed = floors.Feed.of(facts["simulator"])
    idle = _megabytes()
    floors.split_and_hash(feed)
    return _megabytes() - idle


def _product(facts: dict[str, str]) -> float:
    from app.jobs.sync import engine_ports
    from app.parts import parts
    from app.services.sync import engine
    from app.simulator import RunningSimulator

    with application(facts["url"], RunningSimulator(facts["simulator"]), Path(facts["folder"])):
        idle = _megabytes()
        engine.execute(int(facts["run"]), "bench", engine_ports(parts()))
        return _megabytes() - idle


if __name__ == "__main__":
    print(round({"product": _product, "floor": _floor}[sys.argv[1]](json.loads(sys.argv[2])), 1))
