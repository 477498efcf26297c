"""GitHub's answers are stored compressed, and are read and printed as they were received."""

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from copilot_pipeline.cli import run_command
from copilot_pipeline.collect.rebuild import rebuild
from copilot_pipeline.collect.selection import select_scopes
from copilot_pipeline.simulated_github import ReportFiles, SimulatedGitHub
from copilot_pipeline.sources import SEATS
from copilot_pipeline.sources.raw import RAW_METRICS
from copilot_pipeline.sources.reports import METRICS_STEP
from copilot_pipeline.sources.source import Source
from copilot_pipeline.warehouse import raw
from copilot_pipeline.warehouse.database import Database
from copilot_pipeline.warehouse.months import make_months
from copilot_pipeline.warehouse.raw import (
    DamagedAnswerError,
    StoredAnswer,
    compress,
    compress_ahead,
    replace_raw,
)
from copilot_pipeline_tests.commands import Output, fail
from copilot_pipeline_tests.leaks import files_that_leak, tables_that_leak
from copilot_pipeline_tests.loading import (
    USERS,
    import_organizations,
    load_metrics,
    newest_complete_day,
    read_table,
)

SLUG = "octo-demo"
URL = "https://api.github.example/x"
AT = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.fixture
def collected(warehouse_environment: str, github: SimulatedGitHub) -> SimulatedGitHub:
    import_organizations(warehouse_environment, github, SLUG, reports=[USERS])
    return github


def user(number: int, **more: Any) -> str:
    record = {"day": str(newest_complete_day()), "user_id": number, "user_login": f"octo-{number}"}
    return json.dumps({**record, **more}, ensure_ascii=False)


def give(github: SimulatedGitHub, *files: str) -> None:
    reports = github.organization(SLUG).reports
    reports[USERS, newest_complete_day()] = ReportFiles([*files])


def show(*more: str, source: str = USERS, day: date | None = None) -> list[str]:
    return ["raw", "show", source, SLUG, str(day or newest_complete_day()), *more]


def store(url: str, source: Source, *texts: str) -> None:
    answers = [StoredAnswer(URL, compress([text.encode()]), AT) for text in texts]
    with Database(url) as database:
        make_months(database, [source.raw.table], newest_complete_day())
        with database.write() as connection:
            replace_raw(connection, source, 1, newest_complete_day(), compress_ahead(answers))


@pytest.mark.both_databases
def test_a_report_is_stored_small_and_shown_as_received(
    warehouse_environment: str,
    collected: SimulatedGitHub,
    capsysbinary: pytest.CaptureFixture[bytes],
) -> None:
    # The second file has no line end, the first has one.
    files = ["".join(user(n) + "\n" for n in range(1, 300)), user(300, x="é\u2028"), user(301)]
    give(collected, *files)
    assert load_metrics([newest_complete_day()]) == []
    assert run_command(show()) == 0
    received = files[0] + files[1] + "\n" + files[2]
    assert capsysbinary.readouterr().out == received.encode()
    with Database(warehouse_environment) as database, database.read() as connection:
        rows = connection.execute(sa.select(RAW_METRICS.table).order_by("part")).all()
    assert len(rows[0].payload) < len(files[0]) / 10
    assert [gzip.decompress(row.payload).decode() for row in rows] == files
    assert [row.sha256 for row in rows] == [sha256(file.encode()).hexdigest() for file in files]


def test_pages_of_seats_follow_each_other(
    warehouse_environment: str, collected: SimulatedGitHub, capsys: Output
) -> None:
    store(warehouse_environment, SEATS, '{"seats": [1]}', '{"seats": [2]}')
    assert run_command(show(source="seats")) == 0
    assert capsys.readouterr().out == '{"seats": [1]}\n{"seats": [2]}'


def test_a_day_that_is_not_stored_says_which_days_are(
    warehouse_environment: str, collected: SimulatedGitHub, capsys: Output
) -> None:
    newest = newest_complete_day()
    before = newest - timedelta(days=5)
    assert fail(show(), capsys) == (
        f"Error: no users-1-day of the organization octo-demo is stored for {newest}. "
        "Stored days: none.\n"
    )
    store(warehouse_environment, SEATS, "{}", "{}")
    assert fail(show(source="seats", day=before), capsys) == (
        f"Error: no seats of the organization octo-demo is stored for {before}. "
        f"Stored days: from {newest} to {newest}, 1 in all.\n"
    )


