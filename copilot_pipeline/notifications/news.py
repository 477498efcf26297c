"""Decides which problems of the collection are new, and which have ended."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from copilot_pipeline.collection_health import Problem, ProblemKind, SourceHealth
from copilot_pipeline.notifications.message import Message

# A problem of one source that was told: kind, scope, source, and for missing snapshots the last of
# them, because each is a loss of its own.
Told = tuple[str, str, str, str]


@dataclass(frozen=True)
class News:
    """What to tell now. `message` is None if there is nothing. `told` is what is known after it."""

    message: Message | None
    told: frozenset[Told]


def find_news(
    told: Collection[Told], health: Sequence[SourceHealth], problems: Sequence[Problem]
) -> News:
    """Compare what was told with the health of all sources and the problems that it amounts to.

    A problem is told once, although it lasts, and so is its end. What is remembered are problems
    of single sources. Their grouping in `problems` changes when another source gets the same one.
    """
    known = frozenset(told)
    current = frozenset(
        _key(problem, str(each.scope), each.source) for each in health for problem in each.problems
    ) | frozenset(
        _key(problem, problem.scope, "")
        for problem in problems
        if problem.kind is ProblemKind.TOKEN_EXPIRES
    )
    begun = _begun(current - known, problems)
    ended = _ended(known - current, current, health)
    if not begun and not ended:
        return News(None, current)
    what = f"{len(begun)} new problem{'s' * (len(begun) != 1)}" if begun else "collected again"
    return News(Message.of(f"Copilot metrics: {what}", begun + ended), current)


def _key(problem: Problem, scope: str, source: str) -> Told:
    return problem.kind.value, scope, source, str(problem.lost) if _is_loss(problem.kind) else ""


def _begun(new: Collection[Told], problems: Sequence[Problem]) -> list[str]:
    """Returns the messages of the problems that contain a new one, in their order."""
    wanted: set[int] = set()
    for kind, scope, *_ in new:
        matching = {
            index
            for index, problem in enumerate(problems)
            if problem.kind == kind and scope in f"{problem.scope} {problem.message}"
        }
        # The refusals of an expired token are part of the account's problem.
        wanted |= matching or {
            index
            for index, problem in enumerate(problems)
            if problem.kind is ProblemKind.TOKEN_EXPIRES
        }
    return [problems[index].message for index in sorted(wanted)]


def _ended(
    gone: Collection[Told], current: Collection[Told], health: Sequence[SourceHealth]
) -> list[str]:
    """Returns a line for each scope of which something is collected again.

    A missing snapshot has no end, because it cannot be taken later. A source that became another
    problem has not ended, and a source that is no longer collected is not collected again.
    """
    bad = {(scope, source) for kind, scope, source, _ in current if not _is_loss(kind)}
    collected = {(str(each.scope), each.source) for each in health}
    again: dict[str, set[str]] = {}
    lines: list[str] = []
    for kind, scope, source, _ in sorted(gone):
        if kind == ProblemKind.TOKEN_EXPIRES:
            lines.append(f"{scope}: the token no longer expires soon.")
        elif not _is_loss(kind) and (scope, source) in collected - bad:
            again.setdefault(scope, set()).add(source)
    return lines + [
        f"{scope}: {', '.join(sorted(sources))} is collected again."
        for scope, sources in again.items()
    ]


def _is_loss(kind: str) -> bool:
    return kind == ProblemKind.SNAPSHOT_MISSING
