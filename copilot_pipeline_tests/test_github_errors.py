"""What refusals mean and advise, and that no message or log shows a secret."""

import base64
import gzip
import logging
import traceback
from collections.abc import Callable, Iterator

import httpx
import pytest

from copilot_pipeline.github import errors, transport
from copilot_pipeline.github.client import GitHubClient
from copilot_pipeline.github.credentials import PersonalAccessToken
from copilot_pipeline.github.errors import AccessError, GitHubError, Subject, raise_for_answer
from copilot_pipeline.github.refusals import RefusalReason
from copilot_pipeline.github.transport import ConnectionSettings
from copilot_pipeline.redaction import looks_like_token, redact
from copilot_pipeline.simulated_github import Answer, SimulatedGitHub, faults
from copilot_pipeline_tests.asking import ask_billing, ask_report
from copilot_pipeline_tests.leaks import leaked
from copilot_pipeline_tests.test_github_client import client_of

# The form of GitHub's oldest tokens, which no pattern can tell from a commit's hash.
HEX_TOKEN = "0123456789abcdef" * 2 + "01234567"


@pytest.fixture
def client(github: SimulatedGitHub) -> Iterator[GitHubClient]:
    with client_of(github) as client:
        yield client


def refusal(status: int, message: str, **headers: str) -> Answer:
    dashed = {name.replace("_", "-"): text for name, text in headers.items()}
    return Answer(status=status, body={"message": message}, headers=dashed)


# --- refusals ---------------------------------------------------------------------------------


WRONG_SCOPES = faults.missing_scope("repo, user", ["read:org", "write:org", "admin:org"])
HIDDEN = refusal(404, "Not Found", x_oauth_scopes="repo")
NO_SCOPES = refusal(403, "Forbidden", x_oauth_scopes="")
PARENT = refusal(403, "Forbidden", x_oauth_scopes="admin:org, repo")
PERMISSIONS = "organization_copilot_seat_management=read; organization_administration=read"
ROLE = refusal(403, "requires admin, or a role", x_accepted_github_permissions=PERMISSIONS)
ALTERNATIVES = refusal(403, "Forbidden", x_accepted_github_permissions=PERMISSIONS)
ALLOW_LIST = refusal(403, "The organization has an IP allow list enabled, and your IP address ...")
FORBIDS = refusal(403, "`octo-demo` forbids access via a personal access token (classic).")
NO_SSO = refusal(403, "Forbidden", x_github_sso="required; url=x")
INTEGRATION = refusal(403, "Resource not accessible by integration")


