"""Derives the tool tables again from the stored raw data, without GitHub."""

from collections.abc import Iterator, Sequence, Set
from datetime import date

from copilot_pipeline.collect.derive import Derivation
from copilot_pipeline.collect.outcomes import Outcome, OutcomeState, failed
from copilot_pipeline.collect.seat_counts import count_stale_days
from copilot_pipeline.days import DayOutOfReachError
from copilot_pipeline.errors import CopilotPipelineError
from copilot_pipeline.sources import SOURCES
from copilot_pipeline.sources.source import PeriodKind, Source
from copilot_pipeline.sources.values import RecordError
from copilot_pipeline.warehouse.database import Database
from copilot_pipeline.warehouse.locks import lock_scope
from copilot_pipeline.warehouse.months import make_months
from copilot_pipeline.warehouse.raw import has_raw, read_raw
from copilot_pipeline.warehouse.scopes import Scope


def rebuild(
    database: Database,
    scopes: Sequence[Scope],
    step: str,
    days: Sequence[date],
    assets: Set[str],
) -> Iterator[Outcome]:
    """Derives the tables of the assets again for the given days and the step's sources."""
    sources = [
        source
        for source in SOURCES
        if source.step == step and any(table.asset in assets for table in source.tables)
    ]
    for scope in scopes:
        own = [source for source in scope.sources if source.step == step]
        for day in days if own else ():
            # Includes sources that the scope no longer collects.
            done = [
                outcome
                for source in sources
                if (outcome := _rebuild(database, scope, source, day, assets)) is not None
            ]
            of_assets = [source for source in own if source in sources]
            yield from done or [_nothing_stored(scope, (of_assets or own)[0], day)]
    count_stale_days(database)


def _rebuild(
    database: Database, scope: Scope, source: Source, day: date, assets: Set[str]
) -> Outcome | None:
    """Returns None if nothing of the source is stored for the day."""
    try:
        with database.write() as connection:
            lock_scope(connection, scope.id)
            if not has_raw(connection, source, scope.id, day):
                return None
            make_months(database, source.all_tables, day)
            answers = read_raw(connection, source, scope.id, day)
            derivation = Derivation(
                source, scope, day, answers, lambda table: table.asset in assets
            )
            derived = derivation.write(connection)
    except RecordError as error:
        refused = RecordError(f"{source.name}: {error}. Nothing of that day was changed.")
        return failed(str(scope), source.name, [day], refused)[0]
    except CopilotPipelineError as error:
        return failed(str(scope), source.name, [day], error)[0]
    return Outcome(str(scope), source.name, day, OutcomeState.LOADED, derived.rows, derived.notes)


def _nothing_stored(scope: Scope, source: Source, day: date) -> Outcome:
    if source.period is PeriodKind.SNAPSHOT:
        error = DayOutOfReachError(f"no snapshot of {day} is stored.")
        return failed(str(scope), source.name, [day], error)[0]
    return Outcome(str(scope), source.name, day, OutcomeState.NOT_STORED)
