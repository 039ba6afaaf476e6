"""House rule: nobody goes round the session, and so round the wall, without being listed here."""

from __future__ import annotations

import re
from pathlib import Path

APP = Path(__file__).parents[2] / "app"
ROUND = re.compile(r"\.connection\(\)|exec_driver_sql\(|\.bulk_\w+\(|engine\.(?:begin|connect)\(")
# Who may, and why that shows no row of another dealership.
LISTED = {
    "db.py": "begins SQLite's transactions",
    "tenancy.py": "names what it cannot see",
    "adapters/health_checks.py": "asks whether the database answers",
    "ops/run.py": "waits for the database at the start",
    "services/credentials.py": "reads whether the transaction may write",
    "services/sync/bulk.py": "bulk loads; new ids are fresh, updates name the dealership",
    "services/sync/heart.py": "renews the lease of a run that this worker already holds",
}


def test_only_listed_modules_go_round_the_session() -> None:
    found = {
        path.relative_to(APP).as_posix()
        for path in APP.rglob("*.py")
        if ROUND.search(path.read_text(encoding="utf-8"))
    }
    assert found - set(LISTED) == set()
