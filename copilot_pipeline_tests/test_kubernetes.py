"""deploy/kubernetes/values.yaml without Kubernetes: its keys, and that it agrees with dagster.yaml.

`COPILOT_PIPELINE_DAGSTER_CHART` may name a folder with `values.yaml` and `values.schema.json` of
Dagster's Helm chart. Then Helm's own check of the values runs as well.
"""

import json
import os
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml  # type: ignore[import-untyped]
from dagster._config import validate_config
from dagster._core.instance.config import dagster_instance_config_schema

from copilot_pipeline_tests.conftest import ROOT

CHART = "COPILOT_PIPELINE_DAGSTER_CHART"

FOLDER = ROOT / "deploy/kubernetes"
VALUES: dict[str, Any] = yaml.safe_load((FOLDER / "values.yaml").read_text())

# What the chart documents of each part that the values set. It ignores or refuses other keys.
DOCUMENTED = """
"": >
  global dagsterWebserver dagster-user-deployments postgresql pythonLogs rabbitmq redis flower
  generatePostgresqlPasswordSecret generateCeleryConfigSecret ingress imagePullSecrets migrate
  computeLogManager scheduler runLauncher dagsterDaemon busybox telemetry serviceAccount retention
  concurrency additionalInstanceConfig
global: >
  postgresqlSecretName dagsterHome serviceAccountName celeryConfigSecretName
  dagsterInstanceConfigMap
postgresql: >
  image enabled postgresqlScheme postgresqlHost postgresqlUsername postgresqlPassword
  postgresqlDatabase postgresqlParams service
dagster-user-deployments: enabled enableSubchart imagePullSecrets deployments
dagster-user-deployments.deployments.0: >
  POD name port dagsterApiGrpcArgs codeServerArgs includeConfigInLaunchedRuns
runLauncher: type config
runLauncher.config: celeryK8sRunLauncher k8sRunLauncher customRunLauncher
runLauncher.config.k8sRunLauncher: >
  image imagePullPolicy jobNamespace loadInclusterConfig kubeconfigFile envConfigMaps envSecrets
  envVars volumeMounts volumes labels failPodOnRunFailure resources schedulerName securityContext
  runK8sConfig
runLauncher.config.k8sRunLauncher.runK8sConfig: >
  containerConfig podSpecConfig podTemplateSpecMetadata jobSpecConfig jobMetadata
dagsterDaemon: >
  POD enabled runCoordinator heartbeatTolerance deploymentLabels runMonitoring runRetries sensors
  schedules
dagsterDaemon.runCoordinator: enabled type config
dagsterDaemon.runCoordinator.config: queuedRunCoordinator customRunCoordinator
dagsterDaemon.runCoordinator.config.queuedRunCoordinator: >
  maxConcurrentRuns tagConcurrencyLimits dequeueIntervalSeconds dequeueNumWorkers
  dequeueUseThreads
dagsterDaemon.runMonitoring: >
  enabled startTimeoutSeconds cancelTimeoutSeconds maxResumeRunAttempts pollIntervalSeconds
  freeSlotsAfterRunEndSeconds
dagsterDaemon.runRetries: enabled maxRetries
dagsterWebserver: >
  POD replicaCount nameOverride pathPrefix service workspace deploymentLabels enableReadOnly
  dbStatementTimeout dbPoolRecycle logLevel
pythonLogs: pythonLogLevel managedPythonLoggers dagsterHandlerConfig
telemetry: enabled
"""
POD = """
  image env envConfigMaps envSecrets labels nodeSelector affinity tolerations podSecurityContext
  securityContext resources livenessProbe readinessProbe startupProbe annotations volumes
  volumeMounts schedulerName
"""
KEYS: dict[str, set[str]] = {
    path: set(keys.replace("POD", POD).split()) for path, keys in yaml.safe_load(DOCUMENTED).items()
}


def part(path: str) -> Any:
    """The part of the values at a path such as `runLauncher.config`."""
    found: Any = VALUES
    for step in path.split(".") if path else ():
        found = found[int(step)] if step.isdecimal() else found[step]
    return found


def merged(defaults: Any, values: Any) -> Any:
    """The chart's default values with ours, as Helm merges them."""
    if isinstance(defaults, dict) and isinstance(values, dict):
        both = {**defaults, **values}
        return {
            key: merged(defaults[key], values[key]) if key in defaults and key in values else each
            for key, each in both.items()
        }
    return values


@pytest.mark.parametrize("path", KEYS)
def test_the_values_have_keys_that_the_chart_documents(path: str) -> None:
    assert set(part(path)) <= KEYS[path]


