"""Turns outcomes into Dagster's materializations of days with data, or into a failure."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import dagster as dg
import sqlalchemy as sa

from copilot_pipeline import settings
from copilot_pipeline.assets.specs import asset_sources
from copilot_pipeline.collect.failing import fails_run
from copilot_pipeline.collect.outcomes import Outcome, OutcomeState, describe_errors
from copilot_pipeline.days import describe_days
from copilot_pipeline.warehouse.database import Database
from copilot_pipeline.warehouse.history import list_loaded_days, list_loaded_reports
from copilot_pipeline.warehouse.rows import count_rows, count_rows_by_day
from copilot_pipeline.warehouse.scopes import Scope

# Dagster's tag of a run that belongs to a backfill.
BACKFILL_TAG = "dagster/backfill"

# The number of scopes that the metadata of a day names. The others are only counted.
MAX_SCOPES = 20


def report(
    context: dg.AssetExecutionContext,
    database: Database,
    tables: Mapping[str, Sequence[sa.Table]],
    scopes: Sequence[Scope],
    done: Sequence[Outcome],
) -> Iterator[dg.AssetMaterialization]:
    """Yields a materialization for each asset and day of which data is stored for some scope.

    `tables` has the tables of each asset. Nothing is recorded for days without data. This includes
    earlier days outside the run's partitions that filled a gap.

    Raises:
        Failure: scopes failed that make the run fail; the description names every failed scope.
    """
    rule = settings.fail_run_on()
    days = {outcome.day for outcome in done}
    with database.read() as connection:
        loaded = list_loaded_days(connection, days)
        reports = list_loaded_reports(connection)
    for name, of_asset in tables.items():
        yield from _Asset(name, of_asset, scopes, done, loaded).record(context, database)
    partitions = set(context.partition_keys)
    # A gap that remains does not fail the run. A check warns about it.
    asked = [outcome for outcome in done if str(outcome.day) in partitions]
    failures = describe_errors(asked, OutcomeState.FAILED)
    names = {scope.id: str(scope) for scope in scopes}
    with_data = {(names[id_], report) for id_, report in reports if id_ in names}
    if fails_run(rule, asked, with_data):
        bad = {outcome.scope for outcome in asked if outcome.state is OutcomeState.FAILED}
        raise dg.Failure(
            description="\n".join(failures),
            metadata={
                "scopes_failed": _names(bad),
                "scopes_without_failure": _names({outcome.scope for outcome in asked} - bad),
            },
            allow_retries=False,
        )
    for failure in failures:
        # For the run's log. The command line prints the checks' warnings.
        context.log.warning(failure)


@dataclass(frozen=True)
class _Asset:
    """An asset with its tables, and what a run did. `loaded` is what is stored after it."""

    name: str
    tables: Sequence[sa.Table]
    scopes: Sequence[Scope]
    done: Sequence[Outcome]
    loaded: Collection[tuple[int, str, date]]

    def record(
        self, context: dg.AssetExecutionContext, database: Database
    ) -> Iterator[dg.AssetMaterialization]:
        """Yields a materialization for each day with data that the run stored.

        A day that was stored before is recorded only if this Dagster instance does not know it. In
        a backfill it is always recorded, because Dagster waits for each of its days.
        """
        sources = {source.name for source in asset_sources(self.name)}
        own = [outcome for outcome in self.done if outcome.source in sources]
        days = {outcome.day for outcome in own}
        scope_ids: dict[date, set[int]] = {}
        for scope_id, source, day in self.loaded:
            if source in sources and day in days:
                scope_ids.setdefault(day, set()).add(scope_id)
        new = {outcome.day for outcome in own if outcome.state is OutcomeState.LOADED}
        stored = set(scope_ids)
        if stored - new and BACKFILL_TAG not in context.run.tags:
            known = context.instance.get_materialized_partitions(dg.AssetKey(self.name))
            stored = {day for day in stored if day in new or str(day) not in known}
        self._log_missing(context, own, days - set(scope_ids))
        if not stored:
            return
        rows: Counter[date] = Counter()
        with database.read() as connection:
            for table in self.tables:
                all_ids = set[int]().union(*(scope_ids[day] for day in stored))
                rows.update(count_rows_by_day(connection, table, all_ids, stored))
            # Only the first table is counted. The others may have millions of rows.
            total = count_rows(connection, self.tables[0])
        of_day: dict[date, list[Outcome]] = {day: [] for day in stored}
        for outcome in own:
            if outcome.day in of_day:
                of_day[outcome.day].append(outcome)
        for day in sorted(stored):
            metadata = {
                "dagster/partition_row_count": dg.MetadataValue.int(rows[day]),
                **self._describe(of_day[day], scope_ids[day]),
            }
            if day == max(stored):
                # Dagster shows the metadata of the last materialization for the asset.
                metadata["dagster/row_count"] = dg.MetadataValue.int(total)
            yield dg.AssetMaterialization(self.name, partition=str(day), metadata=metadata)

    def _describe(
        self, outcomes: Sequence[Outcome], scope_ids: Collection[int]
    ) -> dict[str, dg.MetadataValue]:
        """Returns the scopes of a day with data, and those without by the reason; and counts."""
        with_data = {str(scope) for scope in self.scopes if scope.id in scope_ids}
        summary: dict[str, dg.MetadataValue] = {"scopes": _names(with_data)}
        for state in OutcomeState:
            scopes = {each.scope for each in outcomes if each.state is state}
            if scopes and state not in (OutcomeState.LOADED, OutcomeState.KEPT):
                summary[f"scopes_{state.name.lower()}"] = _names(scopes)
        notes: Counter[str] = Counter()
        for outcome in outcomes:
            notes.update(outcome.notes)
        return summary | {note: dg.MetadataValue.int(notes[note]) for note in sorted(notes)}

    def _log_missing(
        self, context: dg.AssetExecutionContext, outcomes: Sequence[Outcome], days: Collection[date]
    ) -> None:
        """Logs which days are not materialized, and why."""
        by_state: dict[OutcomeState, set[date]] = {}
        for outcome in outcomes:
            if outcome.day in days:
                by_state.setdefault(outcome.state, set()).add(outcome.day)
        for state, of_state in by_state.items():
            context.log.info(
                f"{self.name}: no scope has data of {describe_days(sorted(of_state))}: "
                f"{state.value}."
            )


def _names(scopes: Collection[str]) -> dg.MetadataValue:
    shown = sorted(scopes)[:MAX_SCOPES]
    more = f" and {len(scopes) - MAX_SCOPES} more" if len(scopes) > MAX_SCOPES else ""
    return dg.MetadataValue.text(", ".join(shown) + more)
