"""What Dagster knows: the catalog, the schedule, and a code location that loads in silence."""

import subprocess
import sys
import traceback

import dagster as dg
import pytest

from copilot_pipeline import settings
from copilot_pipeline.definitions import build_defs, defs
from copilot_pipeline.jobs import IMPORT_ACCOUNT
from copilot_pipeline.simulated_github import SimulatedGitHub
from copilot_pipeline_tests.loading import execute, failure, read_table

METRICS_ASSETS = {
    "raw_metrics",
    "org_metrics",
    "language_metrics",
    "metrics_breakdowns",
    "user_metrics",
}
# GitHub has these reports since a later day than the others.
STARTS_LATER = {"user_teams": "2026-05-14", "repo_metrics": "2026-07-17"}
ASSETS = {"raw_billing", "billing", "raw_seats", "seats", *METRICS_ASSETS, *STARTS_LATER}
# `raw_metrics` has the users' reports.
WITH_PERSONS = {
    "raw_metrics",
    "user_metrics",
    "user_teams",
    "raw_seats",
    "seats",
}


def test_every_asset_is_described_grouped_and_has_its_tables_columns() -> None:
    specs = {spec.key.to_user_string(): spec for spec in defs.resolve_all_asset_specs()}
    assert set(specs) == ASSETS
    for name, spec in specs.items():
        assert spec.description
        assert "One row is" in spec.description
        assert spec.group_name == ("raw" if name.startswith("raw_") else "tool")
        assert spec.kinds
        assert spec.owners == ["team:copilot-pipeline"]
        persons = {"pii": "true"} if name in WITH_PERSONS else {}
        assert {key: spec.tags[key] for key in spec.tags if "/" not in key} == {
            "domain": "copilot",
            **persons,
        }
        assert str(spec.metadata["dagster/table_name"]).startswith(f"_{spec.group_name}_copilot_")
        schema = spec.metadata["dagster/column_schema"]
        assert {"scope_id", "day"} <= {column.name for column in schema.columns}
        first = STARTS_LATER.get(name, "2025-10-10")
        assert spec.partitions_def == dg.DailyPartitionsDefinition(first, timezone="UTC")


def test_tool_assets_depend_on_their_raw_asset_and_on_nothing_of_the_other_side() -> None:
    graph = defs.resolve_asset_graph()
    parents = {
        name: {key.to_user_string() for key in graph.get(dg.AssetKey(name)).parent_keys}
        for name in ASSETS
    }
    assert parents == {
        "raw_billing": set(),
        "raw_seats": set(),
        "raw_metrics": set(),
        "billing": {"raw_billing"},
        "seats": {"raw_seats"},
        **{name: {"raw_metrics"} for name in {*METRICS_ASSETS, *STARTS_LATER} - {"raw_metrics"}},
    }


def test_every_job_and_the_schedule_has_a_sentence() -> None:
    for job in ("import_account", "daily_copilot", "metrics_backfill", "write_report"):
        assert (defs.resolve_job_def(job).description or "").endswith(".")
    schedule = defs.resolve_schedule_def("daily_copilot_schedule")
    assert (schedule.description or "").endswith(".")
    assert schedule.cron_schedule == ["0 6 * * *", "0 9,12,15,18,21 * * *"]
    assert schedule.execution_timezone == "UTC"
    assert schedule.default_status == dg.DefaultScheduleStatus.RUNNING


def test_every_field_of_the_launchpad_is_described() -> None:
    assert {field.description or name for name, field in IMPORT_ACCOUNT.items()}.isdisjoint(
        IMPORT_ACCOUNT
    )
    for job in ("import_account", "fetch_account_metrics", "daily_copilot", "metrics_backfill"):
        for node in defs.resolve_job_def(job).all_node_defs:
            if not isinstance(node, dg.OpDefinition):
                continue
            fields = node.config_schema.as_field().config_type.fields  # type: ignore[attr-defined]
            assert fields
            for name, field in fields.items():
                assert field.description, f"{node.name}.{name}"


