"""Notifications: what the webhook and the mail server receive, and what an error says."""

import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from copilot_pipeline import settings
from copilot_pipeline.notifications.channels import configured_channels
from copilot_pipeline.notifications.mail import Mail
from copilot_pipeline.notifications.message import Message, NotificationError
from copilot_pipeline.notifications.webhook import Webhook
from copilot_pipeline_tests.receivers import (
    SECRET_PATH,
    MailServer,
    WebhookServer,
    mail_server,
    webhook_server,
)

MESSAGE = Message.of("Two problems", ["organization octo-demo: <!channel> [a](b) & c", "second"])
ADDRESSES = "?from=copilot@example.com&to=ops@example.com,lead@example.com"
TOKEN = "ghp_0123456789012345678901234567890123456"


@pytest.fixture
def webhook() -> Iterator[WebhookServer]:
    with webhook_server() as server:
        yield server


@pytest.fixture
def mail() -> Iterator[MailServer]:
    with mail_server() as server:
        yield server


def error_of(channel: Webhook | Mail) -> str:
    """What an error says, with everything that is chained to it."""
    with pytest.raises(NotificationError) as caught:
        channel.send(MESSAGE)
    chain: list[BaseException | None] = [caught.value]
    while chain[-1] is not None:
        chain.append(chain[-1].__cause__ or chain[-1].__context__)
    return " ".join(map(str, chain))


def closed_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def test_without_settings_nothing_is_sent_anywhere() -> None:
    assert configured_channels() == []


def test_slack_gets_a_text_in_which_nothing_is_a_command_or_a_link(webhook: WebhookServer) -> None:
    Webhook(webhook.url, "slack").send(MESSAGE)
    assert webhook.received == [
        {
            "text": "Two problems\norganization octo-demo: &lt;!channel&gt; [a](b) &amp; c\nsecond",
        }
    ]


