"""Loads the newest day's users report in a process of its own, which prints what it took.

Its own, because a process never gives back its peak: `python -m … URL TOKEN`, with `DATABASE_URL`.
"""

import json
import os
import sys
from pathlib import Path

from copilot_pipeline.accounts import open_client
from copilot_pipeline.collect.rebuild import rebuild_metrics
from copilot_pipeline.collect.scopes import select_scopes
from copilot_pipeline.days import newest_complete_day
from copilot_pipeline.warehouse.database import Database


def main(how: str) -> None:
    """Prints the state, the error, the rows by table, and the peak MiB of this process."""
    with Database(os.environ["DATABASE_URL"]) as database:
        scopes, days = select_scopes(database), [newest_complete_day()]
        if how == "load":
            (outcome,) = load_metrics(database, open_client, scopes, days)
        else:
            (outcome,) = rebuild_metrics(database, scopes, days, list(TRANSFORMS[USERS]))
    print(
        json.dumps(
            {
                "state": outcome.state.name,
                "error": str(outcome.error or ""),
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
