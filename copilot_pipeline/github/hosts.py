"""Host patterns of the settings: `host` or `host:port`, where `*` stands for a part of a name."""

import ipaddress
import re
from dataclasses import dataclass

import httpx

HTTPS_PORT = 443

_NAMED = re.compile(
    r"(?P<host>\[[0-9a-f:.]+\]|[a-z0-9_*-]+(?:\.[a-z0-9_*-]+)*)(?::(?P<port>[0-9]{1,5}))?", re.ASCII
)


@dataclass(frozen=True)
class HostPattern:
    """A pattern that matches one host, or several hosts that differ in a label.

    `*` stands for one label or a part of one: `*.example.com` matches `eu.example.com`, but not
    `example.com` or `a.eu.example.com`.
    """

    host: str
    port: int | None = None

    @classmethod
    def parse(cls, text: str) -> "HostPattern":
        """Parse `host` or `host:port`. An IPv6 address must be in brackets.

        Raises:
            ValueError: the text is not a host name, or `*` would match hosts of any domain.
        """
        match = _NAMED.fullmatch(text.strip().lower())
        port = int(match["port"]) if match and match["port"] else None
        if not match or (port is not None and not 1 <= port <= 65535):
            raise ValueError(
                "is not a host name such as reports.example.com or reports.example.com:8443"
            )
        host = match["host"].strip("[]")
        if "*" in "".join(host.split(".")[-2:]):
            raise ValueError(
                "must end with a full domain such as example.com: * may only stand before it"
            )
        return cls(host, port)

    def admits(self, url: httpx.URL) -> bool:
        """Return whether the URL matches.

        A pattern without a port matches port 443, and every port on loopback.
        """
        host = url.raw_host.decode("ascii", "replace").lower()
        pattern = re.escape(self.host).replace(r"\*", "[^.]+")
        if not re.fullmatch(pattern, host):
            return False
        port = url.port or (80 if url.scheme == "http" else HTTPS_PORT)
        if self.port is None:
            return port == HTTPS_PORT or is_loopback(host)
        return port == self.port


def is_loopback(host: str) -> bool:
    """Return whether the host is this machine, without a DNS lookup."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
