"""What the property-based tests share: their settings, odd values, and reports in every form."""

import json
import os
import tempfile
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.configuration import set_hypothesis_home_dir

from copilot_pipeline.sources.aggregate import RECORD
from copilot_pipeline.sources.shape import Field, FieldType

# Hypothesis keeps tables of characters between runs; not in the folder of whoever runs the tests.
set_hypothesis_home_dir(Path(tempfile.gettempdir()) / "copilot-pipeline-hypothesis")

Strategy = st.SearchStrategy

# The top-level numbers of an aggregate that have a column of GitHub's name.
REPORT_COUNTERS = [
    part.name
    for part in RECORD.parts
    if isinstance(part, Field) and part.type is FieldType.COUNTER and part.column == part.name
]
Records = list[dict[str, Any]]


# `make test` tries a few of the examples; `make test-all` sets this variable to try them all.
ALL_EXAMPLES = os.environ.get("COPILOT_PIPELINE_EXAMPLES") == "all"
FEW = 8


def examples(count: int) -> settings:
    """The same examples in every run: what fails here fails elsewhere. Slow machines are no bug."""
    count = count if ALL_EXAMPLES else max(count // FEW, min(count, FEW))
    return settings(max_examples=count, derandomize=True, deadline=None, database=None)


# --- values -------------------------------------------------------------------------------------

# Every character that JSON can name: NUL, controls and unpaired surrogates too.
any_text = st.text(st.characters(exclude_categories=()), max_size=12)
names = st.one_of(
    st.sampled_from(["python", "python", "C++", "unknown", " python ", ""]),
    st.sampled_from(["a\0b", "\ud800", "x\udfff", "\ufb01\u202e", "\u2028", "\x85"]),
    any_text,
)
# Two of the largest do not fit 64 bits together.
counts = st.sampled_from([*range(5), None, None, None, -1, 2.0, 2**62, 2**63 - 1, -(2**63)])
odd_scalars = st.one_of(
    st.sampled_from([2**63, -(2**63) - 1, 10**400, 1.5, 1e300, -0.0, True, None]),
    st.sampled_from(["12", "2026-02-30", "2026-11-20T25:00:00Z", "code_completion", "", "\ud800"]),
    st.floats(),
    st.integers(),
    any_text,
)


def _nested_values(scalars: Strategy[Any]) -> Strategy[Any]:
    return st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(any_text, inner, max_size=3),
        max_leaves=5,
    )


odd_values = odd_scalars | _nested_values(odd_scalars)
# Without NaN and the infinities, which Python writes into what it calls JSON.
json_values = _nested_values(st.none() | st.booleans() | st.integers() | any_text)


@st.composite
def nearly(draw: st.DrawFn, valid: Strategy[Any]) -> Any:
    """A valid value; often one to three of its parts are gone or something else."""
    value = draw(valid)
    for _ in range(draw(st.sampled_from([0, 0, 1, 1, 2, 3]))):
        value = _changed(draw, value)
    return value


def nearly_objects(valid: Strategy[dict[str, Any]]) -> Strategy[dict[str, Any]]:
    """The same, still objects."""
    return nearly(valid).filter(lambda value: isinstance(value, dict))


def _changed(draw: st.DrawFn, value: Any) -> Any:
    """The value with one part of it changed, mostly deep in it."""
    how = draw(st.integers(0, 9))
    if isinstance(value, dict) and value and how:
        key = draw(st.sampled_from(sorted(value)))
        kept = {name: part for name, part in value.items() if name != key}
        return kept if how == 1 else {**kept, key: _changed(draw, value[key])}
    if isinstance(value, list) and value and how:
        place = draw(st.integers(0, len(value) - 1))
        changed = [] if how == 1 else [_changed(draw, value[place])]
        return [*value[:place], *changed, *value[place + 1 :]]
    return draw(odd_values)


# --- what GitHub sends --------------------------------------------------------------------------


def _objects(**fields: Strategy[Any]) -> Strategy[dict[str, Any]]:
    return st.fixed_dictionaries(fields)


def _counters(*keys: str) -> dict[str, Strategy[Any]]:
    return dict.fromkeys(keys, counts)


_FEATURE_COUNTERS = _counters(
    "user_initiated_interaction_count",
    "code_generation_activity_count",
    "code_acceptance_activity_count",
    "loc_suggested_to_add_sum",
    "loc_added_sum",
)
_features = st.sampled_from(["code_completion"] * 3 + ["chat_panel_ask_mode", "agent_edit"])


