"""Checks which URLs may be requested: the account's endpoint, and the hosts of report files."""

from collections.abc import Sequence
from dataclasses import dataclass

import httpx

from copilot_pipeline.github.errors import RefusedUrlError
from copilot_pipeline.github.hosts import HostPattern, is_loopback
from copilot_pipeline.redaction import looks_like_token

GITHUB_ENDPOINT = "https://api.github.com"

# The second is GitHub Enterprise Cloud with data residency.
GITHUB_ENDPOINT_HOSTS = ("api.github.com", "api.*.ghe.com")

# Source: GitHub's changelog on the hosts that serve report files, including fallbacks.
GITHUB_DOWNLOAD_HOSTS = (
    "copilot-reports.github.com",
    "copilot-reports-*.b01.azurefd.net",
)
AZURE_STORAGE = "blob.core.windows.net"


def normalize_endpoint(text: str, further: Sequence[str] = ()) -> str:
    """Return the endpoint without a trailing slash, if a token may be sent there.

    The host must be one of GitHub's or one of `further` (`host` or `host:port`). The scheme must be
    https, or http on loopback.

    Raises:
        RefusedUrlError: the host is not allowed, or the URL contains a user, a query or a token.
    """
    url = _parse_given(text)
    if url.userinfo or url.query or url.fragment:
        raise RefusedUrlError(
            f"the endpoint must be a URL without user, password or query, such as {GITHUB_ENDPOINT}"
        )
    _require_safe_scheme(url, "the endpoint")
    if url.host in ("github.com", "www.github.com") or _is_tenant_page(url.host):
        api = GITHUB_ENDPOINT if url.host.endswith("github.com") else f"https://api.{url.host}"
        raise RefusedUrlError(f"that is the URL of GitHub's web pages: the endpoint is {api}")
    if not _is_named(url, (*GITHUB_ENDPOINT_HOSTS, *further)):
        raise RefusedUrlError(
            f"no token is sent to the host {url.netloc.decode()!r}: the endpoint is "
            f"{GITHUB_ENDPOINT} or https://api.SUBDOMAIN.ghe.com. If this is your own GitHub, "
            "set COPILOT_METRICS__ENDPOINTS to its host name wherever copilot_pipeline runs"
        )
    return f"{url.scheme}://{url.netloc.decode()}{url.path.rstrip('/')}"


def normalize_proxy(text: str) -> str:
    """Return the URL of a proxy without a trailing slash.

    Raises:
        RefusedUrlError: the scheme is not http or https, or the URL contains credentials, a path
            or a query.
    """
    url = _parse_given(text)
    if url.scheme not in ("http", "https"):
        raise RefusedUrlError("the proxy must be an http:// or https:// URL")
    if url.userinfo:
        raise RefusedUrlError(
            "the URL of the proxy contains credentials, which would be stored in plain text: "
            "use a proxy that admits this machine without them"
        )
    if url.query or url.fragment or url.path not in ("", "/"):
        raise RefusedUrlError("the proxy must be a URL without path and query")
    return str(url).rstrip("/")


def without_query(url: httpx.URL) -> str:
    """Return the URL without query, fragment and user, so that it can be stored and shown."""
    return str(url.copy_with(query=None, fragment=None, userinfo=b""))


def join(base: httpx.URL, link: str | httpx.URL) -> httpx.URL:
    """Return the absolute URL of a link in a response from `base`."""
    try:
        url = base.join(link)
        _require_valid_host(url)
    except (httpx.InvalidURL, ValueError):
        raise RefusedUrlError("a link is not a valid URL") from None
    return url


def same_origin(first: httpx.URL, second: httpx.URL) -> bool:
    return _origin(first) == _origin(second)


@dataclass(frozen=True)
class DownloadHosts:
    """The hosts from which report files of an endpoint may be downloaded."""

    patterns: tuple[HostPattern, ...]

    @classmethod
    def of(
        cls, endpoint: str, further: Sequence[str] = (), storage_accounts: Sequence[str] = ()
    ) -> "DownloadHosts":
        """Return GitHub's hosts for the endpoint, and the `further` ones (`host` or `host:port`).

        GitHub also serves files from Azure Storage, where anyone may have an account. Without
        `storage_accounts` every account is allowed. An endpoint on loopback (the simulated GitHub)
        may serve files from its own host.
        """
        host = httpx.URL(endpoint).host
        own = [HostPattern(host)] if is_loopback(host) else []
        if host.startswith("api.") and host.endswith(".ghe.com"):
            own.append(HostPattern(f"copilot-reports.{host.removeprefix('api.')}"))
        storage = [f"{name}.{AZURE_STORAGE}" for name in storage_accounts or ("*",)]
        named = (*GITHUB_DOWNLOAD_HOSTS, *storage, *further)
        return cls((*map(HostPattern.parse, named), *own))

    def require(self, link: str | httpx.URL) -> httpx.URL:
        """Return the URL of a download link.

        Raises:
            RefusedUrlError: the host is not allowed, or the URL is not https.
        """
        url = _parse(str(link))
        _require_safe_scheme(url, "a report's download link")
        if not any(pattern.admits(url) for pattern in self.patterns):
            raise RefusedUrlError(
                f"a report's download link points to the host {url.netloc.decode()!r}, which is "
                "not allowed. If GitHub serves reports from this host, add it to "
                "COPILOT_METRICS__DOWNLOAD_HOSTS"
            )
        return url


def _parse_given(text: str) -> httpx.URL:
    """Parse a URL that a user entered, and that will be stored and shown."""
    if looks_like_token(text):
        raise RefusedUrlError(
            "a URL contains what looks like a token; it is not repeated here. If it is a real "
            "token, revoke it"
        )
    return _parse(text)


def _parse(text: str) -> httpx.URL:
    try:
        url = httpx.URL(text.strip())
        _require_valid_host(url)
    except (httpx.InvalidURL, ValueError):
        raise RefusedUrlError("a URL is not valid") from None
    if not url.is_absolute_url or not url.host or (url.port or 0) > 65535:
        raise RefusedUrlError("a URL must be absolute and have a host")
    return url


def _require_valid_host(url: httpx.URL) -> None:
    """Check the host name of a URL.

    httpx accepts an invalid host, and fails only when it shows the host or connects to it.

    Raises:
        UnicodeError: a label is empty, longer than 63 characters, or an invalid `xn--` label. It
            is a `ValueError`.
    """
    # The first is what httpx shows, the second what the socket looks up.
    _ = url.host
    url.raw_host.decode("ascii").encode("idna")


def _require_safe_scheme(url: httpx.URL, what: str) -> None:
    if url.scheme == "https" or (url.scheme == "http" and is_loopback(url.host)):
        return
    raise RefusedUrlError(f"{what} must begin with https:// (http:// only on this machine)")


def _is_tenant_page(host: str) -> bool:
    """Return whether the host is like `octo.ghe.com`, whose API is at `api.octo.ghe.com`."""
    return host.endswith(".ghe.com") and host.count(".") == 2


def _is_named(url: httpx.URL, hosts: Sequence[str]) -> bool:
    return any(HostPattern.parse(host).admits(url) for host in hosts)


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, _port(url)


def _port(url: httpx.URL) -> int | None:
    return url.port or {"https": 443, "http": 80}.get(url.scheme)
