"""The shape, tables and rows of GitHub's `totals_by_…` arrays.

Different spellings of a name become one row, and their counters are added.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from sqlalchemy import Column, Table

from copilot_pipeline.schema import day, key_text, metadata, scope_id
from copilot_pipeline.sources.activity import ACTIVITY
from copilot_pipeline.sources.names import normalized
from copilot_pipeline.sources.shape import (
    MAX_NAME_LENGTH,
    Array,
    Field,
    FieldType,
    Object,
    columns,
    only_raw,
    values_of,
)
from copilot_pipeline.sources.source import Row, ToolTable
from copilot_pipeline.sources.values import RecordError

UNKNOWN = "unknown"

_DIMENSIONS = {
    "ide": "Editor, normalized name",
    "feature": "Feature, GitHub's name",
    "language": "Language, normalized name",
    "model": "Model, normalized name",
}

_VERSION = only_raw("ide_version", "plugin", "plugin_version", "sampled_at")

# Only in the users report.
_VERSIONS = (
    Object("last_known_ide_version", _VERSION),
    Object("last_known_plugin_version", _VERSION),
)

_counters_of = values_of(ACTIVITY)


@dataclass(frozen=True)
class Breakdown:
    """One of the arrays, with the dimensions that identify its entries."""

    name: str
    dimensions: tuple[str, ...]

    @cached_property
    def field(self) -> str:
        return f"totals_by_{self.name}"

    @cached_property
    def names_of(self) -> Callable[[Any], tuple[str | None, ...]]:
        """Return a function that returns the names of an entry, as GitHub spells them."""
        return values_of(self._name_fields)

    @property
    def array(self) -> Array:
        """The shape of the array in a record."""
        versions = _VERSIONS if self.name == "ide" else ()
        return Array(self.field, (*self._name_fields, *ACTIVITY, *versions))

    @property
    def _name_fields(self) -> tuple[Field, ...]:
        return tuple(
            Field(name, FieldType.TEXT, _DIMENSIONS[name], name) for name in self.dimensions
        )

    def table(self, prefix: str, *keys: Column[int], of: str) -> Table:
        """Return the table of the breakdown. `of` describes what its rows count."""
        by = " and ".join(self.dimensions)
        return Table(
            f"{prefix}_by_{self.name}",
            metadata,
            scope_id(),
            day(),
            *keys,
            *(key_text(name, _DIMENSIONS[name]) for name in self.dimensions),
            *columns(ACTIVITY),
            comment=f"One row is {of} by {by} on one day. The sum may differ from the total.",
        )

    def rows(self, record: Any, *key: Any) -> Iterable[Row]:
        """Return a row for each name in the record's array. Rows begin with the key."""
        entries = getattr(record, self.field)
        if not entries:
            return ()
        names = [_normalized(self.dimensions, each) for each in map(self.names_of, entries)]
        counted = map(_counters_of, entries)
        # The usual case, which is faster.
        if len(set(names)) == len(names):
            return [(*key, *name, *counts) for name, counts in zip(names, counted, strict=True)]
        merged: dict[Row, Row] = {}
        for name, counts in zip(names, counted, strict=True):
            pairs = zip(merged[name], counts, strict=True) if name in merged else ()
            merged[name] = tuple(map(total, pairs)) or counts
        return [(*key, *name, *counts) for name, counts in merged.items()]


BY_IDE = Breakdown("ide", ("ide",))
BY_FEATURE = Breakdown("feature", ("feature",))
BY_MODEL_FEATURE = Breakdown("model_feature", ("model", "feature"))
BREAKDOWNS = (
    BY_IDE,
    BY_FEATURE,
    Breakdown("language_feature", ("language", "feature")),
    Breakdown("language_model", ("language", "model")),
    BY_MODEL_FEATURE,
)


def breakdown_tables(
    prefix: str,
    asset: str,
    key: Callable[[Any], Row],
    keys: Callable[[], Sequence[Column[int]]],
    of: str,
) -> dict[Breakdown, ToolTable]:
    """Return the tables of all breakdowns.

    `keys` creates additional key columns, and `key` returns their values for a record.
    """

    def tool_table(breakdown: Breakdown) -> ToolTable:
        table = breakdown.table(prefix, *keys(), of=of)
        return ToolTable(table, asset, lambda record: breakdown.rows(record, *key(record)))

    return {breakdown: tool_table(breakdown) for breakdown in BREAKDOWNS}


# The same few names occur in every record.
@lru_cache(maxsize=4096)
def _normalized(dimensions: tuple[str, ...], names: tuple[str | None, ...]) -> tuple[str, ...]:
    return tuple(
        normalized(dimension, cleaned(name))
        for dimension, name in zip(dimensions, names, strict=True)
    )


def cleaned(name: str | None) -> str:
    """Return a trimmed name of at most `MAX_NAME_LENGTH`, or `unknown` if it is empty."""
    return (name or "").strip()[:MAX_NAME_LENGTH] or UNKNOWN


def total(values: Iterable[int | None]) -> int | None:
    """Return the sum of the known values, or None if there are none."""
    known = [value for value in values if value is not None]
    result = sum(known)
    if not -(2**63) <= result < 2**63:
        raise RecordError("a sum does not fit 64 bits")
    return result if known else None


def largest(values: Iterable[Any]) -> Any:
    """Return the largest known value, or None if there are none."""
    return max((value for value in values if value is not None), default=None)
