"""Loads the newest day's users report in a process of its own, which prints what it took.

Its own, because a process never gives back its peak: `python -m … URL TOKEN`, with `DATABASE_URL`.
"""

import json
import os
import sys
from pathlib import Path

from copilot_pipeline.accounts import open_client
from copilot_pipeline.collect.loader import load
from copilot_pipeline.collect.plan import LoadRequest
from copilot_pipeline.collect.rebuild import rebuild
from copilot_pipeline.collect.selection import select_scopes
from copilot_pipeline.days import Today
from copilot_pipeline.sources.reports import METRICS_STEP
from copilot_pipeline.warehouse.database import Database


def main(how: str) -> None:
    """Prints the state, the error, the rows by table, and the peak MiB of this process."""
    with Database(os.environ["DATABASE_URL"]) as database:
        scopes, today = select_scopes(database), Today.from_clock()
        days = [today.newest]
        if how == "load":
            (outcome,) = load(database, open_client, scopes, METRICS_STEP, LoadRequest(today, days))
        else:
            (outcome,) = rebuild(database, scopes, METRICS_STEP, days, {"user_metrics"})
    print(
        json.dumps(
            {
                "state": outcome.state.name,
                "error": outcome.message or "",
                "rows": dict(outcome.rows),
                "notes": dict(outcome.notes),
                "peak": peak(),
            }
        )
    )


def peak() -> float:
    """MiB. Not `ru_maxrss`, which begins with what the process had that started this one."""
    (line,) = (
        line for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line
    )
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    main(sys.argv[1])
