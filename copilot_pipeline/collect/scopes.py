"""Which scopes a run collects, and the concurrent work on them, each with its account's token."""

import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from datetime import date

from copilot_pipeline.collect.outcomes import Outcome, failed
from copilot_pipeline.collect.unexpected import described
from copilot_pipeline.errors import CopilotPipelineError
from copilot_pipeline.github.client import GitHubClient
from copilot_pipeline.redaction import redact
from copilot_pipeline.warehouse.accounts import Account, list_accounts
from copilot_pipeline.warehouse.database import Database
from copilot_pipeline.warehouse.scopes import Scope, list_scopes

# A record for every scope and day, with the outcome in `outcome`; the command line counts them.
# A logger of its own: in Dagster's event log, hundreds of them would only cost time.
progress = logging.getLogger("copilot_pipeline.progress")
progress.propagate = False

OpenClient = Callable[[Database, Account], GitHubClient]
Task = Callable[[], list[Outcome]]


class NoScopeError(CopilotPipelineError):
    """There is nothing to collect, or not what was asked for."""


def select_scopes(database: Database, organizations: Sequence[str] = ()) -> list[Scope]:
    """All scopes, or the organizations of those names."""
    with database.read() as connection:
        scopes = list_scopes(connection)
    if not scopes:
        raise NoScopeError(
            "no organization is configured. Import an account first: "
            "copilot-pipeline accounts import --org SLUG"
        )
    if not organizations:
        return scopes
    known = [scope for scope in scopes if scope.kind == "organization"]
    for slug in organizations:
        if slug.lower() not in {scope.slug.lower() for scope in known}:
            names = ", ".join(sorted(scope.slug for scope in known)) or "none"
            raise NoScopeError(
                f"no account collects the organization {redact(slug)!r}; known: {names}."
            )
    wanted = {slug.lower() for slug in organizations}
    return [scope for scope in known if scope.slug.lower() in wanted]


def collect(
    database: Database,
    open_client: OpenClient,
    scopes: Sequence[Scope],
    days: Sequence[date],
    tasks_of: Callable[[GitHubClient, Scope], Sequence[Task]],
    reports_of: Callable[[Scope], Sequence[str]],
) -> Iterator[Outcome]:
    """Runs every scope's tasks, at most the client's `concurrency` of an account at once.

    An account whose token does not open fails its own scopes only: all that `reports_of` names. So
    does an exception that nobody foresaw: it becomes the failure of the scope that it came from.
    """
    with database.read() as connection:
        accounts = {account.id: account for account in list_accounts(connection)}
    with ExitStack() as stack:
        futures: dict[Future[list[Outcome]], Scope] = {}
        for account_id in dict.fromkeys(scope.account_id for scope in scopes):
            own = [scope for scope in scopes if scope.account_id == account_id]
            try:
                if account_id not in accounts:
                    raise NoScopeError("its account was removed meanwhile.")
                client = stack.enter_context(open_client(database, accounts[account_id]))
            except Exception as error:
                for scope in own:
                    for report in reports_of(scope):
                        yield from _logged(failed(str(scope), report, days, described(error)))
                continue
            executor = ThreadPoolExecutor(client.concurrency, thread_name_prefix="github")
            # On the way out after an error: nothing new starts, waiting requests give up, and
            # those in flight are not waited for; a day that still comes in is stored as a whole.
            stack.callback(executor.shutdown, wait=False, cancel_futures=True)
            stack.callback(client.close)
            for scope in own:
                try:
                    tasks = tasks_of(client, scope)
                except Exception as error:
                    of_scope = failed(str(scope), reports_of(scope)[0], days, described(error))
                    yield from _logged(of_scope)
                    continue
                futures |= {executor.submit(task): scope for task in tasks}
        for future in as_completed(futures):
            try:
                outcomes = future.result()
            except Exception as error:
                scope = futures[future]
                outcomes = failed(str(scope), reports_of(scope)[0], days, described(error))
            yield from _logged(outcomes)


def _logged(outcomes: list[Outcome]) -> list[Outcome]:
    for outcome in outcomes:
        state = outcome.state.value
        what = f"{outcome.scope}, {outcome.report}, {outcome.day}"
        progress.info("%s: %s", what, state, extra={"outcome": outcome})
    return outcomes