@pytest.mark.parametrize(
    ("answer", "reason", "advice"),
    [
        (faults.bad_credentials(), RefusalReason.BAD_TOKEN, "import the account again"),
        (faults.policy_off(), RefusalReason.POLICY_OFF, "policy 'Copilot usage metrics' is off"),
        (faults.sso(), RefusalReason.SSO_NOT_AUTHORIZED, "Configure SSO"),
        (NO_SSO, RefusalReason.SSO_NOT_AUTHORIZED, "Configure SSO"),
        (
            faults.fine_grained_permission(),
            RefusalReason.MISSING_PERMISSION,
            'accepts "Organization Copilot metrics" (organization_copilot_metrics=read)',
        ),
        (ALTERNATIVES, RefusalReason.MISSING_PERMISSION, '"GitHub Copilot Business" (organ'),
        (ALTERNATIVES, RefusalReason.MISSING_PERMISSION, ') or "Administration" (organ'),
        (
            INTEGRATION,
            RefusalReason.MISSING_PERMISSION,
            'needs "Organization Copilot metrics" (read)',
        ),
        (WRONG_SCOPES, RefusalReason.MISSING_SCOPE, "it has repo, user and needs read:org."),
        (HIDDEN, RefusalReason.MISSING_SCOPE, "it has repo and needs read:org."),
        (NO_SCOPES, RefusalReason.MISSING_SCOPE, "it has none and needs read:org."),
        (PARENT, RefusalReason.NOT_OWNER, "must be an owner there"),
        (ROLE, RefusalReason.NOT_OWNER, "must be an owner there"),
        (faults.not_owner(), RefusalReason.NOT_OWNER, "must be an owner there"),
        (ALLOW_LIST, RefusalReason.IP_NOT_ALLOWED, "IP allow list does not contain"),
        (FORBIDS, RefusalReason.TOKEN_KIND_FORBIDDEN, "forbids this kind"),
        (faults.missing_user_agent(), RefusalReason.NOT_OWNER, "must be an owner there"),
        (faults.not_found(), RefusalReason.NOT_FOUND, "Check the name"),
        (faults.legacy_closed(), RefusalReason.ENDPOINT_CLOSED, "--metrics-api reports"),
        (refusal(410, "Gone"), RefusalReason.API_VERSION_UNSUPPORTED, "Upgrade copilot_pipeline"),
        (faults.metrics_disabled(), RefusalReason.POLICY_OFF, "metrics API is disabled"),
        (faults.billing_problem(), RefusalReason.BILLING_PROBLEM, "payment problem"),
        (refusal(400, "Bad Request"), RefusalReason.BAD_REQUEST, "does not accept this request"),
        (
            Answer(status=451, body=b"\xff[", headers={}),
            RefusalReason.BAD_REQUEST,
            "does not accept this request",
        ),
        (
            Answer(status=499, body="[" * 100_000, headers={}),
            RefusalReason.BAD_REQUEST,
            "(unknown status)",
        ),
    ],
)
def test_a_refusal_is_permanent_and_says_for_whom_it_is_and_what_to_do(
    github: SimulatedGitHub,
    client: GitHubClient,
    answer: Answer,
    reason: RefusalReason,
    advice: str,
) -> None:
    github.faults.add(".", **answer)
    with pytest.raises(GitHubError) as raised:
        ask_report(client, github.newest_day)
    message = str(raised.value)
    endpoint = "GET /orgs/octo-demo/copilot/metrics/reports/organization-1-day"
    host = httpx.URL(github.url).netloc.decode()
    assert message.startswith(f"{host}, account demo-admin, organization octo-demo, {endpoint}: ")
    assert str(answer["status"]) in message
    assert advice in message
    assert raised.value.reason is reason
    stops_scope = reason not in (RefusalReason.NOT_FOUND, RefusalReason.BAD_REQUEST)
    assert raised.value.stops_scope is stops_scope
    assert isinstance(raised.value, AccessError) is stops_scope
    assert len(github.requests) == 1


def test_a_refusal_that_is_not_githubs_own_names_a_proxy_or_firewall() -> None:
    blocked = errors.Answer(403, httpx.Headers(), b"<html>Blocked</html>", "https://x.example/")
    with pytest.raises(AccessError, match="a proxy or firewall") as raised:
        raise_for_answer(blocked, Subject("api.github.com", "account octocat", "", "GET /user"))
    assert raised.value.reason is RefusalReason.BAD_ANSWER


def test_a_request_that_github_cannot_process_is_not_blamed_on_a_policy(
    github: SimulatedGitHub, client: GitHubClient
) -> None:
    github.faults.add(".", **faults.invalid_parameter("day"))
    with pytest.raises(GitHubError, match="422") as raised:
        ask_report(client, github.newest_day)
    assert "disabled" not in str(raised.value)
    assert not raised.value.stops_scope


def test_a_long_message_is_quoted_in_part_and_on_one_line(
    github: SimulatedGitHub, client: GitHubClient
) -> None:
    github.faults.add("/user$", **refusal(400, "no\r\n\x1b[31mway " + "x" * 5000))
    with pytest.raises(GitHubError, match=r"'no \[31mway x+'") as raised:
        client.user()
    assert len(str(raised.value)) < 500


# --- answers that are no answers ----------------------------------------------------------------

WHOLE = gzip.compress(b'{"id": 7, "login": "octocat"}\n' * 100)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"not compressed", id="plain"),
        pytest.param(WHOLE[:60], id="half"),
        pytest.param(WHOLE[:-8], id="without the checksum"),
        pytest.param(WHOLE[:-1] + b"?", id="another length"),
    ],
)
def test_broken_compression_is_an_error_and_never_half_a_file(
    github: SimulatedGitHub, client: GitHubClient, body: bytes
) -> None:
    headers = {"content-encoding": "gzip"}
    github.faults.add(".", origin="download", status=200, body=body, headers=headers)
    with pytest.raises(GitHubError, match=r"octo-demo"):
        ask_report(client, github.newest_day)