@pytest.mark.usefixtures("collected")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["seat", SLUG, "2026-11-01"], "'seats'"),
        (["seats", "octo-other", "2026-11-01"], "Collected scopes: octo-demo"),
        (["seats", SLUG, "yesterday"], "'yesterday' does not match the format"),
    ],
)
def test_what_is_wrong_with_an_argument_is_one_line(
    arguments: list[str], message: str, capsys: Output
) -> None:
    error = fail(["raw", "show", *arguments], capsys)
    assert message in error
    assert error.count("\n") == 1


def test_a_terminal_is_not_controlled_by_an_answer(
    warehouse_environment: str,
    collected: SimulatedGitHub,
    capsys: Output,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Characters that are one byte before the end of a block and begin in it.
    monkeypatch.setattr(raw, "_BLOCK", 8)
    store(warehouse_environment, SEATS, '{"xxx":"\x9b2J\u202e\x1b[2J\r é"}\n')
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert run_command(show(source="seats")) == 0
    shown = capsys.readouterr().out
    assert shown == '{"xxx":"\\u009b2J\\u202e\\u001b[2J\\u000d é"}\n'


def test_a_reader_that_ends_early_is_no_error(
    warehouse_environment: str, collected: SimulatedGitHub
) -> None:
    store(warehouse_environment, SEATS, *(os.urandom(300_000).hex() for _ in range(4)))
    with subprocess.Popen(
        [sys.executable, "-m", "copilot_pipeline", *show(source="seats")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as command:
        assert command.stdout is not None
        assert command.stderr is not None
        assert len(command.stdout.read(10)) == 10
        command.stdout.close()
        assert command.stderr.read() == b""


@pytest.mark.parametrize(
    "damaged",
    [b"{}", compress([b"{}"])[:-9], compress([b"{}"])[:-8] + bytes(8)],
    ids=["text", "cut", "other content"],
)
def test_a_damaged_answer_is_refused_with_its_address(damaged: bytes) -> None:
    answer = StoredAnswer(URL, damaged, AT)
    for read in (answer.content, lambda: list(answer.lines()), lambda: list(answer.blocks())):
        with pytest.raises(DamagedAnswerError, match=rf"{URL} is damaged"):
            read()


def test_a_damaged_day_fails_to_rebuild_and_is_replaced_by_the_next_load(
    warehouse_environment: str, collected: SimulatedGitHub
) -> None:
    day = newest_complete_day()
    give(collected, user(1))
    assert load_metrics([day]) == []
    damage = sa.update(RAW_METRICS.table).values(payload=b"damaged")
    with Database(warehouse_environment) as database:
        with database.write() as connection:
            connection.execute(damage)
        scopes = select_scopes(database)
        (outcome,) = rebuild(database, scopes, METRICS_STEP, [day], {"user_metrics"})
    assert "is damaged" in (outcome.message or "")
    give(collected, user(1), user(2))
    assert load_metrics([day]) == []
    stored = read_table(warehouse_environment, RAW_METRICS.table.name)
    assert [row["payload"] for row in stored] == [user(1), user(2)]


def test_the_search_for_tokens_reads_compressed_answers(
    warehouse_environment: str, collected: SimulatedGitHub, tmp_path: Path
) -> None:
    store(warehouse_environment, SEATS, f'{{"x": "{collected.token}"}}')
    (found,) = tables_that_leak(warehouse_environment)
    assert "_raw_copilot_seats" in found
    if warehouse_environment.startswith("sqlite"):
        assert len(files_that_leak(tmp_path)) == 1
    store(warehouse_environment, SEATS)


def test_a_large_answer_is_decompressed_while_it_is_read() -> None:
    line = b'{"user_id": 1}\n'

    def blocks() -> Iterator[bytes]:
        for _ in range(1000):
            yield line * 1000

    answer = StoredAnswer(URL, compress(blocks()), AT)
    assert sum(1 for _ in answer.lines()) == 1_000_000
    assert max(map(len, answer.blocks())) <= 1024 * 1024
    assert b"".join(answer.blocks()) == line * 1_000_000
