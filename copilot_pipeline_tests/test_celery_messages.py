"""What a run's message to Celery's workers holds, without Celery and Redis."""

import json
from pathlib import Path

import pytest
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.definitions.reconstruct import (
    ReconstructableJob,
    ReconstructableRepository,
)
from dagster._core.instance.ref import InstanceRef
from dagster._grpc.types import ExecuteRunArgs
from dagster._serdes import pack_value

from copilot_pipeline_tests.conftest import ROOT


def test_what_is_sent_through_redis_names_variables_and_holds_no_password(
    environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (environment / "dagster.yaml").write_text((ROOT / "deploy/celery/dagster.yaml").read_text())
    url = "postgresql+psycopg2://dagster:sesame@127.0.0.1:1/dagster"
    monkeypatch.setenv("COPILOT_DAGSTER_URL", url)
    monkeypatch.setenv("COPILOT_CELERY_URL", "redis://:sesame@127.0.0.1:1/0")
    pointer = ModuleCodePointer("copilot_pipeline.definitions", "defs")
    reconstructable_job = ReconstructableJob(ReconstructableRepository(pointer), "daily_copilot")
    # As Dagster's launcher for Celery makes it.
    message = ExecuteRunArgs(
        job_origin=reconstructable_job.get_python_origin(),
        run_id="1",
        instance_ref=InstanceRef.from_dir(str(environment)),
        set_exit_code_on_failure=True,
    )
    sent = json.dumps(pack_value(message))
    assert "COPILOT_DAGSTER_URL" in sent
    assert "sesame" not in sent
