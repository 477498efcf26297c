"""Memory does not grow with a report: what large and hostile ones take in their own process."""

import gzip
import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from copilot_pipeline.simulated_github import Organization, ReportFiles, SimulatedGitHub
from copilot_pipeline.sources.activity import ACTIVITY_NAMES
from copilot_pipeline_tests.conftest import ROOT
from copilot_pipeline_tests.loading import (
    USERS,
    import_organizations,
    newest_complete_day,
    read_table,
)

MAX_MIB = 400
MIB = 1024 * 1024
FILES = 10
# With 20,000, as a report of a very large enterprise has, the peaks are the same.
USERS_IN_FILE = int(os.environ.get("COPILOT_PIPELINE_USERS_IN_FILE", "2500"))
SLUG = "octo-demo"


def activity(number: int) -> dict[str, int]:
    return dict.fromkeys(ACTIVITY_NAMES, number)


def user(number: int, **more: Any) -> str:
    """About 1 kB of JSON."""
    day = str(newest_complete_day())
    few = activity(number % 50)
    record = {
        "day": day,
        "user_id": number,
        "user_login": f"octo-user-{number}",
        "used_chat": True,
        **few,
        "totals_by_ide": [{"ide": "vscode", **few}],
        "totals_by_feature": [{"feature": "code_completion", **few}],
        "totals_by_language_feature": [
            {"language": language, "feature": "code_completion", "loc_added_sum": 1}
            for language in ("python", "go")
        ],
        "totals_by_model_feature": [{"model": "gpt-4o", "feature": "agent_edit", **few}],
        **more,
    }
    return json.dumps(record) + "\n"


def users(first: int, count: int) -> str:
    return "".join(user(number) for number in range(first, first + count))


def run(how: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "copilot_pipeline_tests.peak_memory", how]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


@pytest.fixture
def github() -> Iterator[SimulatedGitHub]:
    with SimulatedGitHub([Organization(SLUG)]) as simulated:
        yield simulated


def give(github: SimulatedGitHub, files: list[bytes | str]) -> None:
    reports = github.organization(SLUG).reports
    reports[USERS, newest_complete_day()] = ReportFiles(files)


@pytest.mark.slow
def test_a_report_of_many_users_loads_rebuilds_and_is_restated_in_little_memory(
    warehouse_environment: str, github: SimulatedGitHub
) -> None:
    import_organizations(warehouse_environment, github, SLUG, reports=[USERS])
    each = USERS_IN_FILE
    files = [users(1 + number * each, each) for number in range(FILES)]
    # A user of the first file comes in the second one too, with a larger number.
    files[1] += user(1, loc_added_sum=10**6)
    give(github, [*files])
    loaded = run("load")
    assert loaded["state"] == "LOADED", loaded["error"]
    assert loaded["rows"]["_tool_copilot_user_metrics"] == FILES * each
    assert loaded["rows"]["_raw_copilot_metrics"] == FILES
    assert loaded["peak"] < MAX_MIB
    assert run("rebuild")["peak"] < MAX_MIB
    # Revised by GitHub: what was there before is read again for its headline values.
    give(github, [*files[:-1], files[-1] + user(10**9 + 7)])
    revised = run("load")
    assert revised["notes"] == {"restated": 1}
    assert revised["peak"] < MAX_MIB
    restated = read_table(warehouse_environment, "_tool_copilot_restatements")
    changed = {row["metric"]: row["new"] - row["old"] for row in restated}
    assert changed["row_count"] == 1
    assert changed["user_initiated_interaction_count"] == (10**9 + 7) % 50


DAY = str(newest_complete_day()).encode()
# What packs badly, so that what follows it may pack too well.
NOISE = b'{"noise":"%s"}' % random.Random(1).randbytes(160_000).hex().encode()


def bomb_of(name: str) -> bytes:
    """Made when it is needed: together they take 600 MiB."""
    match name:
        # 1,000 to 1: given up after some megabytes.
        case "spaces":
            return b" " * (200 * MIB)
        case "blank lines":
            return b"\n" * (200 * MIB)
        # Within the ratio: some 25 MiB are unpacked, whose objects would take twenty times as much.
        case "array":
            return b"[" + NOISE + b",[" + b"[]," * (8 * MIB) + b"[]]]"
        case "object":
            return b'{"a":[' + NOISE + b"," + b"[]," * (8 * MIB) + b"[]]}"
        case "wrapped":
            return b'{"day_totals":[' + NOISE + b"," + b"{}," * (8 * MIB) + b"{}]}"
        case "line":
            first = b'{"day":"%s","user_id":1}\n{"a":[' % DAY
            return first + NOISE + b",[]" * (8 * MIB) + b"]}\n"
    return (
        b'{"day":"%s","user_id":1}\n' % DAY
        + b'{"day":"%s","user_id":1,"a":[%s]}\n' % (DAY, b"[]," * MIB + NOISE)
        + b'{"day":"%s","user_id":1,"a":[%s[]]}\n' % (DAY, b"[]," * MIB) * 4
        + b"cut"
    )


BOMBS = ("spaces", "blank lines", "array", "object", "wrapped", "line", "lines")


@pytest.mark.parametrize(
    "name",
    ["array", *(pytest.param(name, marks=pytest.mark.slow) for name in BOMBS if name != "array")],
)
def test_ten_small_files_that_unpack_to_huge_ones_end_in_little_memory(
    warehouse_environment: str, github: SimulatedGitHub, name: str
) -> None:
    import_organizations(warehouse_environment, github, SLUG, reports=[USERS])
    bomb = gzip.compress(bomb_of(name))
    assert len(bomb) < 300_000
    give(github, [f"{number}" for number in range(FILES)])
    headers = {"content-encoding": "gzip"}
    github.faults.add(".", origin="download", status=200, body=bomb, headers=headers)
    figures = run("load")
    assert figures["state"] == "FAILED"
    assert figures["peak"] < MAX_MIB
    assert read_table(warehouse_environment, "_raw_copilot_metrics") == []
