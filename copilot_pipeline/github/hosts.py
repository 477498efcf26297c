"""Hosts as settings name them: `host` or `host:port`, with `*` for a part of a host's name."""

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
    """A host, or several that differ in one part of their name.

    `*` stands for one label, or for a part of one: `*.example.com` is `eu.example.com`, and neither
    `example.com` nor `a.eu.example.com`.
    """

    host: str
    port: int | None = None

    @classmethod
    def parse(cls, text: str) -> "HostPattern":
        """Reads `host` or `host:port`; an IPv6 address is given in brackets.

        Raises:
            ValueError: what was given is no host name, or could be the name of any host.
        """
        match = _NAMED.fullmatch(text.strip().lower())
        port = int(match["port"]) if match and match["port"] else None
        if not match or (port is not None and not 1 <= port <= 65535):
            raise ValueError("is not a host name such as reports.example.com, or with a port")
        host = match["host"].strip("[]")
        if "*" in "".join(host.split(".")[-2:]):
            raise ValueError("must end in a domain of your own: * stands for one part before it")
        return cls(host, port)

    def admits(self, url: httpx.URL) -> bool:
        """Whether the address lies there. Without a port: 443, and any port on loopback."""
        host = url.raw_host.decode("ascii", "replace").lower()
        pattern = re.escape(self.host).replace(r"\*", "[^.]+")
        if not re.fullmatch(pattern, host):
            return False
        port = url.port or (80 if url.scheme == "http" else HTTPS_PORT)
        if self.port is None:
            return port == HTTPS_PORT or is_loopback(host)
        return port == self.port


def is_loopback(host: str) -> bool:
    """Whether it names this machine, without asking a name server."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