def test_the_values_fit_the_charts_own_schema() -> None:
    chart = os.environ.get(CHART)
    if not chart:
        pytest.skip(f"{CHART} is not set")
    defaults = yaml.safe_load((Path(chart) / "values.yaml").read_text())
    # Without Kubernetes' own definitions, to which it refers on the network.
    schema = json.loads(
        (Path(chart) / "values.schema.json").read_text(),
        object_hook=lambda each: {} if str(each.get("$ref")).startswith("https:") else each,
    )
    jsonschema.Draft7Validator(schema).validate(merged(defaults, VALUES))


def test_the_instance_is_that_of_the_project_with_the_queue_of_compose() -> None:
    own = yaml.safe_load((ROOT / "dagster.yaml").read_text())
    queued = yaml.safe_load((ROOT / "deploy/compose/dagster.yaml").read_text())["run_coordinator"]
    more = VALUES["additionalInstanceConfig"]
    assert more["run_retries"] == own["run_retries"]
    assert more["nux"] == own["nux"]
    assert VALUES["telemetry"] == own["telemetry"]
    coordinator = part("dagsterDaemon.runCoordinator.config.queuedRunCoordinator")
    assert coordinator["tagConcurrencyLimits"] == queued["config"]["tag_concurrency_limits"]
    monitoring, own_monitoring = part("dagsterDaemon.runMonitoring"), own["run_monitoring"]
    assert monitoring["enabled"] is own_monitoring["enabled"] is True
    assert (
        monitoring["freeSlotsAfterRunEndSeconds"]
        == own_monitoring["free_slots_after_run_end_seconds"]
    )
    logs = VALUES["pythonLogs"]
    assert logs["managedPythonLoggers"] == own["python_logs"]["managed_python_loggers"]
    assert logs["pythonLogLevel"] == own["python_logs"]["python_log_level"]
    # What the chart would otherwise write into dagster.yaml a second time.
    assert not part("dagsterDaemon.runRetries")["enabled"]
    config = {
        "run_retries": more["run_retries"],
        "nux": more["nux"],
        "run_coordinator": {
            "module": "dagster.core.run_coordinator",
            "class": "QueuedRunCoordinator",
            "config": {"tag_concurrency_limits": coordinator["tagConcurrencyLimits"]},
        },
    }
    assert validate_config(dagster_instance_config_schema(), config).success


def test_all_pods_run_the_projects_image_without_rights_and_with_limits() -> None:
    (code,) = part("dagster-user-deployments.deployments")
    (location,) = yaml.safe_load((ROOT / "workspace.yaml").read_text())["load_from"]
    assert code["dagsterApiGrpcArgs"] == ["--module-name", location["python_module"]["module_name"]]
    assert code["includeConfigInLaunchedRuns"]["enabled"]
    for pod in (code, VALUES["dagsterDaemon"], VALUES["dagsterWebserver"]):
        assert pod["image"] == code["image"]
        assert pod["podSecurityContext"]["runAsNonRoot"]
        assert pod["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert pod["resources"]["limits"]["memory"]
    webserver = VALUES["dagsterWebserver"]
    assert webserver["readinessProbe"]["httpGet"]["port"] == webserver["service"]["port"]
    container = part("runLauncher.config.k8sRunLauncher.runK8sConfig.containerConfig")
    assert container["resources"]["limits"]["memory"]
    assert container["securityContext"] == code["securityContext"]
    # The number of the user in the image.
    assert f"--uid {code['podSecurityContext']['runAsUser']}" in (ROOT / "Dockerfile").read_text()


def test_secrets_are_files_of_a_secret_and_no_value_is_one() -> None:
    (code,) = part("dagster-user-deployments.deployments")
    names = {each["name"] for each in code["env"] if each["value"].startswith("/etc/copilot/")}
    assert names == {"DATABASE_URL_FILE", "COPILOT_METRICS__TOKEN_SECRET_FILE"}
    assert code["volumeMounts"] == [
        {"name": "copilot-secrets", "mountPath": "/etc/copilot", "readOnly": True}
    ]
    assert VALUES["generatePostgresqlPasswordSecret"] is False
    assert "postgresqlPassword" not in VALUES["postgresql"]


def test_the_package_that_starts_jobs_has_the_version_of_dagster() -> None:
    pins = dict(
        line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if line
    )
    text = (FOLDER / "Dockerfile").read_text()
    assert f'"dagster-k8s=={pins["dagster-postgres"]}"' in text
    assert f"--version {pins['dagster']} " in (FOLDER / "values.yaml").read_text()
