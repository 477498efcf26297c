"""The channels that the settings name."""

from typing import Protocol

from copilot_pipeline import settings
from copilot_pipeline.notifications.mail import Mail
from copilot_pipeline.notifications.message import Message
from copilot_pipeline.notifications.webhook import Webhook


class Channel(Protocol):
    """Something that sends messages."""

    @property
    def name(self) -> str: ...

    def send(self, message: Message) -> None:
        """Send the message, or raise `NotificationError`."""


def configured_channels() -> list[Channel]:
    """Return the channels of the settings. The list is empty if notifications are off.

    Raises:
        SettingError: a setting is not valid.
    """
    channels: list[Channel] = []
    if url := settings.notify_webhook_url():
        channels.append(Webhook(url, settings.notify_webhook_format()))
    if url := settings.notify_smtp_url():
        channels.append(Mail.parse(url))
    return channels
