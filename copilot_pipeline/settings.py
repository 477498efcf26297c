"""The environment variables of the project.

Each variable is read when it is needed, and none at import. No other module reads the environment.
"""

import os
import re
import string
from enum import StrEnum
from pathlib import Path
from urllib.parse import quote

from copilot_pipeline.errors import CopilotPipelineError
from copilot_pipeline.github.hosts import HostPattern
from copilot_pipeline.redaction import looks_like_token, redact

TOKEN_SECRET = "COPILOT_METRICS__TOKEN_SECRET"  # noqa: S105 (the variable's name)
TOKEN_SECRET_PREVIOUS = "COPILOT_METRICS__TOKEN_SECRET_PREVIOUS"  # noqa: S105 (the variable's name)
DATABASE_URL = "DATABASE_URL"
ENDPOINTS = "COPILOT_METRICS__ENDPOINTS"
DOWNLOAD_HOSTS = "COPILOT_METRICS__DOWNLOAD_HOSTS"
STORAGE_ACCOUNTS = "COPILOT_METRICS__STORAGE_ACCOUNTS"
CONCURRENCY = "COPILOT_METRICS__CONCURRENCY"
NOTIFY_WEBHOOK_URL = "COPILOT_METRICS__NOTIFY_WEBHOOK_URL"
NOTIFY_WEBHOOK_FORMAT = "COPILOT_METRICS__NOTIFY_WEBHOOK_FORMAT"
NOTIFY_SMTP_URL = "COPILOT_METRICS__NOTIFY_SMTP_URL"
FAIL_RUN_ON = "COPILOT_METRICS__FAIL_RUN_ON"
REPORT_DIR = "COPILOT_METRICS__REPORT_DIR"
DAGSTER_HOME = "DAGSTER_HOME"

DEFAULT_CONCURRENCY = 4

# A file with a secret or a URL contains nothing else.
MAX_FILE_BYTES = 16 * 1024

_HOW_TO_MAKE_A_SECRET = (
    f"Make one with `openssl rand -hex 32`, keep it safe, and set {TOKEN_SECRET} to it."
)


class SettingError(CopilotPipelineError):
    """An environment variable is missing or not valid."""


class FailRunOn(StrEnum):
    """Which failed scopes make a run fail. A run without a healthy scope always fails."""

    ANY_SCOPE = "any-scope"
    # A scope of which earlier data of the same source is stored.
    WORKING_SCOPE = "working-scope"
    ALL_SCOPES = "all-scopes"


def token_secret() -> str:
    """Return the secret that seals stored tokens: 64 hexadecimal characters.

    Raises:
        SettingError: the secret is missing or malformed.
    """
    secret = _secret(TOKEN_SECRET)
    if secret is None:
        raise SettingError(
            f"{TOKEN_SECRET} is not set: tokens cannot be stored or read without it. "
            f"{_HOW_TO_MAKE_A_SECRET}"
        )
    return secret


def previous_token_secret() -> str | None:
    """Return the old secret during a rotation, or None."""
    return _secret(TOKEN_SECRET_PREVIOUS)


def _secret(variable: str) -> str | None:
    secret = _from_variable_or_file(variable).lower()
    if secret and (len(secret) != 64 or any(c not in string.hexdigits for c in secret)):
        raise SettingError(f"{variable} must be 64 hexadecimal characters. {_HOW_TO_MAKE_A_SECRET}")
    if len(set(secret)) == 1:
        raise SettingError(
            f"{variable} is the same character 64 times, which is easy to guess. "
            f"{_HOW_TO_MAKE_A_SECRET}"
        )
    return secret or None


def _from_variable_or_file(variable: str) -> str:
    """Return the stripped value of the variable, or of the file that `…_FILE` names.

    The result is empty if neither is set. Messages repeat neither the content of the file nor its
    name, because the secret itself may have been given as the name.
    """
    value, path = os.environ.get(variable, "").strip(), os.environ.get(f"{variable}_FILE", "")
    if not path:
        return value
    if value:
        raise SettingError(f"both {variable} and {variable}_FILE are set: unset one of them.")
    try:
        with Path(path).open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise SettingError(
            f"the file that {variable}_FILE names cannot be read: {reason}."
        ) from None
    if len(content) > MAX_FILE_BYTES:
        raise SettingError(
            f"the file that {variable}_FILE names is too large: it must contain only the value, in "
            f"at most {MAX_FILE_BYTES} bytes."
        )
    try:
        text = content.decode().strip()
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise SettingError(f"the file that {variable}_FILE names is not UTF-8 text.")
    if not text:
        raise SettingError(f"the file that {variable}_FILE names is empty.")
    return text


