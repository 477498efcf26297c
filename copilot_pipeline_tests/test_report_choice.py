"""Which reports a scope collects: all, or those that were chosen on import and update."""

import pytest

from copilot_pipeline.simulated_github import Enterprise, Organization, SimulatedGitHub
from copilot_pipeline_tests.commands import Output, fail, import_with, succeed
from copilot_pipeline_tests.loading import (
    ENTERPRISE,
    ORGANIZATION,
    REPOS,
    USER_TEAMS,
    USERS,
    execute,
    read_table,
)

ALL = [ORGANIZATION, USERS, USER_TEAMS, REPOS]


@pytest.fixture(autouse=True)
def token(github: SimulatedGitHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", github.token)


def reports_of(capsys: Output) -> dict[str, list[str]]:
    return {scope["slug"]: scope["reports"] for scope in succeed(["scopes", "list"], capsys)}


@pytest.mark.usefixtures("warehouse_environment")
def test_an_import_chooses_the_reports_of_the_scopes_it_names(
    github: SimulatedGitHub, capsys: Output
) -> None:
    chosen = ["--report", USERS, "--report", ORGANIZATION]
    succeed(import_with(github, "--org", "octo-demo", *chosen), capsys)
    succeed(import_with(github, "--org", "octo-labs"), capsys)
    assert reports_of(capsys) == {"octo-demo": [ORGANIZATION, USERS], "octo-labs": ALL}


@pytest.mark.usefixtures("warehouse_environment")
def test_updates_change_the_choice_and_take_it_back(
    github: SimulatedGitHub, capsys: Output
) -> None:
    succeed(import_with(github, "--org", "octo-demo", "--org", "octo-labs"), capsys)
    succeed(["scopes", "update", "octo-demo", "--report", ORGANIZATION], capsys)
    assert reports_of(capsys) == {"octo-demo": [ORGANIZATION], "octo-labs": ALL}
    succeed(["accounts", "update", "1", "--report", USERS], capsys)
    assert reports_of(capsys) == {"octo-demo": [USERS], "octo-labs": [USERS]}
    succeed(["scopes", "update", "octo-labs", "--report", "all"], capsys)
    assert reports_of(capsys) == {"octo-demo": [USERS], "octo-labs": ALL}


@pytest.mark.usefixtures("warehouse_environment")
def test_each_kind_of_scope_takes_the_chosen_reports_that_it_has(
    github: SimulatedGitHub, capsys: Output
) -> None:
    both = ["--org", "octo-demo", "--enterprise", "octo-corp"]
    chosen = ["--report", ORGANIZATION, "--report", ENTERPRISE, "--report", REPOS]
    succeed(import_with(github, *both, *chosen), capsys)
    assert reports_of(capsys) == {
        "octo-demo": [ORGANIZATION, REPOS],
        "octo-corp": [ENTERPRISE, REPOS],
    }


@pytest.mark.usefixtures("warehouse_environment")
def test_an_aggregate_stands_for_that_of_the_scopes_own_kind(
    github: SimulatedGitHub, capsys: Output
) -> None:
    both = ["--org", "octo-demo", "--enterprise", "octo-corp"]
    succeed(import_with(github, *both, "--report", ORGANIZATION, "--report", USERS), capsys)
    assert reports_of(capsys) == {
        "octo-demo": [ORGANIZATION, USERS],
        "octo-corp": [ENTERPRISE, USERS],
    }
    succeed(["accounts", "update", "1", "--report", "all", "--report", USERS], capsys)
    assert reports_of(capsys)["octo-demo"] == ALL


@pytest.mark.usefixtures("warehouse_environment")
def test_a_report_that_does_not_exist_is_refused(github: SimulatedGitHub, capsys: Output) -> None:
    said = fail(import_with(github, "--org", "octo-demo", "--report", "users"), capsys)
    assert "'users' is not one of" in said
    assert succeed(["accounts", "list"], capsys) == []


def test_only_the_chosen_reports_are_asked_for(
    warehouse_environment: str, github: SimulatedGitHub, capsys: Output
) -> None:
    succeed(import_with(github, "--org", "octo-demo", "--report", USERS), capsys)
    github.requests.clear()
    assert execute("metrics_backfill", [github.newest_day]).success
    asked = {request.path for request in github.requests if request.origin == "api"}
    assert asked == {"/orgs/octo-demo/copilot/metrics/reports/users-1-day"}
    assert read_table(warehouse_environment, "_tool_copilot_user_metrics")
    assert read_table(warehouse_environment, "_tool_copilot_org_metrics") == []


def test_the_import_job_takes_the_choice_too(
    warehouse_environment: str, github: SimulatedGitHub
) -> None:
    config = {"endpoint": github.url, "organizations": ["octo-demo"], "reports": [USERS]}
    assert execute("import_account", config={"import_account": {"config": config}}).success
    (scope,) = read_table(warehouse_environment, "_tool_copilot_scopes", "id")
    assert scope["reports"] == USERS


@pytest.mark.both_databases
def test_an_enterprise_and_its_organizations_are_kept_apart(
    warehouse_environment: str, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    corp = Enterprise("octo-corp", [Organization("octo-corp", 20), Organization("octo-labs", 12)])
    with SimulatedGitHub([], enterprises=[corp]) as github:
        monkeypatch.setenv("GITHUB_TOKEN", github.token)
        scopes = ["--org", "octo-corp", "--org", "octo-labs", "--enterprise", "octo-corp"]
        succeed(import_with(github, *scopes), capsys)
        succeed(["run"], capsys)
    people = {
        scope_id: {
            row["user_id"]
            for row in read_table(warehouse_environment, "_tool_copilot_seats")
            if row["scope_id"] == scope_id
        }
        for scope_id in (1, 2, 3)
    }
    # Some hold seats in both organizations: two rows of the enterprise, one person.
    assert people[3] == people[1] | people[2]
    assert len(people[3]) < len(people[1]) + len(people[2])
    rows = {row["scope_id"]: row for row in read_table(warehouse_environment, "copilot_org_days")}
    assert set(rows) == {1, 2, 3}
    assert rows[3]["seat_total"] == len(people[3])
