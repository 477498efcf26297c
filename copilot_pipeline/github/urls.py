"""Which addresses may be called: an account's endpoint, its own pages, and the download hosts."""

from collections.abc import Sequence
from dataclasses import dataclass

import httpx

from copilot_pipeline.github.errors import RefusedUrlError
from copilot_pipeline.github.hosts import HostPattern, is_loopback
from copilot_pipeline.redaction import looks_like_token

GITHUB_ENDPOINT = "https://api.github.com"

# The second is GitHub Enterprise Cloud with data residency.
GITHUB_ENDPOINT_HOSTS = ("api.github.com", "api.*.ghe.com")

# Source: GitHub's changelog on where report files are served from, fallbacks included.
GITHUB_DOWNLOAD_HOSTS = (
    "copilot-reports.github.com",
    "copilot-reports-*.b01.azurefd.net",
)
AZURE_STORAGE = "blob.core.windows.net"


def normalize_endpoint(text: str, further: Sequence[str] = ()) -> str:
    """The base address without a trailing slash, if a token may be sent there.

    It lies at one of GitHub's own hosts or of `further` (`host` or `host:port`): https, or http on
    loopback; no user, no query.
    """
    url = _parse_given(text)
    if url.userinfo or url.query or url.fragment:
        raise RefusedUrlError(
            "the endpoint must be a plain address without user, password or query, "
            f"such as {GITHUB_ENDPOINT}"
        )
    _require_safe_scheme(url, "the endpoint")
    if url.host in ("github.com", "www.github.com") or _is_tenant_page(url.host):
        api = GITHUB_ENDPOINT if url.host.endswith("github.com") else f"https://api.{url.host}"
        raise RefusedUrlError(f"that is the address of GitHub's pages: the endpoint is {api}")
    if not _is_named(url, (*GITHUB_ENDPOINT_HOSTS, *further)):
        raise RefusedUrlError(
            f"no token is sent to the host {url.netloc.decode()!r}: the endpoint is "
            f"{GITHUB_ENDPOINT} or https://api.SUBDOMAIN.ghe.com. If that host is a GitHub of "
            "your own, set COPILOT_METRICS__ENDPOINTS to its name wherever copilot_pipeline runs"
        )
    return f"{url.scheme}://{url.netloc.decode()}{url.path.rstrip('/')}"


def normalize_proxy(text: str) -> str:
    """The proxy's address: http or https, without credentials."""
    url = _parse_given(text)
    if url.scheme not in ("http", "https"):
        raise RefusedUrlError("the proxy must be an http:// or https:// address")
    if url.userinfo:
        raise RefusedUrlError(
            "the proxy address holds credentials, which would be stored in the clear: "
            "use a proxy that admits this machine without them"
        )
    if url.query or url.fragment or url.path not in ("", "/"):
        raise RefusedUrlError("the proxy must be an address without path and query")
    return str(url).rstrip("/")


def without_query(url: httpx.URL) -> str:
    """What may be stored and shown of an address that may be signed."""
    return str(url.copy_with(query=None, fragment=None, userinfo=b""))


def join(base: httpx.URL, link: str | httpx.URL) -> httpx.URL:
    """Where a link that was found at `base` points to."""
    try:
        url = base.join(link)
        _require_nameable_host(url)
    except (httpx.InvalidURL, ValueError):
        raise RefusedUrlError("a link is not a URL") from None
    return url


def same_origin(first: httpx.URL, second: httpx.URL) -> bool:
    return _origin(first) == _origin(second)


@dataclass(frozen=True)
class DownloadHosts:
    """The hosts from which an endpoint's report files may come."""

    patterns: tuple[HostPattern, ...]

    @classmethod
    def of(
        cls, endpoint: str, further: Sequence[str] = (), storage_accounts: Sequence[str] = ()
    ) -> "DownloadHosts":
        """GitHub's own hosts for that endpoint, and further ones (`host` or `host:port`).

        GitHub also serves from Azure's storage, where everybody may have an account: from any, if
        none is named. An endpoint on loopback (a simulated GitHub) may serve its files from its own
        host.
        """
        host = httpx.URL(endpoint).host
        own = [HostPattern(host)] if is_loopback(host) else []
        if host.startswith("api.") and host.endswith(".ghe.com"):
            own.append(HostPattern(f"copilot-reports.{host.removeprefix('api.')}"))
        storage = [f"{name}.{AZURE_STORAGE}" for name in storage_accounts or ("*",)]
        named = (*GITHUB_DOWNLOAD_HOSTS, *storage, *further)
        return cls((*map(HostPattern.parse, named), *own))

    def require(self, link: str | httpx.URL) -> httpx.URL:
        """The link as an address, if it may be downloaded from."""
        url = _parse(str(link))
        _require_safe_scheme(url, "a report's download link")
        if not any(pattern.admits(url) for pattern in self.patterns):
            raise RefusedUrlError(
                f"a report's download link points to the host {url.netloc.decode()!r}, which is "
                "not allowed. If GitHub really serves from there, add it to "
                "COPILOT_METRICS__DOWNLOAD_HOSTS"
            )
        return url


def _parse_given(text: str) -> httpx.URL:
    """An address that a person gave, and that will be stored and shown."""
    if looks_like_token(text):
        raise RefusedUrlError(
            "an address holds what looks like a token; it is not repeated here. If it was a real "
            "one, revoke it"
        )
    return _parse(text)


def _parse(text: str) -> httpx.URL:
    try:
        url = httpx.URL(text.strip())
        _require_nameable_host(url)
    except (httpx.InvalidURL, ValueError):
        raise RefusedUrlError("an address is not a URL") from None
    if not url.is_absolute_url or not url.host or (url.port or 0) > 65535:
        raise RefusedUrlError("an address is not an absolute URL with a host")
    return url


def _require_nameable_host(url: httpx.URL) -> None:
    """Raises `UnicodeError`, a `ValueError`, for a host that is no name: an empty label, a label
    above 63 characters, or a broken `xn--` one.

    httpx takes such a URL, and fails with this error when it shows the host or connects to it.
    """
    # As httpx shows it, and as the socket looks it up.
    _ = url.host
    url.raw_host.decode("ascii").encode("idna")


def _require_safe_scheme(url: httpx.URL, what: str) -> None:
    if url.scheme == "https" or (url.scheme == "http" and is_loopback(url.host)):
        return
    raise RefusedUrlError(f"{what} must begin with https:// (http:// only on this machine)")


def _is_tenant_page(host: str) -> bool:
    """`octo.ghe.com`, whose API is at `api.octo.ghe.com`."""
    return host.endswith(".ghe.com") and host.count(".") == 2


def _is_named(url: httpx.URL, hosts: Sequence[str]) -> bool:
    return any(HostPattern.parse(host).admits(url) for host in hosts)


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, _port(url)


def _port(url: httpx.URL) -> int | None:
    return url.port or {"https": 443, "http": 80}.get(url.scheme)