def database_url() -> str:
    """Return the URL of the warehouse, from `DATABASE_URL` or `DATABASE_URL_FILE`.

    The default is the SQLite file `copilot.db` in `DAGSTER_HOME`, or in the working directory.
    """
    url = _from_variable_or_file(DATABASE_URL)
    if url:
        return url
    home = Path(dagster_home() or ".").expanduser().resolve()
    # SQLAlchemy decodes the path as part of a URL.
    return f"sqlite:///{quote(str(home / 'copilot.db'))}"


def endpoints() -> tuple[str, ...]:
    """Return the additional hosts that an account may use as its endpoint."""
    hosts = _hosts(ENDPOINTS)
    if any("*" in host for host in hosts):
        raise SettingError(f"{ENDPOINTS} must contain full host names, without *.")
    return hosts


def download_hosts() -> tuple[str, ...]:
    """Return the additional hosts from which report files may be downloaded."""
    return _hosts(DOWNLOAD_HOSTS)


def storage_accounts() -> tuple[str, ...]:
    """Return the Azure storage accounts from which reports may be downloaded. Empty means any."""
    names = _list(STORAGE_ACCOUNTS)
    if not all(re.fullmatch("[a-z0-9]{3,24}", name) for name in names):
        raise SettingError(
            f"{STORAGE_ACCOUNTS} must be comma-separated names of Azure storage accounts: the part "
            "before .blob.core.windows.net, with 3 to 24 letters and digits."
        )
    return names


def _hosts(variable: str) -> tuple[str, ...]:
    """Return the comma-separated hosts of the variable (`host` or `host:port`) in lower case."""
    hosts = _list(variable)
    for host in hosts:
        try:
            HostPattern.parse(host)
        except ValueError as error:
            raise SettingError(f"{variable}: {redact(host)!r} {error}.") from None
    return hosts


def _list(variable: str) -> tuple[str, ...]:
    given = os.environ.get(variable, "").split(",")
    return tuple(part.strip().lower() for part in given if part.strip())


def concurrency() -> int:
    """Return the maximum number of simultaneous GitHub requests per token."""
    text = os.environ.get(CONCURRENCY, "").strip() or str(DEFAULT_CONCURRENCY)
    if not text.isdecimal() or len(text) > 3 or not 1 <= int(text) <= 100:
        raise SettingError(f"{CONCURRENCY} must be a whole number from 1 to 100.")
    return int(text)


def notify_webhook_url() -> str | None:
    """Return the URL of the webhook that gets notifications, or None. It is a secret."""
    return _from_variable_or_file(NOTIFY_WEBHOOK_URL) or None


def notify_webhook_format() -> str:
    """Return what the webhook expects, `json` by default."""
    return os.environ.get(NOTIFY_WEBHOOK_FORMAT, "").strip().lower() or "json"


def notify_smtp_url() -> str | None:
    """Return the URL with mail server and addresses for notifications, or None. It is a secret."""
    return _from_variable_or_file(NOTIFY_SMTP_URL) or None


def fail_run_on() -> FailRunOn:
    """Return which failed scopes make a run fail."""
    text = os.environ.get(FAIL_RUN_ON, "").strip().lower() or FailRunOn.WORKING_SCOPE
    if text not in list(FailRunOn):
        raise SettingError(f"{FAIL_RUN_ON} must be one of {', '.join(FailRunOn)}.")
    return FailRunOn(text)


def report_dir() -> Path | None:
    """Return the folder that the job `write_report` writes the report to, or None."""
    text = os.environ.get(REPORT_DIR, "").strip()
    return Path(text).expanduser() if text else None


def dagster_home() -> str | None:
    """Return the directory in which Dagster stores its runs, or None."""
    return os.environ.get(DAGSTER_HOME) or None


def is_set(variable: str) -> bool:
    """Return whether the variable is set and not empty."""
    return bool(os.environ.get(variable))


def refuse_token(text: str) -> None:
    """Check that a text which is not a token does not look like one.

    Raises:
        SettingError: it looks like a token. The message does not repeat it.
    """
    if looks_like_token(text):
        raise SettingError(
            "a value looks like a token, but no token is expected there; it is not repeated here. "
            "If it is a real token, revoke it: it may be in your shell's history."
        )


def require_variable_name(text: str) -> None:
    """Check that a text is the name of a variable.

    Raises:
        SettingError: it is not a name, or looks like a token. The message does not repeat it.
    """
    if looks_like_token(text) or not text.isidentifier():
        raise SettingError(
            "give the NAME of an environment variable that contains the token. The given value is "
            "not a name, or looks like a token itself; it is not repeated here. If it is a real "
            "token, revoke it: it may be in your shell's history."
        )


def token_from(variable: str, *, may_be_empty: bool = False) -> str:
    """Return the access token in the environment variable.

    Raises:
        SettingError: the variable is not set or empty, or its name is not valid.
    """
    require_variable_name(variable)
    token = os.environ.get(variable, "").strip()
    if not token and not (may_be_empty and variable in os.environ):
        raise SettingError(f"The environment variable {variable} contains no token: set it first.")
    return token
