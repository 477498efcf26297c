"""Runs the tasks of many scopes in threads, each with the credential of its account."""

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
    """The tasks of a scope, and its outcomes if the whole scope fails."""

    def tasks(self, client: GitHubClient, scope: Scope) -> Sequence[Task]: ...

    def failed(self, scope: Scope, error: CopilotPipelineError) -> list[Outcome]: ...


def run_tasks(
    database: Database, open_client: OpenClient, scopes: Sequence[Scope], work: Tasks
) -> Iterator[Outcome]:
    """Runs the tasks of all scopes, with at most the client's `concurrency` for each account.

    If the token of an account cannot be opened, only its scopes fail. An unexpected exception fails
    the scope that raised it.
    """
    with database.read() as connection:
        accounts = {account.id: account for account in list_accounts(connection)}
    with ExitStack() as stack:
        futures: dict[Future[list[Outcome]], Scope] = {}
        for account_id in dict.fromkeys(scope.account_id for scope in scopes):
            own = [scope for scope in scopes if scope.account_id == account_id]
            try:
                if account_id not in accounts:
                    raise NoScopeError("its account was removed in the meantime.")
                client = stack.enter_context(open_client(database, accounts[account_id]))
            except Exception as error:
                for scope in own:
                    yield from work.failed(scope, described(error))
                continue
            executor = ThreadPoolExecutor(client.concurrency, thread_name_prefix="github")
            # After an error, no task is started, waiting requests are abandoned, and running ones
            # are not awaited. A day that still arrives is stored completely.
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
