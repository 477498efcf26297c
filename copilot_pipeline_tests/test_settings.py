"""The environment variables, and the days that GitHub serves."""

import time
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from copilot_pipeline import settings
from copilot_pipeline.days import Today, day_range, describe_days
from copilot_pipeline.settings import SettingError
from copilot_pipeline.sources import LEGACY, ORGANIZATION_DAY, SEATS
from copilot_pipeline.sources.source import Source
from copilot_pipeline.tokens import current_vault
from copilot_pipeline_tests.loading import newest_complete_day

HEX = "0123456789abcdef" * 4


# --- the token secret -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [None, "", "  \n", HEX[:-1], HEX + "0", "g" + HEX[1:], f"0x{HEX[2:]}", HEX[:63] + "\uff11"],
)
def test_a_missing_or_malformed_secret_names_the_variable_and_the_command(
    value: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COPILOT_METRICS__TOKEN_SECRET", raising=False)
    if value is not None:
        monkeypatch.setenv("COPILOT_METRICS__TOKEN_SECRET", value)
    with pytest.raises(SettingError) as caught:
        settings.token_secret()
    assert "COPILOT_METRICS__TOKEN_SECRET" in str(caught.value)
    assert "`openssl rand -hex 32`" in str(caught.value)


def test_a_malformed_secret_is_not_echoed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COPILOT_METRICS__TOKEN_SECRET", HEX[:-1])
    with pytest.raises(SettingError) as caught:
        settings.token_secret()
    assert HEX[:8] not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "expected"), [(HEX, HEX), (HEX.upper(), HEX), (f" {HEX}\n", HEX)]
)
def test_a_secret_of_64_hexadecimal_characters_is_taken(
    value: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COPILOT_METRICS__TOKEN_SECRET", value)
    assert settings.token_secret() == expected


@pytest.mark.parametrize("character", "0fF")
@pytest.mark.parametrize("name", ["TOKEN_SECRET", "TOKEN_SECRET_PREVIOUS"])
def test_a_secret_of_one_character_is_refused(
    name: str, character: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"COPILOT_METRICS__{name}", character * 64)
    with pytest.raises(SettingError, match=rf"COPILOT_METRICS__{name} is the same.*openssl"):
        current_vault()


# --- values that come from a file -------------------------------------------------------------

FROM_FILES = {
    settings.TOKEN_SECRET: settings.token_secret,
    settings.TOKEN_SECRET_PREVIOUS: settings.previous_token_secret,
    settings.DATABASE_URL: settings.database_url,
}


@pytest.mark.parametrize("variable", FROM_FILES)
def test_a_secret_may_come_from_a_file(
    variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    value = "sqlite:///copilot.db" if variable == settings.DATABASE_URL else HEX
    file = tmp_path / "value"
    file.write_text(f"\n {value}\n\n")
    # As compose.yaml hands on what is not set.
    monkeypatch.setenv(variable, "")
    monkeypatch.setenv(f"{variable}_FILE", str(file))
    assert FROM_FILES[variable]() == value


def _no_file(folder: Path) -> Path:
    return folder / "s3cret"


def _folder(folder: Path) -> Path:
    (folder / "s3cret").mkdir()
    return folder / "s3cret"


def _file_of(content: bytes) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        (folder / "s3cret").write_bytes(content)
        return folder / "s3cret"

    return write


@pytest.mark.parametrize("variable", FROM_FILES)
@pytest.mark.parametrize(
    ("make", "words"),
    [
        (_no_file, "cannot be read: No such file"),
        (_folder, "cannot be read: Is a directory"),
        (lambda _: Path("s3cret" * 100), "cannot be read: File name too long"),
        (lambda _: Path("/dev/zero"), "too large"),
        (_file_of(b"s3cret" * 10_000), "too large"),
        (_file_of(b"s3cret\xff"), "not UTF-8"),
        (_file_of("s3cret".encode("utf-16-le")), "not UTF-8"),
        (_file_of(b" \n"), "is empty"),
    ],
    ids=["missing", "folder", "name", "endless", "large", "latin", "utf-16", "empty"],
)
def test_a_file_that_holds_no_value_is_named_by_its_variable_alone(
    variable: str,
    make: Callable[[Path], Path],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv(f"{variable}_FILE", str(make(tmp_path)))
    with pytest.raises(SettingError) as raised:
        FROM_FILES[variable]()
    said = str(raised.value)
    assert f"the file that {variable}_FILE names" in said
    assert words in said
    assert "s3cret" not in said
    # What holds the file's name or content is not shown as the cause either.
    assert raised.value.__suppress_context__ or raised.value.__context__ is None
    assert "\n" not in said


@pytest.mark.parametrize("variable", FROM_FILES)
def test_a_value_and_a_file_together_are_refused(
    variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "value").write_text(HEX)
    monkeypatch.setenv(variable, HEX)
    monkeypatch.setenv(f"{variable}_FILE", str(tmp_path / "value"))
    with pytest.raises(SettingError, match=f"both {variable} and {variable}_FILE are set"):
        FROM_FILES[variable]()


# --- the database -----------------------------------------------------------------------------


def test_the_database_url_is_taken_as_it_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", " postgresql://me:p%40ss@db:5432/copilot?sslmode=require\n")
    assert settings.database_url() == "postgresql://me:p%40ss@db:5432/copilot?sslmode=require"


@pytest.mark.parametrize(
    "folder", ["home", "with space", "\u00fcml\u00e4ut", "50%20", "who?", "no#1", "a@b:c"]
)
def test_the_database_is_a_file_under_dagster_home_whatever_its_name(
    folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / folder))
    url = sa.make_url(settings.database_url())
    assert url.get_backend_name() == "sqlite"
    assert url.database == f"{tmp_path}/{folder}/copilot.db"


@pytest.mark.parametrize("blank", ["", " \n"])
def test_a_blank_database_url_counts_as_unset(
    blank: str, environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", blank)
    assert settings.database_url() == f"sqlite:///{environment}/copilot.db"


@pytest.mark.parametrize("home", [None, ""])
def test_without_dagster_home_the_database_is_in_the_working_directory(
    home: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DAGSTER_HOME")
    if home is not None:
        monkeypatch.setenv("DAGSTER_HOME", home)
    assert settings.database_url() == f"sqlite:///{tmp_path}/copilot.db"


@pytest.mark.parametrize(("home", "expected"), [("~/dagster", "dagster"), ("here", "here")])
def test_a_dagster_home_is_made_absolute(
    home: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("DAGSTER_HOME", home)
    assert settings.database_url() == f"sqlite:///{tmp_path}/{expected}/copilot.db"


# --- GitHub -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, ()),
        ("", ()),
        (" , ,", ()),
        ("reports.example.com", ("reports.example.com",)),
        (" Reports.Example.com ,*.blob.test:8443,", ("reports.example.com", "*.blob.test:8443")),
    ],
)
def test_download_hosts_are_a_comma_separated_list_in_any_case(
    value: str | None, expected: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    if value is not None:
        monkeypatch.setenv("COPILOT_METRICS__DOWNLOAD_HOSTS", value)
    assert settings.download_hosts() == expected


@pytest.mark.parametrize(
    "value",
    ["*", "*.*", "*.com", "files.*", "a.*.*", "ok.example, *", "*:443", "https://a.example"],
)
def test_a_wildcard_for_any_host_is_refused(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COPILOT_METRICS__DOWNLOAD_HOSTS", value)
    with pytest.raises(SettingError, match=r"COPILOT_METRICS__DOWNLOAD_HOSTS: '.*(domain|name)"):
        settings.download_hosts()


def test_storage_accounts_are_named_without_their_domain(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings.storage_accounts() == ()
    monkeypatch.setenv("COPILOT_METRICS__STORAGE_ACCOUNTS", " OctoReports1, octoreports2,")
    assert settings.storage_accounts() == ("octoreports1", "octoreports2")


@pytest.mark.parametrize(
    "value", ["*", "ab", "a" * 25, "octo.blob.core.windows.net", "a b c", "oct-o"]
)
def test_a_storage_account_that_no_account_is_called_is_refused(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COPILOT_METRICS__STORAGE_ACCOUNTS", value)
    with pytest.raises(
        SettingError, match="COPILOT_METRICS__STORAGE_ACCOUNTS must be comma-separated names"
    ):
        settings.storage_accounts()


def test_endpoints_are_hosts_named_in_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COPILOT_METRICS__ENDPOINTS")
    assert settings.endpoints() == ()
    monkeypatch.setenv("COPILOT_METRICS__ENDPOINTS", " Ghe.example ,localhost:8080,[::1]:80,")
    assert settings.endpoints() == ("ghe.example", "localhost:8080", "[::1]:80")


@pytest.mark.parametrize(
    "value",
    [
        "*",
        "*.example.com",
        "api.*.example.com",
        "https://ghe.example",
        "ghe.example/api",
        "ghe.example:0",
        "ghe.example:99999",
        "user@ghe.example",
        "ghe.example.",
        "::1",
        "two words",
        "ok.example,?",
    ],
)
def test_an_endpoint_setting_that_is_no_list_of_hosts_is_refused(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COPILOT_METRICS__ENDPOINTS", value)
    with pytest.raises(SettingError, match="COPILOT_METRICS__ENDPOINTS"):
        settings.endpoints()


@pytest.mark.parametrize(
    ("value", "expected"), [(None, 4), ("", 4), (" ", 4), ("1", 1), (" 8 ", 8), ("100", 100)]
)
def test_concurrency_is_4_unless_set(
    value: str | None, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if value is not None:
        monkeypatch.setenv("COPILOT_METRICS__CONCURRENCY", value)
    assert settings.concurrency() == expected


@pytest.mark.parametrize(
    "value", ["0", "101", "-1", "+4", "4.0", "1e1", "four", "\u00b2", "4 4", "9" * 5000]
)
def test_a_concurrency_that_is_no_whole_number_from_1_to_100_is_refused(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COPILOT_METRICS__CONCURRENCY", value)
    with pytest.raises(SettingError, match=r"COPILOT_METRICS__CONCURRENCY.* from 1 to 100"):
        settings.concurrency()


def test_the_token_comes_from_the_named_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORK_TOKEN", " ghp_work\n")
    monkeypatch.setenv("GITHUB_TOKEN", "ghp_home")
    assert settings.token_from("WORK_TOKEN") == "ghp_work"
    assert settings.token_from("GITHUB_TOKEN") == "ghp_home"


@pytest.mark.parametrize("value", [None, "", " \n"])
def test_a_variable_without_a_token_is_named(
    value: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if value is not None:
        monkeypatch.setenv("WORK_TOKEN", value)
    with pytest.raises(SettingError, match="WORK_TOKEN contains no token"):
        settings.token_from("WORK_TOKEN")


# --- days -------------------------------------------------------------------------------------


def utc_yesterday() -> date:
    return date(1970, 1, 1) + timedelta(days=time.time() // 86_400 - 1)


# At any moment at least one of the outer two has another date than UTC.
@pytest.fixture(params=["Pacific/Kiritimati", "UTC", "Etc/GMT+12"])
def time_zone(request: pytest.FixtureRequest) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", request.param)
        time.tzset()
        yield request.param
    time.tzset()


def test_the_newest_complete_day_is_yesterday_in_utc_wherever_the_machine_is(
    time_zone: str,
) -> None:
    before = utc_yesterday()
    newest = newest_complete_day()
    assert newest in (before, utc_yesterday())


@pytest.mark.parametrize(("source", "days"), [(ORGANIZATION_DAY, 365), (LEGACY, 100), (SEATS, 1)])
def test_the_window_ends_yesterday_and_is_as_long_as_github_serves(
    source: Source, days: int
) -> None:
    before = utc_yesterday()
    window = Today.from_clock().window(source.reach_days)
    assert window.last in (before, utc_yesterday())
    assert (window.last - window.first).days == days - 1
    day = timedelta(days=1)
    assert window.first in window
    assert window.last in window
    assert window.first - day not in window
    assert window.last + day not in window
    assert str(window) == f"{window.first.isoformat()} to {window.last.isoformat()}"


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        (date(2026, 11, 20), date(2026, 11, 20), ["2026-11-20"]),
        (
            date(2028, 2, 28),
            date(2028, 3, 1),
            ["2028-02-28", "2028-02-29", "2028-03-01"],
        ),
        (date(2026, 12, 31), date(2027, 1, 1), ["2026-12-31", "2027-01-01"]),
        (date(2026, 11, 21), date(2026, 11, 20), []),
    ],
)
def test_a_day_range_has_both_ends(first: date, last: date, expected: list[str]) -> None:
    assert [day.isoformat() for day in day_range(first, last)] == expected


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        ([1], "2026-11-01"),
        ([1, 2, 3], "2026-11-01 to 2026-11-03 (3 days)"),
        ([3, 1, 2], "2026-11-01 to 2026-11-03 (3 days)"),
        ([1, 2, 4, 5, 6, 7, 8, 9], "2026-11-01 to 2026-11-09 (8 days)"),
    ],
)
def test_days_are_described_by_their_ends_and_their_number(days: list[int], expected: str) -> None:
    assert describe_days([date(2026, 11, day) for day in days]) == expected
