"""`GET /orgs/{org}/copilot/billing`: the current seat breakdown and policies.

Source: GitHub's REST documentation of the Copilot user management.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import Table

from copilot_pipeline.github.kinds import ScopeKind
from copilot_pipeline.schema import day, metadata, scope_id
from copilot_pipeline.sources.raw import RAW_BILLING
from copilot_pipeline.sources.seats import SEAT_NEEDS
from copilot_pipeline.sources.shape import Object, Part, Record, columns, counters, texts, values_of
from copilot_pipeline.sources.source import (
    Answer,
    DocumentRequest,
    PeriodKind,
    Reading,
    Row,
    Served,
    Source,
    ToolTable,
)
from copilot_pipeline.sources.values import parse_json

_PARTS: tuple[Part, ...] = (
    Object(
        "seat_breakdown",
        counters(
            {
                "total": "Seats",
                "added_this_cycle": "Seats added in the billing cycle",
                "pending_invitation": "Seats of invited people who have not joined yet",
                "pending_cancellation": "Seats that end with the cycle",
                "active_this_cycle": "Seats used in the cycle",
                "inactive_this_cycle": "Seats not used in the cycle",
            }
        ),
    ),
    *texts(
        {
            "public_code_suggestions": "allow, block or unconfigured",
            "ide_chat": "enabled, disabled or unconfigured",
            "platform_chat": "enabled, disabled or unconfigured",
            "cli": "enabled, disabled or unconfigured",
            "seat_management_setting": "assign_all, assign_selected, disabled or unconfigured",
            "plan_type": "business or enterprise",
        }
    ),
)

RECORD = Record("the seat billing", *_PARTS, notices_unknown=False)

billing = Table(
    "_tool_copilot_billing",
    metadata,
    scope_id(),
    day("The newest complete UTC day when the snapshot was taken"),
    *columns(_PARTS),
    comment="One row is an organization's seat breakdown and policies on one day.",
)

_values = values_of(_PARTS)


def _read(answers: Iterable[Answer], reading: Reading) -> Iterator[Any]:
    for answer in answers:
        yield RECORD.convert(parse_json(answer.content()), Counter())


def _rows(record: Any) -> Iterator[Row]:
    yield _values(record)


SEAT_BILLING = Source(
    name="seat-billing",
    title="an organization's seat breakdown and policies, as they are now",
    endpoint="billing",
    step="billing_snapshot",
    period=PeriodKind.SNAPSHOT,
    reach_days=1,
    request=DocumentRequest("/copilot/billing"),
    served={ScopeKind.ORGANIZATION: Served(SEAT_NEEDS[ScopeKind.ORGANIZATION])},
    record=RECORD,
    read=_read,
    key=(),
    raw=RAW_BILLING,
    tables=(ToolTable(billing, "billing", _rows),),
)
