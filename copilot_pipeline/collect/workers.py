"""Runs the tasks of many scopes at once, each with its account's credential."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from typing import Protocol

from copilot_pipeline.collect.outcomes import Outcome
from copilot_pipeline.collect.selection import NoScopeError
from copilot_pipeline.collect.unexpected import described
from copilot_pipeline.errors import CopilotPipelineError
from copilot_pipeline.github.client import GitHubClient
from copilot_pipeline.warehouse.accounts import Account, list_accounts
from copilot_pipeline.warehouse.database import Database
from copilot_pipeline.warehouse.scopes import Scope

OpenClient = Callable[[Database, Account], GitHubClient]
Task = Callable[[], list[Outcome]]


class Tasks(Protocol):
    """What is to be done for a scope, and what its failure as a whole means."""

    def tasks(self, client: GitHubClient, scope: Scope) -> Sequence[Task]: ...

    def failed(self, scope: Scope, error: CopilotPipelineError) -> list[Outcome]: ...


def run_tasks(
    database: Database, open_client: OpenClient, scopes: Sequence[Scope], work: Tasks
) -> Iterator[Outcome]:
    """Runs every scope's tasks, at most the client's `concurrency` of an account at once.

    An account whose token does not open fails its own scopes only. An unforeseen exception becomes
    the failure of the scope that it came from.
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
                    yield from work.failed(scope, described(error))
                continue
            executor = ThreadPoolExecutor(client.concurrency, thread_name_prefix="github")
            # On the way out after an error: nothing new starts, waiting requests give up, and
            # those in flight are not waited for; a day that still comes in is stored as a whole.
            stack.callback(executor.shutdown, wait=False, cancel_futures=True)
            stack.callback(client.close)
            for scope in own:
                try:
                    tasks = work.tasks(client, scope)
                except Exception as error:
                    yield from work.failed(scope, described(error))
                    continue
                futures |= {executor.submit(task): scope for task in tasks}
        for future in as_completed(futures):
            try:
                yield from future.result()
            except Exception as error:
                yield from work.failed(futures[future], described(error))