def test_a_file_that_unpacks_to_far_more_than_its_size_is_given_up(
    github: SimulatedGitHub, client: GitHubClient
) -> None:
    body = gzip.compress(b" " * 8 * 1024 * 1024)
    headers = {"content-encoding": "gzip"}
    github.faults.add("", origin="download", status=200, body=body, headers=headers)
    with pytest.raises(GitHubError, match="decompresses to more than 200 times its size"):
        ask_report(client, github.newest_day)


def test_a_compressed_file_is_read(github: SimulatedGitHub, client: GitHubClient) -> None:
    headers = {"content-encoding": "gzip"}
    github.faults.add(".", origin="download", status=200, body=WHOLE, headers=headers)
    documents = ask_report(client, github.newest_day).files
    assert [len(document.content().decode().splitlines()) for document in documents or []] == [100]


@pytest.mark.parametrize("compressed", [True, False])
def test_an_answer_that_is_too_large_is_given_up_at_once(
    github: SimulatedGitHub,
    client: GitHubClient,
    monkeypatch: pytest.MonkeyPatch,
    compressed: bool,
) -> None:
    monkeypatch.setattr(transport, "MAX_FILE_BYTES", 1024 * 1024)
    body = b" " * (1024 * 1024 + 1)
    headers = {"content-encoding": "gzip"} if compressed else {}
    body = gzip.compress(body) if compressed else body
    github.faults.add(".", origin="download", status=200, body=body, headers=headers)
    with pytest.raises(GitHubError, match=r"octo-demo.*larger than 1 MiB"):
        ask_report(client, github.newest_day)
    assert [request.origin for request in github.requests] == ["api", "download"]


# --- secrets ----------------------------------------------------------------------------------


def test_the_token_is_in_no_repr(github: SimulatedGitHub, client: GitHubClient) -> None:
    connection = ConnectionSettings(
        endpoint=github.url, credential=PersonalAccessToken(github.token)
    )
    assert github.url in repr(connection)
    assert github.token not in repr(connection) + repr(client) + str(vars(client))


ECHOES: dict[str, Callable[[str], Answer]] = {
    "message": lambda token: refusal(400, f"I do not know the token {token}!"),
    "limit": lambda token: refusal(403, f"Rate limit exceeded for {token}", retry_after="0"),
    "trouble": lambda token: refusal(503, f"{token} broke the server"),
    "permissions": lambda token: refusal(403, "No", x_accepted_github_permissions=token),
    "scopes": lambda token: refusal(403, "No", x_accepted_oauth_scopes="a", x_oauth_scopes=token),
    "redirect": lambda token: refusal(302, "", location=f"/elsewhere?token={token}"),
    "foreign redirect": lambda token: refusal(302, "", location=f"//x.example/{token}"),
}


@pytest.mark.parametrize("token", ["ghp_" + "aB3" * 12, HEX_TOKEN], ids=["classic", "hex"])
@pytest.mark.parametrize("echo", ECHOES.values(), ids=ECHOES)
def test_a_token_that_the_server_echoes_is_in_no_error_and_no_log(
    github: SimulatedGitHub,
    caplog: pytest.LogCaptureFixture,
    token: str,
    echo: Callable[[str], Answer],
) -> None:
    caplog.set_level(logging.INFO)
    github.accept(token)
    github.faults.add("/user$", **echo(token))
    with (
        client_of(github, credential=PersonalAccessToken(token)) as client,
        pytest.raises(GitHubError) as raised,
    ):
        client.user()
    shown = "".join(traceback.format_exception(raised.value))
    assert "GET /user" in shown
    assert token not in shown
    assert token not in caplog.text