def test_teams_gets_an_adaptive_card_of_plain_text(webhook: WebhookServer) -> None:
    Webhook(webhook.url, "teams").send(MESSAGE)
    (received,) = webhook.received
    assert received["type"] == "message"
    (attachment,) = received["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    card = attachment["content"]
    assert (card["type"], card["version"]) == ("AdaptiveCard", "1.2")
    assert {block["type"] for block in card["body"]} == {"RichTextBlock"}
    runs = [run for block in card["body"] for run in block["inlines"]]
    assert {run["type"] for run in runs} == {"TextRun"}
    assert [run["text"] for run in runs] == [MESSAGE.subject, *MESSAGE.lines]


def test_another_service_gets_subject_and_lines(webhook: WebhookServer) -> None:
    Webhook(webhook.url, "json").send(MESSAGE)
    assert webhook.received == [{"subject": MESSAGE.subject, "lines": list(MESSAGE.lines)}]


@pytest.mark.parametrize(
    ("status", "says"), [(404, "check the URL"), (500, "later"), (429, "later"), (302, "redirects")]
)
def test_a_webhook_that_refuses_is_an_error_without_its_url(
    webhook: WebhookServer, status: int, says: str
) -> None:
    webhook.status = status
    webhook.location = f"http://127.0.0.1:{closed_port()}/elsewhere"
    said = error_of(Webhook(webhook.url, "slack"))
    assert said.startswith(f"The webhook of COPILOT_METRICS__NOTIFY_WEBHOOK_URL answered {status}")
    assert says in said
    assert "secret" not in said


def test_a_webhook_that_cannot_be_reached_is_an_error_without_its_url() -> None:
    said = error_of(Webhook(f"http://127.0.0.1:{closed_port()}{SECRET_PATH}", "slack"))
    assert "cannot be reached: ConnectError" in said
    assert "secret" not in said


def test_a_webhook_is_not_called_through_the_machines_proxy(
    webhook: WebhookServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(variable, f"http://127.0.0.1:{closed_port()}")
    Webhook(webhook.url, "json").send(MESSAGE)
    assert len(webhook.received) == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.com/secret",
        # It leads to this machine, but does not say so.
        "http://127.1/secret",
        "ftp://127.0.0.1/secret",
        "https:///secret",
        "https://a..b/secret",
        "https://127.0.0.1:notaport/secret",
        "secret",
    ],
)
def test_a_webhook_without_https_is_refused_and_not_repeated(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(settings.NOTIFY_WEBHOOK_URL, url)
    with pytest.raises(settings.SettingError, match=r"begins with https://") as caught:
        configured_channels()
    assert "/secret" not in str(caught.value)


def test_a_format_that_is_not_known_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(settings.NOTIFY_WEBHOOK_URL, "https://hooks.example.com/secret")
    monkeypatch.setenv(settings.NOTIFY_WEBHOOK_FORMAT, "telegraph")
    with pytest.raises(settings.SettingError, match="must be one of json, slack, teams"):
        configured_channels()


def test_both_urls_may_be_in_files_and_show_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, url in (
        (settings.NOTIFY_WEBHOOK_URL, "https://hooks.example.com/secret"),
        (settings.NOTIFY_SMTP_URL, f"smtps://robot:secret@mail.example.com{ADDRESSES}"),
    ):
        file = tmp_path / variable
        file.write_text(f"{url}\n")
        monkeypatch.setenv(f"{variable}_FILE", str(file))
    monkeypatch.setenv(settings.NOTIFY_WEBHOOK_FORMAT, "Slack")
    webhook, mail = configured_channels()
    assert isinstance(webhook, Webhook)
    assert isinstance(mail, Mail)
    assert (webhook.url, webhook.format) == ("https://hooks.example.com/secret", "slack")
    assert (mail.host, mail.port, mail.password) == ("mail.example.com", 465, "secret")
    assert mail.receivers == ("ops@example.com", "lead@example.com")
    assert "secret" not in f"{webhook!r} {mail!r}"


def test_a_mail_reaches_all_addresses(mail: MailServer) -> None:
    Mail.parse(f"smtp://127.0.0.1:{mail.port}{ADDRESSES}").send(MESSAGE)
    (received,) = mail.received
    assert received["Subject"] == "Two problems"
    assert received["From"] == "copilot@example.com"
    assert received["X-RcptTo"] == "ops@example.com, lead@example.com"
    assert received["Auto-Submitted"] == "auto-generated"
    assert received["Date"]
    body = str(received.get_payload())
    assert all(line in body for line in MESSAGE.lines)


def test_a_mail_server_gets_the_user_and_the_unescaped_password(mail: MailServer) -> None:
    url = f"smtp://robot:pa%3Ass%40word@127.0.0.1:{mail.port}{ADDRESSES}"
    Mail.parse(url).send(MESSAGE)
    assert mail.logins == [(b"robot", b"pa:ss@word")]
    assert len(mail.received) == 1


def test_a_mail_server_that_refuses_the_password_is_an_error_without_it(mail: MailServer) -> None:
    url = f"smtp://robot:secret@127.0.0.1:{mail.port}{ADDRESSES}"
    said = error_of(Mail.parse(url))
    assert f"The mail server 127.0.0.1:{mail.port} did not take the mail" in said
    assert "SMTPAuthenticationError" in said
    assert "secret" not in said
    assert mail.received == []


def test_a_mail_server_that_cannot_be_reached_is_an_error() -> None:
    said = error_of(Mail.parse(f"smtp://127.0.0.1:{closed_port()}{ADDRESSES}"))
    assert "ConnectionRefusedError" in said


def test_no_mail_goes_to_another_machine_without_starttls(mail: MailServer) -> None:
    # 127.1 is an address of this machine, but is treated as that of another one.
    said = error_of(Mail.parse(f"smtp://robot:secret@127.1:{mail.port}{ADDRESSES}"))
    assert "STARTTLS" in said
    assert mail.logins == []
    assert mail.received == []


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """The TLS context of a server on 127.0.0.1 whose certificate this process trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mail server of a test")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    file.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


def test_smtps_sends_the_mail_over_tls(certificate: ssl.SSLContext) -> None:
    with mail_server(smtps=certificate) as server:
        Mail.parse(f"smtps://127.0.0.1:{server.port}{ADDRESSES}").send(MESSAGE)
    assert len(server.received) == 1


def test_a_certificate_that_is_not_trusted_gets_no_mail(
    certificate: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with mail_server(smtps=certificate) as server:
        said = error_of(Mail.parse(f"smtps://127.0.0.1:{server.port}{ADDRESSES}"))
    assert "certificate verify failed" in said
    assert server.received == []


def test_starttls_checks_the_certificate_of_another_machine(certificate: ssl.SSLContext) -> None:
    with mail_server(starttls=certificate) as server:
        # The certificate names 127.0.0.1, and not 127.1.
        said = error_of(Mail.parse(f"smtp://robot:secret@127.1:{server.port}{ADDRESSES}"))
    assert "certificate verify failed" in said
    assert server.logins == []


@pytest.mark.parametrize(
    "url",
    [
        "smtp://mail.example.com",
        "smtp://mail.example.com?to=a@example.com",
        "smtp://mail.example.com?from=a@example.com",
        "smtp://robot:secret@mail.example.com?from=nobody&to=a@example.com",
        f"smtp://robot:secret@mail.example.com{ADDRESSES}&cc=c@example.com",
        f"smtp://robot:secret@mail.example.com:99999{ADDRESSES}",
        f"smtp://robot:secret@mail.example.com/path{ADDRESSES}",
        f"http://robot:secret@mail.example.com{ADDRESSES}",
        "smtp://mail.example.com?from=a@example.com&to=b@example.com%0aBcc:c@example.com",
    ],
)
def test_an_smtp_url_that_is_not_valid_is_refused_and_not_repeated(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(settings.NOTIFY_SMTP_URL, url)
    with pytest.raises(settings.SettingError, match="must be like smtp://") as caught:
        configured_channels()
    assert "secret" not in str(caught.value)
    assert "mail.example.com" not in str(caught.value)


def test_a_message_holds_no_token_and_has_an_end() -> None:
    lines = [f"line {number} {TOKEN}\nand more" for number in range(25)]
    message = Message.of(f"{TOKEN} failed", [*lines[:1], "x" * 5000, *lines[1:]])
    assert TOKEN not in message.text
    assert message.lines[-1] == "and 6 more"
    assert max(len(line) for line in message.lines) == 500
    assert len(message.text.splitlines()) == 22