def test_every_step_that_asks_github_is_in_its_pool_and_all_resources_have_a_prefix() -> None:
    job = defs.resolve_implicit_global_asset_job_def()
    pools = {
        node.name: node.pool for node in job.all_node_defs if isinstance(node, dg.OpDefinition)
    }
    derived = dict.fromkeys(STARTS_LATER)
    asking = ("metrics", "seat_snapshot", "billing_snapshot")
    assert pools == {**derived, **dict.fromkeys(asking, "copilot_github")}
    assert set(defs.resources or {}) == {
        "copilot_warehouse",
        "copilot_github",
        "copilot_today",
        "copilot_progress",
    }


def test_import_account_runs_as_a_job(
    warehouse_environment: str, github: SimulatedGitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_TOKEN", github.token)
    op_config = {"token_env": "MY_TOKEN", "endpoint": github.url, "organizations": ["octo-demo"]}
    assert execute("import_account", config={"import_account": {"config": op_config}}).success
    (scope,) = read_table(warehouse_environment, "_tool_copilot_scopes", "id")
    assert scope["slug"] == "octo-demo"


@pytest.mark.parametrize("given", ["ghp_0123456789012345678901234567890123456", "two words"])
def test_a_token_in_the_place_of_a_variables_name_is_refused_and_not_repeated(given: str) -> None:
    config = {"import_account": {"config": {"token_env": given}}}
    with pytest.raises(dg.DagsterUserCodeExecutionError) as caught:
        execute("import_account", config=config)
    said = "".join(traceback.format_exception(caught.value))
    assert "NAME of an environment variable" in said
    assert given not in said


@pytest.mark.parametrize("variable", [settings.TOKEN_SECRET, settings.DATABASE_URL])
def test_the_import_job_sends_no_variable_that_holds_no_token(
    warehouse_environment: str, github: SimulatedGitHub, variable: str
) -> None:
    op_config = {"token_env": variable, "endpoint": github.url}
    result = execute("import_account", config={"import_account": {"config": op_config}})
    assert "none of the forms of GitHub's tokens" in failure(result)
    assert github.requests == []


def test_the_import_job_refuses_an_endpoint_that_is_not_named_before_the_run_is_stored(
    github: SimulatedGitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_TOKEN", github.token)
    monkeypatch.delenv(settings.ENDPOINTS)
    config = {"import_account": {"config": {"token_env": "MY_TOKEN", "endpoint": github.url}}}
    with pytest.raises(dg.DagsterUserCodeExecutionError) as caught:
        execute("import_account", config=config)
    assert "set COPILOT_METRICS__ENDPOINTS" in str(caught.value.__cause__)
    assert github.requests == []


def test_resources_can_be_replaced_when_the_definitions_are_built() -> None:
    name = "copilot_github"
    replaced = build_defs({name: dg.ResourceDefinition.hardcoded_resource("another")})
    assert replaced.resources is not None
    assert replaced.resources[name] is not (defs.resources or {})[name]


def test_importing_the_definitions_reads_no_environment_and_opens_nothing() -> None:
    script = (
        "import os, socket, sqlite3\n"
        "def refuse(*a, **k): raise AssertionError('touched at import')\n"
        "socket.socket.connect = refuse\n"
        "os.environ['DATABASE_URL'] = 'nonsense'\n"
        "os.environ['COPILOT_METRICS__TOKEN_SECRET'] = 'nonsense'\n"
        "import copilot_pipeline.definitions\n"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    assert ended.returncode == 0, ended.stderr.decode()


def test_the_rooms_that_know_no_dagster_do_not_import_it() -> None:
    script = (
        "import sys\n"
        "import copilot_pipeline.github.client, copilot_pipeline.vault, copilot_pipeline.accounts\n"
        "import copilot_pipeline.collect.loader, copilot_pipeline.collect.rebuild\n"
        "import copilot_pipeline.collect.missing, copilot_pipeline.notifications.channels\n"
        "import copilot_pipeline.notifications.news, copilot_pipeline.report.page\n"
        "import copilot_pipeline.cli, copilot_pipeline.simulated_github\n"
        "assert 'dagster' not in sys.modules\n"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    assert ended.returncode == 0, ended.stderr.decode()


@pytest.mark.parametrize(("job", "hours"), [("daily_copilot", 6), ("metrics_backfill", 48)])
def test_a_run_has_a_longest_time_and_the_instance_watches_it(job: str, hours: int) -> None:
    assert defs.resolve_job_def(job).run_tags["dagster/max_runtime"] == str(hours * 3600)
    with dg.DagsterInstance.get() as instance:
        assert instance.run_monitoring_enabled
