"""Servers on loopback that receive notifications: a webhook and a mail server."""

import asyncio
import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from aiosmtpd.handlers import Message as MessageHandler
from aiosmtpd.smtp import SMTP, AuthResult

SECRET_PATH = "/services/T00000/B00000/XXXXsecretXXXX"


class WebhookServer:
    """A webhook that answers `status`, and remembers what was posted."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}{SECRET_PATH}?sig=alsosecret"
        self.status = 200
        self.location: str | None = None
        self.received: list[Any] = []

    @property
    def texts(self) -> list[str]:
        """What was posted as Slack messages."""
        return [each["text"] for each in self.received]


@contextmanager
def webhook_server() -> Iterator[WebhookServer]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            assert f"{SECRET_PATH}?sig=alsosecret" == self.path
            if server.status < 300:
                server.received.append(json.loads(body))
            self.send_response(server.status)
            if server.location:
                self.send_header("Location", server.location)
            answer = f"no such hook: {self.path}".encode()
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server = WebhookServer(listener.server_port)
    thread = Thread(target=listener.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        listener.shutdown()
        thread.join()
        listener.server_close()


class MailServer(MessageHandler):
    """A mail server that keeps the mails and the logins it got."""

    def __init__(self) -> None:
        super().__init__()
        self.port = 0
        self.received: list[Message] = []
        self.logins: list[tuple[bytes, bytes]] = []

    def handle_message(self, message: Message) -> None:
        self.received.append(message)

    def log_in(self, *given: Any) -> AuthResult:
        data = given[-1]
        self.logins.append((data.login, data.password))
        return AuthResult(success=data.password == b"pa:ss@word", handled=False)


@contextmanager
def mail_server(
    smtps: ssl.SSLContext | None = None, starttls: ssl.SSLContext | None = None
) -> Iterator[MailServer]:
    """A mail server, with TLS from the beginning or on request if it gets a context."""
    server = MailServer()
    loop = asyncio.new_event_loop()

    def protocol() -> SMTP:
        return SMTP(
            server,
            hostname="mail.test",
            tls_context=starttls,
            authenticator=server.log_in,
            auth_require_tls=False,
            loop=loop,
        )

    listening = loop.create_server(protocol, "127.0.0.1", 0, ssl=smtps)
    listener = loop.run_until_complete(listening)
    server.port = listener.sockets[0].getsockname()[1]
    thread = Thread(target=loop.run_forever)
    thread.start()
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(listener.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
