"""Keeps the records of the HTTP libraries out of every log.

httpx and httpcore log whole URLs and headers, which contain the signatures of download links. The
client logs what matters itself, redacted.
"""

import logging

_LOGGERS = ("httpx", "httpcore.connection", "httpcore.http11", "httpcore.proxy")


def silence_http_libraries() -> None:
    """Drop all log records of httpx and httpcore in this process.

    Every entry point calls this before the first request. A filter is used because it works at all
    log levels, and stays in place when logging is configured again.
    """
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_drop)


def _drop(record: logging.LogRecord) -> bool:
    return False
