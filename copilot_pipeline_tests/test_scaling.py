"""The numbers of docs/scaling.md that are computed."""

import re
from math import ceil

import yaml  # type: ignore[import-untyped]

from copilot_pipeline.rules import GAP_REQUESTS, REQUESTS_PER_HOUR, REREAD_DAYS
from copilot_pipeline.sources.reports import REPORT_REACH_DAYS
from copilot_pipeline_tests.conftest import ROOT

PAGE = (ROOT / "docs/scaling.md").read_text()
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if re.search(r"\| (once|twice) \|", line)
]


def number(text: str) -> int:
    return int(text.replace(",", ""))


def test_the_requests_and_hours_of_the_table_follow_from_the_formulas() -> None:
    assert len(ROWS) == 9
    for organizations, enterprise, people, collected, first, hours, daily, daily_hours in ROWS:
        count, persons, enterprises = number(organizations), number(people), enterprise == "yes"
        of_organization = 2 if enterprises and collected == "once" else 4
        reports = count * of_organization + 4 * enterprises
        pages = count * ceil(persons / count / 100) + enterprises * ceil(persons / 100)
        snapshots = count + enterprises + pages
        assert number(first) == reports * REPORT_REACH_DAYS + snapshots
        assert number(daily) == reports * REREAD_DAYS + snapshots
        assert hours == f"{number(first) / REQUESTS_PER_HOUR:.1f}"
        assert daily_hours == f"{number(daily) / REQUESTS_PER_HOUR:.1f}"


def test_the_page_is_short_and_shows_the_queue_and_limit_that_are_used() -> None:
    assert len(PAGE.splitlines()) < 200
    assert f"at most {GAP_REQUESTS:,} requests" in PAGE
    (block,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    compose = yaml.safe_load((ROOT / "deploy/compose/dagster.yaml").read_text())
    assert yaml.safe_load(block)["run_coordinator"] == compose["run_coordinator"]
