"""Notices what this version does not know of GitHub's reports.

Unknown is not wrong: raw keeps it, and every name that is a dimension gets its rows.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

from copilot_pipeline.reports import LEGACY
from copilot_pipeline.transform.known_fields import KNOWN_FIELDS, Fields
from copilot_pipeline.transform.known_names import KNOWN_NAMES, PSEUDO_NAMES
from copilot_pipeline.transform.names import normalized
from copilot_pipeline.transform.values import LONGEST_NAME, Json, storable
from copilot_pipeline.warehouse.report_tables import BREAKDOWNS

MOST_NAMES = 1_000

# Beyond so many different names of a report, further ones are not counted: memory has an end.
MOST_COUNTED_NAMES = 100_000


def unknown_names(report: str, records: Iterable[Json]) -> Counter[tuple[str, str]]:
    """How often each name occurs that is not known, by kind and name.

    Kinds are `field` (with the fields around it: `totals_by_cli.new`), `feature`, `ide`, `language`
    and `model`. The legacy endpoint is closed: nothing new comes from it.
    """
    found: Counter[tuple[str, str]] = Counter()
    if report != LEGACY:
        known = KNOWN_FIELDS[report]
        for record in records:
            _notice_fields(record, known, "", found)
            _notice_names(record, known, found)
    return found


def add_names(found: Counter[tuple[str, str]], more: Mapping[tuple[str, str], int]) -> None:
    """Adds the names of another batch of the same report."""
    for name, count in more.items():
        if name in found or len(found) < MOST_COUNTED_NAMES:
            found[name] += count


def most_used(found: Counter[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """The names as they are kept: of very many, those that occur most."""
    return dict(found.most_common(MOST_NAMES))


def _notice_fields(
    value: Json, known: Fields, around: str, found: Counter[tuple[str, str]]
) -> None:
    for name in value.keys() - known.keys():
        found["field", _shown(around + name)] += 1
    for name, inner in known.items():
        if inner is None or name not in value:
            continue
        held = value[name]
        for each in held if isinstance(held, list) else [held]:
            if isinstance(each, dict):
                _notice_fields(each, inner, f"{around}{name}.", found)


def _notice_names(record: Json, known: Fields, found: Counter[tuple[str, str]]) -> None:
    for breakdown in BREAKDOWNS:
        for entry in (record.get(breakdown.field) or []) if breakdown.field in known else []:
            for dimension in breakdown.dimensions:
                name = (entry.get(dimension) or "").strip()
                if name and not _is_known(dimension, name):
                    found[dimension, _shown(name)] += 1


def _shown(name: str) -> str:
    return storable(name)[:LONGEST_NAME]


def _is_known(dimension: str, name: str) -> bool:
    lower = normalized(dimension, name).lower()
    return lower in KNOWN_NAMES[dimension] or lower in PSEUDO_NAMES
