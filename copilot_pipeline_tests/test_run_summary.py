"""What a run says: a summary by scope, and one line for each check that warns."""

import json
from datetime import date, timedelta

import pytest

from copilot_pipeline.cli import run_command
from copilot_pipeline.collect.outcomes import Outcome, OutcomeState
from copilot_pipeline.collect.selection import NoScopeError, select_scopes
from copilot_pipeline.collect.summary import ScopeSummary, begin_summaries
from copilot_pipeline.commands.run_summary import print_check_warnings, print_summaries
from copilot_pipeline.simulated_github import Enterprise, Organization, SimulatedGitHub, faults
from copilot_pipeline.warehouse.database import Database
from copilot_pipeline_tests.commands import Output, fail, import_with, on_a_terminal, succeed
from copilot_pipeline_tests.loading import ORGANIZATION, REPOS, USERS

DAY = date(2026, 11, 20)


@pytest.fixture
def imported(
    environment: str, github: SimulatedGitHub, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An account that collects two organizations and an enterprise."""
    monkeypatch.setenv("GITHUB_TOKEN", github.token)
    scopes = ["--org", "octo-demo", "--org", "octo-labs", "--enterprise", "octo-corp"]
    succeed(import_with(github, *scopes), capsys)


@pytest.fixture
def summary(imported: None, database: Database) -> ScopeSummary:
    """The summary of octo-demo before a run, with a day of an earlier one."""
    scope = select_scopes(database, ["octo-demo"])[0]
    return begin_summaries([scope], {scope.id: DAY})[str(scope)]


def outcome(source: str, days_later: int, state: OutcomeState, message: str = "") -> Outcome:
    day = DAY + timedelta(days=days_later)
    return Outcome("organization octo-demo", source, day, state, message=message or None)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.usefixtures("warehouse_environment")
def test_a_day_counts_as_loaded_if_one_of_its_reports_is(summary: ScopeSummary) -> None:
    summary.add(outcome(ORGANIZATION, 1, OutcomeState.LOADED))
    summary.add(outcome(USERS, 1, OutcomeState.KEPT))
    summary.add(outcome(REPOS, 1, OutcomeState.NO_DATA))
    summary.add(outcome(ORGANIZATION, 2, OutcomeState.NOT_READY))
    summary.add(outcome(USERS, 2, OutcomeState.NO_DATA))
    summary.add(outcome("seats", 3, OutcomeState.LOADED))
    assert summary.days == {"loaded": 1, "kept": 0, "without_data": 1, "failed": 0}
    assert summary.newest_day == DAY + timedelta(days=1)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.usefixtures("warehouse_environment")
def test_a_run_without_data_leaves_the_newest_day_of_an_earlier_one(summary: ScopeSummary) -> None:
    summary.add(outcome(ORGANIZATION, 1, OutcomeState.NOT_READY))
    summary.add(outcome("seats", 2, OutcomeState.FAILED, "no seats"))
    summary.add(outcome(REPOS, 1, OutcomeState.NO_ACCESS, "not for you"))
    assert summary.days == {"loaded": 0, "kept": 0, "without_data": 1, "failed": 1}
    assert summary.newest_day == DAY
    assert summary.failures == ["organization octo-demo, 2026-11-22: no seats"]
    assert summary.refused == ["organization octo-demo, 2026-11-21: not for you"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.usefixtures("warehouse_environment")
def test_people_get_a_line_for_each_scope(summary: ScopeSummary, capsys: Output) -> None:
    summary.add(outcome(ORGANIZATION, 1, OutcomeState.LOADED))
    print_summaries([summary, ScopeSummary(summary.scope)])
    assert capsys.readouterr().err.splitlines() == [
        "organization octo-demo: 1 days loaded, 0 kept, 0 without data, 0 failed; newest day "
        "2026-11-21.",
        "organization octo-demo: 0 days loaded, 0 kept, 0 without data, 0 failed; newest day none.",
    ]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.usefixtures("warehouse_environment", "imported")
def test_a_run_may_be_of_some_enterprises_and_organizations(database: Database) -> None:
    def selected(organizations: list[str], enterprises: list[str]) -> list[str]:
        return [each.slug for each in select_scopes(database, organizations, enterprises)]

    assert selected([], ["OCTO-corp"]) == ["octo-corp"]
    assert selected(["octo-labs"], ["octo-corp"]) == ["octo-labs", "octo-corp"]
    assert selected([], []) == ["octo-demo", "octo-labs", "octo-corp"]
    with pytest.raises(NoScopeError, match="the enterprise 'octo-demo'; known: octo-corp"):
        selected(["octo-demo"], ["octo-demo"])


@pytest.mark.usefixtures("imported")
def test_an_unknown_enterprise_is_refused_with_the_known_ones(capsys: Output) -> None:
    said = fail(["run", "--enterprise", "nobody"], capsys)
    assert "no account collects the enterprise 'nobody'; known: octo-corp." in said


@pytest.mark.usefixtures("environment")
def test_the_result_of_a_run_is_told_by_scope(
    capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    corp = Enterprise("octo-corp", [Organization("octo-labs", 12)])
    with SimulatedGitHub([Organization("octo-demo")], enterprises=[corp]) as github:
        monkeypatch.setenv("GITHUB_TOKEN", github.token)
        scopes = ["--org", "octo-demo", "--org", "octo-labs", "--enterprise", "octo-corp"]
        succeed(import_with(github, *scopes), capsys)
        github.faults.add("/enterprises/octo-corp/.*/reports/", **faults.not_owner())
        run_command(["run", "--enterprise", "octo-corp", "--org", "octo-demo"])
    printed = capsys.readouterr()
    newest = str(github.newest_day)
    healthy, refused = json.loads(printed.out)["scopes"]
    assert (healthy["slug"], healthy["newest_day"]) == ("octo-demo", newest)
    assert healthy["sources"][ORGANIZATION] == {"loaded": 1}
    assert healthy["failures"] == []
    assert (refused["kind"], refused["slug"]) == ("enterprise", "octo-corp")
    assert refused["newest_day"] is None
    assert refused["days"]["failed"] == 1
    (failure,) = refused["failures"]
    assert "must be an owner" in failure
    assert "must be an owner" in printed.err
    healthy_line, refused_line = printed.err.splitlines()[-2:]
    assert healthy_line.startswith("organization octo-demo: 1 days loaded")
    assert refused_line.startswith("enterprise octo-corp: 0 days loaded")


@pytest.mark.usefixtures("imported")
def test_a_terminal_gets_the_summary_as_a_table(github: SimulatedGitHub) -> None:
    code, shown = on_a_terminal(["run", "--org", "octo-demo"])
    assert code == 0
    row = shown.partition("newest day")[2].splitlines()[2]
    assert row.split() == ["octo-demo", "1", "0", "0", "0", "0", str(github.newest_day)]
    assert '"runs"' not in shown


def test_a_check_warns_in_one_line_and_verbose_shows_all(capsys: Output) -> None:
    warnings = {"names_are_known": ["2 names are new.", "one", "two"], "token_expiry": ["Soon."]}
    print_check_warnings(warnings, verbose=False)
    assert capsys.readouterr().err.splitlines() == [
        "Warning: names_are_known: 2 names are new. (and 2 more lines)",
        "Warning: token_expiry: Soon.",
        "--verbose prints all lines of the warnings.",
    ]
    print_check_warnings(warnings, verbose=True)
    assert capsys.readouterr().err.splitlines() == [
        "Warning: names_are_known: 2 names are new.",
        "Warning: names_are_known: one",
        "Warning: names_are_known: two",
        "Warning: token_expiry: Soon.",
    ]
    print_check_warnings({"token_expiry": ["Soon."]}, verbose=False)
    assert capsys.readouterr().err == "Warning: token_expiry: Soon.\n"
