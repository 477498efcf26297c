"""The day's usage rows dealt out to its people, so that theirs add up to the rows again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from copilot_pipeline.demo.chance import split
from copilot_pipeline.demo.organization import Record
from copilot_pipeline.demo.usage import COUNTERS, PROMPTS

_GENERATIONS = "code_generation_activity_count"
_ACCEPTANCES = "code_acceptance_activity_count"


def deal(
    rows: Sequence[Record], people: Sequence[int], efforts: Mapping[int, float]
) -> Iterator[tuple[int, Record]]:
    """Each row to a few neighbours and each person a few neighbouring rows.

    As rows are ordered by language and people by their taste for languages, people stay with
    their languages in every feature.
    """
    if len(people) <= len(rows):
        for position, row in enumerate(rows):
            yield people[position * len(people) // len(rows)], row
        return
    sizes = split(len(people) - len(rows), [row[PROMPTS] + row[_GENERATIONS] for row in rows])
    start = 0
    for row, more in zip(rows, sizes, strict=True):
        size = 1 + more
        # Every second person also has something of the row before the own one.
        yield from _shares(row, people[start : start + size + size // 2], efforts)
        start += size


def _shares(
    row: Record, holders: Sequence[int], efforts: Mapping[int, float]
) -> Iterator[tuple[int, Record]]:
    if len(holders) == 1:
        yield holders[0], row
        return
    weights = [efforts[number] for number in holders]
    # What follows from generations is split like them: nobody accepts more than was generated.
    generations = split(row[_GENERATIONS], weights)
    acceptances = split(row[_ACCEPTANCES], generations)
    split_like: dict[str, Sequence[float]] = {
        PROMPTS: weights,
        "loc_added_sum": acceptances if row[_ACCEPTANCES] else generations,
    }
    parts = {
        counter: split(row[counter], split_like.get(counter, generations)) for counter in COUNTERS
    }
    parts |= {_GENERATIONS: generations, _ACCEPTANCES: acceptances}
    key = {name: row[name] for name in ("feature", "language", "model")}
    for number, counts in zip(holders, zip(*parts.values(), strict=True), strict=True):
        if any(counts):
            yield number, {**key, **dict(zip(parts, counts, strict=True))}


def deal_editors(
    editors: Sequence[Record], people: Sequence[int], totals: Mapping[int, Record]
) -> dict[int, dict[str, Record]]:
    """What each person did in each editor, the people one after another filling the editors.

    So most people have one editor, and those around its last person have two.
    """
    dealt: dict[int, dict[str, Record]] = {number: {} for number in people}
    for counter in COUNTERS:
        lots = ((each["ide"], each[counter]) for each in editors)
        ide, left = "", 0
        for number in people:
            wanted = totals[number][counter]
            while wanted:
                while not left:
                    ide, left = next(lots)
                part = min(wanted, left)
                entry = dealt[number].get(ide)
                if entry is None:
                    entry = dealt[number][ide] = {"ide": ide, **dict.fromkeys(COUNTERS, 0)}
                entry[counter] = part
                wanted -= part
                left -= part
    return dealt


def one_each_and(total: int, people: Sequence[int], efforts: Mapping[int, float]) -> dict[int, int]:
    """At least one for each of the people, the rest by their efforts."""
    rest = split(total - len(people), [efforts[number] for number in people])
    return {number: 1 + more for number, more in zip(people, rest, strict=True)}
