"""What authenticates requests: an object that the HTTP client is given, printable nowhere."""

from collections.abc import Generator, Iterable

import httpx

from copilot_pipeline.github.echoes import repeats


class Credential(httpx.Auth):
    """Authenticates the requests to one endpoint.

    `identity` says whose it is, in words that may be shown.
    """

    def __init__(self, identity: str) -> None:
        self.identity = identity

    def secrets(self) -> tuple[str, ...]:
        """What must be neither shown nor stored."""
        raise NotImplementedError

    def is_repeated(self, blocks: Iterable[bytes]) -> bool:
        """Whether a text, which may come in blocks, holds a secret, also escaped."""
        return any(repeats(secret, blocks) for secret in self.secrets())

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.identity!r})"


class PersonalAccessToken(Credential):
    """A user's token, sent as it is."""

    def __init__(self, token: str, identity: str = "") -> None:
        super().__init__(identity)
        self._token = token

    def secrets(self) -> tuple[str, ...]:
        return (self._token,)

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = f"Bearer {self._token}"
        yield request
