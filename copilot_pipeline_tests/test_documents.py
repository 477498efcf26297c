"""What the documents promise exists."""

import re

import pytest

from copilot_pipeline_tests.conftest import ROOT

NAMED_TESTS = sorted(set(re.findall(r"`(test_\w+)`", (ROOT / "SECURITY.md").read_text())))


def test_every_threat_points_at_a_test() -> None:
    table = (ROOT / "SECURITY.md").read_text().split("## Threats")[1].split("##")[0]
    rows = [line for line in table.splitlines() if line.startswith("|")][2:]
    assert rows
    assert all("`test_" in row for row in rows)


@pytest.mark.parametrize("name", NAMED_TESTS)
def test_a_test_that_is_pointed_at_exists(name: str) -> None:
    sources = (ROOT / "copilot_pipeline_tests").glob("test_*.py")
    assert any(f"def {name}(" in source.read_text() for source in sources)
