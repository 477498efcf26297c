"""News of the collection: a problem is told once, and its end once."""

from collections.abc import Collection
from datetime import date, timedelta

import pytest

from copilot_pipeline.collection_health import collection_health, problems
from copilot_pipeline.days import Today
from copilot_pipeline.notifications.news import News, Told, find_news
from copilot_pipeline.warehouse.database import Database
from copilot_pipeline.warehouse.history import DayState
from copilot_pipeline_tests.loading import ORGANIZATION, USERS
from copilot_pipeline_tests.test_collection_health import (
    METRICS,
    NEWEST,
    SNAPSHOTS,
    TODAY,
    Stored,
    ago,
    refusal,
)


@pytest.fixture
def stored(database: Database) -> Stored:
    return Stored(database)


def news(stored: Stored, told: Collection[Told] = (), today: Today = TODAY) -> News:
    database = stored.database
    return find_news(told, collection_health(database, today), problems(database, today))


def lines(found: News) -> list[str]:
    return [] if found.message is None else list(found.message.lines)


def refuse(stored: Stored, scope: int, slug: str, *sources: str) -> None:
    message = refusal("demo-owner", f"organization {slug}", f"/orgs/{slug}/x", "403 not an owner")
    stored.days(scope, sources, [NEWEST], DayState.NO_ACCESS, message=message, http_status=403)


def fail(stored: Stored, scope: int, slug: str, days: Collection[date]) -> None:
    message = refusal("demo-owner", f"organization {slug}", f"/orgs/{slug}/x", "502 bad gateway")
    stored.days(scope, SNAPSHOTS, list(days), DayState.FAILED, message=message, http_status=502)


def test_where_everything_is_collected_there_is_no_news(stored: Stored) -> None:
    stored.healthy(stored.scope(stored.account("demo-owner"), "acme"))
    assert news(stored) == News(None, frozenset())


def test_a_problem_is_told_once_and_its_end_once(stored: Stored) -> None:
    scope = stored.scope(stored.account("demo-owner"), "acme")
    stored.healthy(scope)
    refuse(stored, scope, "acme", USERS)
    first = news(stored)
    (line,) = lines(first)
    assert line.startswith(f"organization acme: GitHub refuses {USERS}")
    assert first.message is not None
    assert first.message.subject == "Copilot metrics: 1 new problem"
    assert news(stored, first.told) == News(None, first.told)
    stored.days(scope, [USERS], [NEWEST])
    end = news(stored, first.told)
    assert lines(end) == [f"organization acme: {USERS} is collected again."]
    assert end.message is not None
    assert end.message.subject == "Copilot metrics: collected again"
    assert news(stored, end.told).message is None


def test_a_scope_that_is_part_of_a_larger_problem_later_is_not_collected_again(
    stored: Stored,
) -> None:
    account = stored.account("demo-owner")
    acme, other = stored.scope(account, "acme"), stored.scope(account, "other")
    for scope in (acme, other):
        stored.healthy(scope)
    fail(stored, acme, "acme", [NEWEST])
    first = news(stored)
    assert len(lines(first)) == 1
    fail(stored, other, "other", [NEWEST])
    second = news(stored, first.told)
    (line,) = lines(second)
    assert "organization acme, organization other" in line
    stored.days(acme, SNAPSHOTS, [NEWEST])
    third = news(stored, second.told)
    assert lines(third) == ["organization acme: seat-billing, seats is collected again."]


def test_a_problem_that_becomes_another_one_has_not_ended(stored: Stored) -> None:
    scope = stored.scope(stored.account("demo-owner"), "acme")
    stored.healthy(scope)
    fail(stored, scope, "acme", [NEWEST])
    first = news(stored)
    refuse(stored, scope, "acme", *SNAPSHOTS)
    (line,) = lines(news(stored, first.told))
    assert "GitHub refuses seats and seat-billing" in line


def test_every_missing_snapshot_is_told_and_none_ends(stored: Stored) -> None:
    scope = stored.scope(stored.account("demo-owner"), "acme")
    stored.healthy(scope)
    fail(stored, scope, "acme", [ago(3)])
    first = news(stored)
    (line,) = lines(first)
    assert str(ago(3)) in line
    assert "cannot be taken later" in line
    assert "502 bad gateway" in line
    fail(stored, scope, "acme", [ago(1)])
    (line,) = lines(news(stored, first.told))
    assert str(ago(1)) in line
    much_later = Today(TODAY.now + timedelta(days=1))
    stored.days(scope, SNAPSHOTS, [ago(3), ago(1)])
    assert lines(news(stored, first.told, much_later)) == []


def test_a_scope_that_is_removed_is_not_collected_again(stored: Stored) -> None:
    scope = stored.scope(stored.account("demo-owner"), "acme")
    stored.healthy(scope)
    refuse(stored, scope, "acme", *METRICS)
    told = news(stored).told
    assert told
    assert find_news(told, [], []) == News(None, frozenset())


def test_a_token_is_told_when_it_expires_soon_when_it_has_expired_and_when_it_is_new(
    stored: Stored,
) -> None:
    expires_at = TODAY.now + timedelta(days=3)
    scope = stored.scope(stored.account("demo-owner", expires_at=expires_at), "acme")
    stored.healthy(scope)
    soon = news(stored)
    (line,) = lines(soon)
    assert "account 1, demo-owner" in line
    assert "expires" in line
    later = Today(expires_at + timedelta(hours=1))
    message = refusal("demo-owner", "organization acme", "/orgs/acme/x", "401 the token is invalid")
    for source in (*METRICS, *SNAPSHOTS):
        days = [later.newest]
        stored.days(scope, [source], days, DayState.NO_ACCESS, message=message, http_status=401)
    expired = news(stored, soon.told, later)
    (line,) = lines(expired)
    assert "expired" in line
    assert news(stored, expired.told, later).message is None
    found = collection_health(stored.database, TODAY)
    assert lines(find_news(soon.told, found, [])) == [
        "account 1, demo-owner: the token no longer expires soon."
    ]


def test_the_news_of_many_scopes_with_one_cause_are_one_line(stored: Stored) -> None:
    account = stored.account("demo-owner")
    for slug in ("a", "b", "c"):
        scope = stored.scope(account, slug)
        stored.healthy(scope)
        fail(stored, scope, slug, [NEWEST])
    found = news(stored)
    assert len(lines(found)) == 1
    assert len(found.told) == 6
    assert ORGANIZATION not in {source for _, _, source, _ in found.told}
