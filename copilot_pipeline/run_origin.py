"""Makes runs of this process belong to the project's code location, and describes them with tags.

Dagster's UI shows a run in its timeline and on the page of its job, and its sensors see the run, if
it has the origin of its job in a workspace. Dagster's `execute_in_process` creates runs without it
and has no parameter for it.
"""

import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from functools import partial
from typing import TYPE_CHECKING

import dagster as dg
from dagster._core.remote_origin import (
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

if TYPE_CHECKING:
    from copilot_pipeline.warehouse.accounts import Account

# As in workspace.yaml.
LOCATION = "copilot_pipeline"
MODULE = "copilot_pipeline.definitions"
# What Dagster calls the repository of a `Definitions` object.
REPOSITORY = "__repository__"

# The queue of a production `dagster.yaml` runs one at a time of each value of this tag, so that two
# runs do not share the rate limit of a credential.
ACCOUNT_TAG = "copilot/account"
DAYS_TAG = "copilot/days"

# More accounts are only counted.
MAX_LENGTH = 63


def account_name(account: "Account") -> str:
    """Return the value of an account's tag: its id, as logins are unique per endpoint only."""
    return f"{account.id}-{account.login}"


def run_tags(accounts: "Collection[Account]", days: Sequence[date]) -> dict[str, str]:
    """Return the tags of a run with its accounts, and its first and last day."""
    names = ", ".join(account_name(each) for each in sorted(accounts, key=lambda each: each.id))
    if len(accounts) > 1 and len(names) > MAX_LENGTH:
        names = f"{len(accounts)} accounts"
    first, last = min(days), max(days)
    return {
        ACCOUNT_TAG: names,
        DAYS_TAG: str(first) if first == last else f"{first} to {last}",
    }


@contextmanager
def with_job_origin(instance: dg.DagsterInstance, job: str) -> Iterator[None]:
    """Give the runs that the instance creates the origin of the job."""
    location = ManagedGrpcPythonEnvCodeLocationOrigin(
        loadable_target_origin=LoadableTargetOrigin(
            executable_path=sys.executable, module_name=MODULE
        ),
        location_name=LOCATION,
    )
    origin = RemoteJobOrigin(RemoteRepositoryOrigin(location, REPOSITORY), job)
    create = partial(instance.create_run_for_job, remote_job_origin=origin)
    # The attribute of the object hides the method of its class.
    vars(instance)["create_run_for_job"] = create
    try:
        yield
    finally:
        del vars(instance)["create_run_for_job"]
