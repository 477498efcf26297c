"""Credentials: `httpx.Auth` objects that authenticate requests and never show their secrets."""

from collections.abc import Generator, Iterable

import httpx

from copilot_pipeline.github.echoes import repeats


class Credential(httpx.Auth):
    """Authenticates the requests to one endpoint.

    `identity` names the owner, such as a login. It may be shown and logged.
    """

    def __init__(self, identity: str) -> None:
        self.identity = identity

    def secrets(self) -> tuple[str, ...]:
        """Return the texts that must not be shown, logged or stored."""
        raise NotImplementedError

    def is_repeated(self, blocks: Iterable[bytes]) -> bool:
        """Return whether the text in `blocks` contains a secret, plain or escaped."""
        return any(repeats(secret, blocks) for secret in self.secrets())

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.identity!r})"


class PersonalAccessToken(Credential):
    """A user's token, sent as a bearer token."""

    def __init__(self, token: str, identity: str = "") -> None:
        super().__init__(identity)
        self._token = token

    def secrets(self) -> tuple[str, ...]:
        return (self._token,)

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = f"Bearer {self._token}"
        yield request