def test_an_answer_that_repeats_the_token_is_refused_before_it_can_be_stored(
    github: SimulatedGitHub, client: GitHubClient
) -> None:
    github.faults.add("/billing$", body={"note": f"seen with {github.token}"})
    with pytest.raises(GitHubError, match="repeats the token") as raised:
        ask_billing(client)
    assert github.token not in str(raised.value)


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({}, id="fine"),
        pytest.param({"cut_after": 5}, id="cut"),
        pytest.param({"redirect_to": "https://elsewhere.example/f?sig=s3cret"}, id="redirect"),
        pytest.param({**faults.server_error()}, id="trouble"),
        pytest.param({**faults.link_expired()}, id="expired"),
    ],
)
def test_neither_a_token_nor_a_signature_is_logged_or_raised_at_any_level(
    github: SimulatedGitHub, caplog: pytest.LogCaptureFixture, fault: dict[str, object]
) -> None:
    caplog.set_level(logging.DEBUG)
    if fault:
        github.faults.add(".", origin="download", **fault)
    shown = ""
    with client_of(github) as client:
        try:
            ask_report(client, github.newest_day)
        except GitHubError as error:
            shown = "".join(traceback.format_exception(error))
        assert bool(shown) is bool(fault)
    assert any(request.query.get("sig") for request in github.requests)
    for text in (shown, caplog.text):
        assert github.token not in text
        assert "sig=" not in text


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


HARMLESS = encoded("someone:no token, and long enough")


@pytest.mark.parametrize("before", ["", "Basic ", "Basic%20", "a", "ab", "abc"])
@pytest.mark.parametrize("user", ["", "x", "xy", "xyz"])
def test_the_search_for_leaks_finds_a_token_in_base64(before: str, user: str) -> None:
    text = before + encoded(f"{user}:ghp_" + "a" * 36)
    assert leaked(text)
    assert redact(text).endswith("***")
    assert not leaked(redact(text))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("token ghp_" + "a" * 36 + " is bad", "token *** is bad"),
        ("Bearer gho_" + "A1" * 18, "Bearer ***"),
        ("(github_pat_" + "a_B" * 27 + ")", "(***)"),
        ("ghs_" + "aB1._-" * 87 + " expired", "*** expired"),
        ("ghr_" + "a" * 76, "***"),
        ("https://h.example/f?se=1&sig=2%2F", "https://h.example/f?***"),
        ("see 'http://h.example/f?sig=2' twice", "see 'http://h.example/f?***' twice"),
        ("a=b%3Dghp_" + "a" * 36 + "&c", "a=b%3D***&c"),
        ("my_ghp_" + "a" * 36, "my_***"),
        ("ghp%5F" + "a" * 36, "***"),
        (f"a%3D{HEX_TOKEN}%26", "a%3D***%26"),
        (f"id_{HEX_TOKEN}_id", "id_***_id"),
        (f"a{HEX_TOKEN} {HEX_TOKEN}0", f"a{HEX_TOKEN} {HEX_TOKEN}0"),
        ("Basic " + encoded("x:ghp_" + "a" * 36) + " sent", "Basic *** sent"),
        ("basic=" + encoded("ghp_" + "a" * 36 + ":") + '"', 'basic=***"'),
        ("Basic%20" + encoded("octocat:gho_" + "aB3" * 12 + "??>>"), "Basic%***"),
        ("Basic " + encoded("someone:github_pat_" + "a" * 82).replace("=", ""), "Basic ***"),
        ("Basic " + encoded(f"x:{HEX_TOKEN}"), "Basic ***"),
        (f"Basic {HARMLESS}", f"Basic {HARMLESS}"),
        ("ghp_short and github_pat_ stay", "ghp_short and github_pat_ stay"),
        ("https://h.example/f stays?", "https://h.example/f stays?"),
        ("line\r\nline\x1b[0m\u202eend", "line line [0m end"),
    ],
)
def test_redaction_masks_tokens_and_queries_on_one_line(text: str, shown: str) -> None:
    assert redact(text) == shown


def test_redaction_masks_the_secrets_it_is_given() -> None:
    assert redact(f"{HEX_TOKEN} and s3cret", HEX_TOKEN, "s3cret") == "*** and ***"


@pytest.mark.parametrize(
    ("text", "token"),
    [
        ("ghp_" + "a" * 36, True),
        ("my token: github_pat_" + "a" * 82, True),
        ("GITHUB_TOKEN", False),
        ("ghp_", False),
    ],
)
def test_something_that_looks_like_a_token_is_recognized(text: str, token: bool) -> None:
    assert looks_like_token(text) is token
