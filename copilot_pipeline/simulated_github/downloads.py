"""The download host: the files of reports, behind signed links that end."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from copilot_pipeline.simulated_github import faults
from copilot_pipeline.simulated_github.faults import Answer

_KEY = hashlib.sha256(b"signing key of the simulated download host").digest()


class Downloads:
    def __init__(self) -> None:
        self._files: dict[str, bytes] = {}
        # Tracebacks in the answer, as uvicorn's log is silenced for the sake of cut connections.
        self.app = Starlette(debug=True, routes=[Route("/{path:path}", self._download)])

    def publish(self, folder: str, part: int, body: bytes | str) -> str:
        """Keeps a file under a name that follows from its content, and returns its path."""
        content = body.encode() if isinstance(body, str) else body
        digest = hashlib.sha256(content).hexdigest()[:16]
        path = f"{folder}/{digest}-{part}.json"
        self._files[path] = content
        return path

    async def _download(self, request: Request) -> Response:
        path = request.url.path
        if "authorization" in request.headers:
            return respond(faults.authorization_refused())
        if not _is_valid(path, dict(request.query_params)):
            return respond(faults.link_expired())
        if path not in self._files:
            return respond(faults.blob_not_found())
        return Response(self._files[path], media_type="application/octet-stream")


def signed_path(path: str, lifetime: float) -> str:
    """Returns the path with the query that the host accepts for so many seconds."""
    now = datetime.now(UTC)
    query = {
        "se": _azure_time(now + timedelta(seconds=lifetime)),
        "sp": "r",
        "st": _azure_time(now),
    }
    return f"{path}?{urlencode({**query, 'sig': _signature(path, query)})}"


def _is_valid(path: str, query: dict[str, str]) -> bool:
    signature = query.pop("sig", "")
    if not hmac.compare_digest(signature.encode(), _signature(path, query).encode()):
        return False
    start, expiry = (datetime.fromisoformat(query[name]) for name in ("st", "se"))
    return start <= datetime.now(UTC) < expiry


def _signature(path: str, query: Mapping[str, str]) -> str:
    signed = "\n".join([path, *(f"{name}={text}" for name, text in sorted(query.items()))])
    return base64.b64encode(hmac.digest(_KEY, signed.encode(), "sha256")).decode()


def _azure_time(instant: datetime) -> str:
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def respond(answer: Answer) -> Response:
    if isinstance(answer["body"], dict):
        return JSONResponse(answer["body"], answer["status"], answer["headers"])
    return Response(answer["body"], answer["status"], answer["headers"])
