"""Sends messages by mail."""

import logging
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import format_datetime
from urllib.parse import parse_qs, unquote, urlsplit

from copilot_pipeline import settings
from copilot_pipeline.clock import utc_now
from copilot_pipeline.github.hosts import is_loopback
from copilot_pipeline.notifications.message import Message, NotificationError
from copilot_pipeline.redaction import redact

logger = logging.getLogger(__name__)

# Of each step of the conversation. Dagster ends the evaluation of a sensor after 60 seconds.
TIMEOUT_SECONDS = 10
PORTS = {"smtp": 587, "smtps": 465}


@dataclass(frozen=True)
class Mail:
    """The mail server and the addresses of the settings."""

    scheme: str
    host: str
    port: int
    sender: str
    receivers: tuple[str, ...]
    user: str = field(repr=False)
    password: str = field(repr=False)

    name = "mail"

    @classmethod
    def parse(cls, url: str) -> "Mail":
        """Read `smtp://USER:PASSWORD@HOST:587?from=ADDRESS&to=ADDRESS,ADDRESS`.

        `smtp` uses STARTTLS, except on loopback; `smtps` uses TLS from the beginning.

        Raises:
            SettingError: the URL is not of this form. The message does not repeat it.
        """
        mail = _parse(url)
        if mail is None:
            raise settings.SettingError(
                f"{settings.NOTIFY_SMTP_URL} must be like smtp://USER:PASSWORD@HOST:587?from=ADDRESS"
                "&to=ADDRESS,ADDRESS (or smtps://), with % escapes in user and password. It is not "
                "repeated here."
            )
        return mail

    def send(self, message: Message) -> None:
        """Send the message to all addresses in one mail.

        Raises:
            NotificationError: the mail server cannot be reached or refuses the mail. The error does
                not contain the password.
        """
        mail = EmailMessage()
        mail["Subject"] = message.subject
        mail["From"] = self.sender
        mail["To"] = ", ".join(self.receivers)
        mail["Date"] = format_datetime(utc_now())
        # No absence note answers it (RFC 3834).
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content("\n\n".join(message.lines))
        try:
            with self._connected() as server:
                if self.user:
                    server.login(self.user, self.password)
                refused = server.send_message(mail)
        except (smtplib.SMTPException, OSError, ValueError) as error:
            reason = redact(str(error), *filter(None, [self.password]))
            raise NotificationError(
                f"The mail server {self.host}:{self.port} did not take the mail: "
                f"{type(error).__name__} {reason}"
            ) from None
        if refused:
            logger.warning(
                "The mail server %s refused %d of the %d addresses of %s.",
                self.host,
                len(refused),
                len(self.receivers),
                settings.NOTIFY_SMTP_URL,
            )

    @contextmanager
    def _connected(self) -> Iterator[smtplib.SMTP]:
        """Connects, with TLS unless the server is on this machine."""
        context = ssl.create_default_context()
        if self.scheme == "smtps":
            with smtplib.SMTP_SSL(
                self.host, self.port, timeout=TIMEOUT_SECONDS, context=context
            ) as server:
                yield server
            return
        with smtplib.SMTP(self.host, self.port, timeout=TIMEOUT_SECONDS) as server:
            if not is_loopback(self.host):
                # It raises if the server does not offer STARTTLS.
                server.starttls(context=context)
            yield server


def _parse(url: str) -> Mail | None:
    try:
        parts = urlsplit(url)
        query = parse_qs(parts.query, strict_parsing=True)
        port = parts.port or PORTS[parts.scheme]
        (sender,) = query.pop("from")
        receivers = tuple(
            address.strip() for given in query.pop("to") for address in given.split(",")
        )
    except (ValueError, KeyError):
        return None
    addresses = (sender, *receivers)
    is_valid = all("@" in each and each.isprintable() and " " not in each for each in addresses)
    if query or not is_valid or not parts.hostname or parts.path not in ("", "/"):
        return None
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    return Mail(parts.scheme, parts.hostname, port, sender, receivers, user, password)
