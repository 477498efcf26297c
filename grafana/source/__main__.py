"""Writes dashboards and alert rules. Run `python -m grafana.source` in the project's root."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from grafana.source import adoption, alerts, data_health, languages, seats, users_teams
from grafana.source.model import Json

GRAFANA = Path(__file__).parent.parent
DASHBOARDS = GRAFANA / "dashboards" / "copilot"
ALERTS = GRAFANA / "provisioning" / "alerting" / "copilot.yaml"

BUILDERS = {
    "adoption": adoption.build,
    "languages": languages.build,
    "seats": seats.build,
    "users-teams": users_teams.build,
    "data-health": data_health.build,
}


def build() -> Mapping[str, str]:
    """Return the text of every dashboard file by its name without suffix."""
    return {name: to_text(builder()) for name, builder in BUILDERS.items()}


def to_text(dashboard: Json) -> str:
    return json.dumps(dashboard, ensure_ascii=False, indent=2) + "\n"


def main() -> None:
    DASHBOARDS.mkdir(parents=True, exist_ok=True)
    for name, text in build().items():
        (DASHBOARDS / f"{name}.json").write_text(text, encoding="utf-8")
    ALERTS.write_text(alerts.build(), encoding="utf-8")


if __name__ == "__main__":
    main()
