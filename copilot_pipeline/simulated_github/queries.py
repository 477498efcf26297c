"""Query parameters of the API: days, and pages with GitHub's `Link` header."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Self
from urllib.parse import urlencode

from starlette.requests import Request

from copilot_pipeline.simulated_github import faults
from copilot_pipeline.simulated_github.faults import Answer


class RefusedError(Exception):
    """The API answers with this answer instead."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer


def day_parameter(request: Request, name: str, *, dates_only: bool = False) -> date | None:
    """The UTC day that a date or an ISO 8601 timestamp names; None if the parameter is absent."""
    text = request.query_params.get(name)
    if text is None:
        return None
    form = r"\d{4}-\d{2}-\d{2}" if dates_only else r"\d{4}-\d{2}-\d{2}(T.*)?"
    with contextlib.suppress(ValueError):
        if re.fullmatch(form, text):
            instant = datetime.fromisoformat(text)
            return (instant.astimezone(UTC) if instant.tzinfo else instant).date()
    raise RefusedError(faults.invalid_parameter(name))


@dataclass(frozen=True)
class Page:
    """A page of a listing, and GitHub's `Link` header to its neighbors."""

    number: int
    size: int
    total: int

    @classmethod
    def of(cls, request: Request, total: int, *, default_size: int) -> Self:
        def positive(name: str, default: int) -> int:
            text = request.query_params.get(name, "")
            return int(text) if text.isdecimal() and int(text) > 0 else default

        return cls(positive("page", 1), min(positive("per_page", default_size), 100), total)

    @property
    def start(self) -> int:
        return (self.number - 1) * self.size

    @property
    def stop(self) -> int:
        return self.start + self.size

    def link_header(self, request: Request, base: str) -> dict[str, str]:
        last = max(1, -(-self.total // self.size))
        neighbors = {}
        if self.number > 1:
            neighbors["prev"] = min(self.number - 1, last)
        if self.number < last:
            neighbors |= {"next": self.number + 1, "last": last}
        if self.number > 1:
            neighbors["first"] = 1
        links = []
        for relation, number in neighbors.items():
            query = urlencode({**request.query_params, "page": number})
            links.append(f'<{base}{request.url.path}?{query}>; rel="{relation}"')
        return {"link": ", ".join(links)} if links else {}