def aggregates(day: date) -> Strategy[dict[str, Any]]:
    """Aggregate records of that day."""
    return _objects(
        day=st.just(str(day)),
        **_counters("daily_active_users", *_some(REPORT_COUNTERS)),
        totals_by_feature=st.lists(_objects(feature=_features, **_FEATURE_COUNTERS), max_size=3),
        totals_by_language_feature=st.lists(
            _objects(language=names, feature=_features, **_FEATURE_COUNTERS), max_size=4
        ),
        a_field_of_tomorrow=json_values,
    )


def _some(keys: Iterable[str]) -> list[str]:
    """Each fifth: thirty counters would leave little of an example for the rest."""
    return list(keys)[::5]


_languages = _objects(
    name=names,
    **_counters(
        "total_engaged_users",
        "total_code_suggestions",
        "total_code_acceptances",
        "total_code_lines_suggested",
        "total_code_lines_accepted",
    ),
)
_chats = _objects(
    **_counters("total_chats", "total_chat_copy_events", "total_pr_summaries_created")
)


def _nested(leaf: Strategy[Any], *levels: str) -> Strategy[Any]:
    """Sections with lists in lists, as the legacy endpoint has them."""
    for level in reversed(levels):
        fields = {level: st.lists(leaf, max_size=2)}
        leaf = _objects(name=names, total_engaged_users=counts, **fields)
    return leaf


def legacy_records(day: date) -> Strategy[dict[str, Any]]:
    """Days of the closed endpoint."""
    return _objects(
        date=st.just(str(day)),
        **_counters("total_active_users", "total_engaged_users"),
        copilot_ide_code_completions=_nested(_languages, "editors", "models", "languages"),
        copilot_ide_chat=_nested(_chats, "editors", "models"),
        copilot_dotcom_chat=_nested(_chats, "models"),
        copilot_dotcom_pull_requests=_nested(_chats, "repositories", "models"),
    )


_instants = st.one_of(
    st.none(),
    st.integers(1, 28).map("2026-11-{:02}T20:00:00-06:00".format),
    st.datetimes().map(lambda instant: instant.isoformat() + "Z"),
    st.sampled_from(["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-11-01"]),
)
_usual_instants = st.none() | st.integers(1, 28).map("2026-11-{:02}T20:00:00-06:00".format)
# Few ids: people who come twice are the interesting ones.
_seats = _objects(
    assignee=st.none() | _objects(id=st.integers(1, 3), login=names),
    organization=st.none() | _objects(login=names),
    assigning_team=st.none() | _objects(id=counts, slug=names),
    plan_type=names,
    created_at=_usual_instants,
    last_activity_at=_instants | _usual_instants,
    last_activity_editor=st.none() | names,
    pending_cancellation_date=st.none() | st.dates().map(str) | _usual_instants,
)
seat_pages = _objects(total_seats=counts, seats=st.lists(_seats, max_size=4))


# --- as bytes -----------------------------------------------------------------------------------

FORMS = ("lines", "pretty", "array", "pretty array", "wrapped", "wrapped lines")


def written(records: list[Any], form: str, *, ascii_only: bool = True) -> str:
    """The records as a report file of that form."""
    indent = 2 if "pretty" in form else None
    if "wrapped" in form:
        parts = [records] if form == "wrapped" else [[record] for record in records]
        records = [{"day_totals": part} for part in parts]
    if "array" in form:
        return json.dumps(records, indent=indent, ensure_ascii=ascii_only)
    return "\n".join(json.dumps(each, indent=indent, ensure_ascii=ascii_only) for each in records)


@st.composite
def damaged(draw: st.DrawFn, texts: Strategy[str]) -> bytes:
    """The text's bytes as they are, with something around them, or broken in some way."""
    body = draw(texts).encode("utf-8", "surrogatepass")
    place = draw(st.integers(0, len(body)))
    match draw(st.integers(0, 9)):
        case 0:
            return b"\xef\xbb\xbf" + body
        case 1:
            return b"\r\n \n" + body.replace(b"\n", b"\r\n\r\n") + b"\r\n\n"
        case 2:
            return body[:place]
        case 3:
            return body[:place] + draw(st.binary(min_size=1, max_size=4)) + body[place:]
        case 4:
            return body[:place] + draw(
                st.sampled_from([b"\0", b"\xff", b"NaN", b"1e999", b"[" * 9])
            )
        case 5:
            return draw(
                st.binary(max_size=40) | st.sampled_from([b"", b"null", b'""', b"[" * 10**5])
            )
    return body


@st.composite
def report_files(draw: st.DrawFn, day: date) -> bytes:
    """A file that ought to be the report of that day."""
    record = draw(nearly(aggregates(day)))
    records = [record] * draw(st.sampled_from([0] + [1] * 6 + [2]))
    if draw(st.integers(0, 5)) == 5:
        records.append(draw(nearly(aggregates(day))))
    form = draw(st.sampled_from(FORMS))
    return draw(damaged(st.just(written(records, form, ascii_only=draw(st.booleans())))))
