"""What each person did: the rows of `users-1-day` and `users-28-day`.

They add up to the organization's aggregate of the day. Shapes: GitHub's documentation page "Data
available in Copilot usage metrics".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from random import Random

from copilot_pipeline.demo import since
from copilot_pipeline.demo.chance import seeded, split
from copilot_pipeline.demo.clients import (
    CUSTOMISATIONS,
    MESSAGES_PER_AGENT_USER,
    PROMPTS_PER_APP_USER,
    SESSIONS_PER_AGENT_USER,
    agent_client,
    customisations,
    sessions_of,
)
from copilot_pipeline.demo.dealing import deal, deal_editors, one_each_and
from copilot_pipeline.demo.organization import Enterprise, Organization, Record
from copilot_pipeline.demo.people import active_people, by_taste, choose, taste
from copilot_pipeline.demo.phases import EFFORT, PHASES, engaged_by_phase
from copilot_pipeline.demo.reports import organization_ids, window_fields, window_of
from copilot_pipeline.demo.usage import (
    CLI,
    CODE_COUNTERS,
    COMPLETION,
    COUNTERS,
    FEATURES,
    PROMPTS,
    ActiveUsers,
    active_users,
    audience,
    audience_of_a_month,
    breakdown,
    by_ide,
    summed,
    usage_rows,
)
from copilot_pipeline.demo.users import FIRST_USER_ID, login_of

_AGENT_FEATURES = ("chat_panel_agent_mode", "agent_edit")
# Of those who use a feature within a month, the part that uses it on a day.
_DAILY_PART = 0.7
# One of so many active people uses Copilot on GitHub's site only, which no editor reports.
_SERVER_SIDE_ONLY = 25
_IDE_VERSIONS = {
    "vscode": ("1.128.2", "copilot-chat", "0.53.1"),
    "intellij": ("2026.2.1", "copilot-intellij", "1.9.14"),
    "visualstudio": ("18.4.0", "copilot-vs", "2.6.0"),
    "neovim": ("0.12.1", "copilot.vim", "1.62.0"),
    "xcode": ("27.0", "copilot-xcode", "0.51.0"),
}
_CLI_VERSIONS = ("1.0.61", "1.0.58", "unknown")


def user_days(organization: Organization, day: date) -> list[Record]:
    """The lines of `users-1-day`: one for each active user."""
    people = active_people(organization, day)
    if not people:
        return []
    return _UserDays(organization, day, people).records()


def user_days_28(
    scope: Organization | Enterprise, last_day: date, records: Callable[[date], Sequence[Record]]
) -> list[Record]:
    """The lines of `users-28-day`: one for each active user of each day."""
    window = window_fields(last_day)
    return [{**window, **record} for day in window_of(scope, last_day) for record in records(day)]


class _UserDays:
    """Who of a day's active people does what."""

    def __init__(self, organization: Organization, day: date, people: Sequence[int]) -> None:
        self.organization = organization
        self.day = day
        self.people = people
        self.users: ActiveUsers = active_users(organization, day)
        self.rng: Random = seeded(organization.slug.lower(), day, "user days")
        self.phases = _phases(people)
        self.efforts = {
            number: EFFORT[phase] * (0.6 + 0.8 * self.rng.random())
            for number, phase in self.phases.items()
        }
        cloud_agent = self._choose("active_copilot_cloud_agent", people)
        self.server_side_only = set(sorted(cloud_agent)[: len(people) // _SERVER_SIDE_ONLY])
        self.clients = by_taste(
            [number for number in people if number not in self.server_side_only], "language"
        )
        reviewing = self._choose("active_copilot_code_review", people)
        others = [number for number in people if number not in reviewing]
        self.chosen: dict[str, set[int]] = {
            "active_copilot_cloud_agent": cloud_agent,
            "active_copilot_code_review": reviewing,
            "passive_copilot_code_review": self._choose("passive_copilot_code_review", others),
        }
        for name in ("active_cli", "active_copilot_app", "active_vscode_agent"):
            self.chosen[name] = self._choose(name, self.clients)
        self.rows = usage_rows(organization, day)

    def records(self) -> list[Record]:
        cells = self._cells()
        by_feature = {
            number: breakdown(mine, ["feature"], COUNTERS) for number, mine in cells.items()
        }
        totals_by_ide = self._ides(by_feature)
        cli = self._cli(cells)
        clients = self._clients()
        customised = self._customisations()
        ids = organization_ids(self.organization)
        records = []
        for number in sorted(self.people):
            mine = cells[number]
            record: Record = {
                "day": self.day.isoformat(),
                **ids,
                "user_id": FIRST_USER_ID + number,
                "user_login": login_of(number),
                **summed(by_feature[number], COUNTERS),
                **self._flags(number, {entry["feature"] for entry in by_feature[number]}),
                "totals_by_ide": totals_by_ide.get(number, []),
                "totals_by_feature": by_feature[number],
                "totals_by_language_feature": breakdown(
                    mine, ["language", "feature"], CODE_COUNTERS
                ),
                "totals_by_language_model": breakdown(mine, ["language", "model"], CODE_COUNTERS),
                "totals_by_model_feature": breakdown(mine, ["model", "feature"], COUNTERS),
                **cli.get(number, {}),
                **clients.get(number, {}),
                **customised.get(number, {}),
            }
            if self.day >= since.AI_CREDITS:
                record["ai_credits_used"] = (
                    None if number in self.server_side_only else round(record[PROMPTS] * 0.85, 2)
                )
            if self.day >= since.PHASES:
                phase = self.phases[number]
                record["ai_adoption_phase"] = {
                    "phase_number": phase,
                    "phase": PHASES[phase],
                    "version": "v1",
                }
            records.append(record)
        return records

    def _choose(self, name: str, people: Sequence[int]) -> set[int]:
        count = audience(self.users, name).daily
        return choose(self.rng, people, count, audience_of_a_month(name), name)

    def _cells(self) -> dict[int, list[Record]]:
        """Each person's part of the usage rows."""
        cells: dict[int, list[Record]] = {number: [] for number in self.people}
        for feature in FEATURES:
            rows = [row for row in self.rows if row["feature"] == feature.name]
            if rows:
                people = self._users_of(feature.name, feature.monthly_users)
                for number, cell in deal(rows, people, self.efforts):
                    cells[number].append(cell)
        return cells

    def _users_of(self, feature: str, share: float) -> Sequence[int]:
        if feature == COMPLETION:
            return self.clients
        if feature == CLI:
            return [number for number in self.clients if number in self.chosen["active_cli"]]
        # One taste for each group: who likes the rarest of its features likes them all.
        group = "agent" if feature in _AGENT_FEATURES else "chat"
        today = [
            number
            for number in self.clients
            if taste(number, group) < share and self.rng.random() < _DAILY_PART
        ]
        return today or self.clients[:1]

    def _flags(self, number: int, features: set[str]) -> Record:
        cloud_agent = number in self.chosen["active_copilot_cloud_agent"]
        flags: Record = {
            "used_agent": not features.isdisjoint(_AGENT_FEATURES),
            "used_chat": any(
                name.startswith("chat_") for name in features.difference(_AGENT_FEATURES)
            ),
            "used_cli": number in self.chosen["active_cli"],
            "used_copilot_coding_agent": cloud_agent,
            "used_copilot_cloud_agent": cloud_agent,
        }
        if self.day >= since.CODE_REVIEW:
            active = number in self.chosen["active_copilot_code_review"]
            passive = number in self.chosen["passive_copilot_code_review"]
            # Null says that nothing about reviews was heard of this person.
            silent = not active and not passive and number % 3 == 0
            flags["used_copilot_code_review_active"] = None if silent else active
            flags["used_copilot_code_review_passive"] = None if silent else passive
        if self.day >= since.APP:
            flags["used_copilot_app"] = number in self.chosen["active_copilot_app"]
        if self.day >= since.VSCODE_AGENT:
            flags["used_vscode_agent"] = number in self.chosen["active_vscode_agent"]
        return flags

    def _ides(self, by_feature: Mapping[int, list[Record]]) -> dict[int, list[Record]]:
        people = by_taste(self.clients, "editor")
        totals = {
            number: summed(
                (each for each in by_feature[number] if each["feature"] != CLI), COUNTERS
            )
            for number in people
        }
        dealt = deal_editors(by_ide(self.rows), people, totals)
        return {
            number: [{**entry, **self._ide_versions(ide)} for ide, entry in entries.items()]
            for number, entries in dealt.items()
        }

    def _ide_versions(self, ide: str) -> Record:
        ide_version, plugin, plugin_version = _IDE_VERSIONS[ide]
        sampled = {"sampled_at": self._sampled_at()}
        return {
            "last_known_ide_version": {"ide_version": ide_version, **sampled},
            "last_known_plugin_version": {
                "plugin": plugin,
                "plugin_version": plugin_version,
                **sampled,
            },
        }

    def _sampled_at(self) -> str:
        minute = int(self.rng.random() * 1440)
        return f"{self.day.isoformat()}T{minute // 60:02d}:{minute % 60:02d}:00.000Z"

    def _cli(self, cells: Mapping[int, list[Record]]) -> dict[int, Record]:
        people = sorted(self.chosen["active_cli"])
        prompts = [
            sum(cell[PROMPTS] for cell in cells[number] if cell["feature"] == CLI)
            for number in people
        ]
        total = sum(prompts)
        # Few sessions may leave nothing for some: theirs began on the day before.
        sessions = split(sessions_of(total), prompts)
        return {
            number: {
                "totals_by_cli": {
                    **agent_client(prompted, begun),
                    "last_known_cli_version": {
                        "cli_version": _CLI_VERSIONS[number % len(_CLI_VERSIONS)],
                        "sampled_at": self._sampled_at(),
                    },
                }
            }
            for number, prompted, begun in zip(people, prompts, sessions, strict=True)
        }

    def _clients(self) -> dict[int, Record]:
        """The totals of the app and of the agents' window."""
        fields: dict[int, Record] = {}
        if self.day >= since.APP:
            people = sorted(self.chosen["active_copilot_app"])
            prompts = one_each_and(PROMPTS_PER_APP_USER * len(people), people, self.efforts)
            for number, prompted in prompts.items():
                fields[number] = {"totals_by_copilot_app": agent_client(prompted, 1)}
        if self.day >= since.VSCODE_AGENT:
            people = sorted(self.chosen["active_vscode_agent"])
            sessions = one_each_and(SESSIONS_PER_AGENT_USER * len(people), people, self.efforts)
            messages = one_each_and(MESSAGES_PER_AGENT_USER * len(people), people, self.efforts)
            for number in people:
                fields.setdefault(number, {})["totals_by_vscode_agent"] = {
                    "session_count": sessions[number],
                    "total_user_messages": messages[number],
                }
        return fields

    def _customisations(self) -> dict[int, Record]:
        names = ["3rd_party_agent"] if self.day >= since.THIRD_PARTY_AGENTS else []
        names += CUSTOMISATIONS if self.day >= since.CUSTOMISATIONS else []
        if not names:
            return {}
        fields: dict[int, Record] = {
            number: {f"totals_by_{name}": [] for name in names} for number in self.people
        }
        totals = customisations(self.organization, self.day)
        for name in names:
            counter = PROMPTS if name == "3rd_party_agent" else "interaction_count"
            for entry in totals[f"totals_by_{name}"]:
                people = self.rng.sample(
                    self.clients, min(len(self.clients), -(-entry[counter] // 2))
                )
                counts = one_each_and(entry[counter], people, self.efforts)
                for number, count in counts.items():
                    fields[number][f"totals_by_{name}"].append({**entry, counter: count})
        if self.day >= since.CUSTOMISATIONS:
            for mine in fields.values():
                for name in CUSTOMISATIONS:
                    mine[f"distinct_{name}_use_count"] = len(mine[f"totals_by_{name}"])
        return fields


def _phases(people: Sequence[int]) -> dict[int, int]:
    """The phase of each person, as many of each as the aggregate reports."""
    phases = [
        phase for phase, count in enumerate(engaged_by_phase(len(people))) for _ in range(count)
    ]
    return dict(zip(by_taste(people, "phase"), phases, strict=True))
