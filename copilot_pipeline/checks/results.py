"""The result of a check: one line that counts, a few lines of details, and a table in the UI."""

from collections.abc import Mapping, Sequence

import dagster as dg

from copilot_pipeline.redaction import one_line

# The number of warnings in a description. The UI shows it as one paragraph.
MAX_LINES = 3

# The number of rows in the table of a check. Dagster stores it with the event.
MAX_ROWS = 100

# A row of a table: its values by heading.
Row = Mapping[str, str | int | None]


def check_result(
    spec: dg.AssetCheckSpec,
    warnings: Sequence[str],
    summary: str,
    counts: Mapping[str, int],
    *,
    rows: Sequence[Row] | None = None,
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.WARN,
) -> dg.AssetCheckResult:
    """Return the result of a check, which passes without warnings.

    `summary` describes all warnings, or what is right if there is none. It is the first line of the
    description, unless a single warning says all. `rows` are the details; without them, the
    warnings are.
    """
    lines = [one_line(warning) for warning in warnings]
    shown = lines[:MAX_LINES]
    if len(lines) > MAX_LINES:
        shown.append(f"and {len(lines) - MAX_LINES} more")
    if rows is None:
        rows = [{"warning": line} for line in lines]
    metadata: dict[str, dg.MetadataValue] = {
        name: dg.MetadataValue.int(count) for name, count in counts.items()
    }
    if rows:
        metadata["details"] = _table(rows)
    return dg.AssetCheckResult(
        check_name=spec.name,
        asset_key=spec.asset_key,
        passed=not warnings,
        severity=severity,
        description="\n".join(shown if len(lines) == 1 else [summary, *shown]),
        metadata=metadata,
    )


def _table(rows: Sequence[Row]) -> dg.TableMetadataValue:
    """Return the first rows as a table. A cell of a number has a number or nothing."""
    numbers = {name for name in rows[0] if all(isinstance(row[name], int | None) for row in rows)}
    schema = dg.TableSchema(
        columns=[dg.TableColumn(name, "int" if name in numbers else "string") for name in rows[0]]
    )
    records = [
        {name: one_line(value) if isinstance(value, str) else value for name, value in row.items()}
        for row in rows[:MAX_ROWS]
    ]
    return dg.MetadataValue.table([dg.TableRecord(record) for record in records], schema)
