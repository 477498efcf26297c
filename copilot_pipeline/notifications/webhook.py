"""Posts messages to a webhook of Slack, Teams, or a service that takes JSON."""

from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import httpx

from copilot_pipeline import settings
from copilot_pipeline.github.hosts import is_loopback
from copilot_pipeline.notifications.message import Message, NotificationError
from copilot_pipeline.redaction import redact

# Dagster ends the evaluation of a sensor after 60 seconds.
TIMEOUT_SECONDS = 10


@dataclass(frozen=True)
class Webhook:
    """The webhook of the settings. Its URL is a secret: whoever knows it can post messages."""

    url: str = field(repr=False)
    format: str

    name = "webhook"

    def __post_init__(self) -> None:
        """Check the settings.

        Raises:
            SettingError: the URL or the format is not valid. The message does not repeat the URL.
        """
        if self.format not in FORMATS:
            raise settings.SettingError(
                f"{settings.NOTIFY_WEBHOOK_FORMAT} must be one of {', '.join(FORMATS)}."
            )
        if not _is_safe(self.url):
            raise settings.SettingError(
                f"{settings.NOTIFY_WEBHOOK_URL} must be a URL that begins with https:// (http:// "
                "only on this machine). It is not repeated here."
            )

    def send(self, message: Message) -> None:
        """Post the message.

        Raises:
            NotificationError: the webhook cannot be reached or refuses the message. The error
                contains neither the URL nor the answer, which may repeat it.
        """
        payload = FORMATS[self.format](message)
        try:
            # The machine's proxy and .netrc are not used, and redirects are not followed. The body
            # of the answer is not read.
            with (
                httpx.Client(trust_env=False, timeout=TIMEOUT_SECONDS) as client,
                client.stream("POST", self.url, json=payload) as response,
            ):
                status = response.status_code
        except httpx.HTTPError as error:
            path = httpx.URL(self.url).raw_path.decode()
            reason = redact(str(error), self.url, *([path] if len(path) > 1 else []))
            raise NotificationError(
                f"The webhook of {settings.NOTIFY_WEBHOOK_URL} cannot be reached: "
                f"{type(error).__name__} {reason}".rstrip()
            ) from None
        if not 200 <= status < 300:
            raise NotificationError(
                f"The webhook of {settings.NOTIFY_WEBHOOK_URL} answered {status}: {_advice(status)}"
            )


def slack_payload(message: Message) -> dict[str, Any]:
    """Return the payload of a Slack incoming webhook, which Mattermost takes as well.

    Slack reads `<!channel>` and `<URL|text>` in a text, therefore &, < and > are escaped. Source:
    Slack's documentation, "Sending messages using incoming webhooks" and "Formatting text".
    """
    text = message.text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return {"text": text}


def teams_payload(message: Message) -> dict[str, Any]:
    """Return the payload of a Teams workflow "When a Teams webhook request is received".

    A `TextRun` is plain text, whereas a `TextBlock` is Markdown and may contain links. Source:
    Microsoft's documentation, "Create incoming webhooks with Workflows" (the former connectors are
    retired) and the Adaptive Cards schema 1.2.
    """
    title = {"type": "TextRun", "text": message.subject, "weight": "Bolder"}
    runs = [title, *({"type": "TextRun", "text": line} for line in message.lines)]
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.2",
        "body": [{"type": "RichTextBlock", "inlines": [run]} for run in runs],
    }
    attachment = {
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": None,
        "content": card,
    }
    return {"type": "message", "attachments": [attachment]}


def json_payload(message: Message) -> dict[str, Any]:
    """Return our own payload, for anything else: `subject` and `lines`."""
    return {"subject": message.subject, "lines": list(message.lines)}


FORMATS: dict[str, Callable[[Message], dict[str, Any]]] = {
    "json": json_payload,
    "slack": slack_payload,
    "teams": teams_payload,
}


def _is_safe(text: str) -> bool:
    try:
        url = httpx.URL(text)
        host = url.host
        url.raw_host.decode("ascii").encode("idna")
    except (httpx.InvalidURL, ValueError):
        return False
    return bool(host) and (url.scheme == "https" or (url.scheme == "http" and is_loopback(host)))


def _advice(status: int) -> str:
    if status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.REQUEST_TIMEOUT) or status >= 500:
        return "it is asked again later."
    if 300 <= status < 400:
        return "set the URL that it redirects to; redirects are not followed."
    return f"check the URL, and that {settings.NOTIFY_WEBHOOK_FORMAT} is what the webhook expects."
