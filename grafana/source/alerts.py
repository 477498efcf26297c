"""The alert rules for the collection and for unused seats."""

from __future__ import annotations

from dataclasses import dataclass

import yaml  # type: ignore[import-untyped]

from copilot_pipeline import rules
from grafana.source.model import Json

HEAD = """\
# Generated from grafana/source/alerts.py by `make dashboards`. The thresholds are those of
# copilot_pipeline/rules.py. Each query returns a row for every scope or account, also if there is
# no problem. Contact points are configured elsewhere: see ../contact-points.yaml.example.
"""


@dataclass(frozen=True)
class Rule:
    """An alert. It fires for each row of the query whose number is above or below the threshold."""

    uid: str
    title: str
    severity: str
    summary: str
    description: str
    sql: str
    threshold: float
    is_above: bool = True
    wait: str = "0s"
    on_error: str = "KeepLast"

    def build(self) -> Json:
        evaluator = {"type": "gt" if self.is_above else "lt", "params": [self.threshold]}
        return {
            "uid": self.uid,
            "title": self.title,
            "condition": "B",
            "for": self.wait,
            # No account is imported yet.
            "noDataState": "OK",
            "execErrState": self.on_error,
            "labels": {"severity": self.severity},
            "annotations": {
                "summary": " ".join(self.summary.split()),
                "description": " ".join(self.description.split()),
            },
            "data": [
                {
                    "refId": "A",
                    "datasourceUid": "copilot-warehouse",
                    "relativeTimeRange": {"from": 86400, "to": 0},
                    "model": {
                        "refId": "A",
                        "editorMode": "code",
                        "format": "table",
                        "rawQuery": True,
                        "rawSql": self.sql.strip() + "\n",
                    },
                },
                {
                    "refId": "B",
                    "datasourceUid": "__expr__",
                    "relativeTimeRange": {"from": 0, "to": 0},
                    "model": {
                        "refId": "B",
                        "type": "threshold",
                        "expression": "A",
                        "conditions": [{"evaluator": evaluator}],
                    },
                },
            ],
        }


_NO_NEW_DAY = Rule(
    uid="copilot-no-new-day",
    title="No new day of Copilot metrics",
    severity="critical",
    summary="""{{ $labels.kind }} {{ $labels.scope }}: no new day for {{ printf "%.1f"
    $values.A.Value }} days""",
    description="""GitHub publishes a day's report two or three days later, but a new one each
    day. Check in the Dagster UI that the schedule daily_copilot_schedule is running and that its
    last runs succeeded, and run `copilot-pipeline accounts check`. Dashboard:
    /d/copilot-data-health""",
    # The age of the newest first load of an aggregate, not the age of its day.
    sql="""
SELECT
  scope.kind,
  scope.label AS scope,
  (
    extract(
      epoch FROM now() - greatest(max(status.first_loaded_at), scope.created_at)
    ) / 86400
  )::double precision AS days
FROM copilot_scopes AS scope
LEFT JOIN _tool_copilot_collection_status AS status
  ON status.scope_id = scope.id
  AND status.report IN ('organization-1-day', 'enterprise-1-day', 'legacy')
WHERE NOT scope.is_removed
GROUP BY scope.kind, scope.label, scope.created_at
ORDER BY scope.kind, scope.label
""",
    threshold=rules.NO_NEW_DAY_DAYS,
    wait="30m",
    on_error="Error",
)

_NO_DATA = Rule(
    uid="copilot-no-data",
    title="GitHub has no Copilot report",
    severity="warning",
    summary="""{{ $labels.kind }} {{ $labels.scope }}: GitHub has had no report for
    {{ printf "%.0f" $values.A.Value }} days""",
    description=f"""The reports can be read, but GitHub has none: there never was one, or the newest
    is at least {rules.NO_NEW_DATA_DAYS} days older than yesterday. Likely reasons: the policy
    'Copilot usage metrics' is off or was switched on recently, fewer people use Copilot there than
    GitHub reports on, or the name is that of another organization. `copilot-pipeline status` shows
    the same. Dashboard: /d/copilot-data-health""",
    # The first source of a scope is its aggregate. A refused or failed one is told by other rules.
    sql=f"""
SELECT
  scope.kind,
  scope.label AS scope,
  CASE
    WHEN main.newest_no_data IS NULL OR main.last_is_refusal = 1 OR main.failing > 0 THEN 0
    WHEN main.newest_day IS NULL THEN yesterday.day - main.first_asked + 1
    WHEN main.newest_no_data > main.newest_day
      AND yesterday.day - main.newest_day >= {rules.NO_NEW_DATA_DAYS}
      THEN yesterday.day - main.newest_day
    ELSE 0
  END AS days
FROM copilot_scopes AS scope
CROSS JOIN (SELECT (now() AT TIME ZONE 'UTC')::date - 1 AS day) AS yesterday
LEFT JOIN (
  SELECT DISTINCT ON (scope_id) *
  FROM copilot_collection_health
  ORDER BY scope_id, position
) AS main ON main.scope_id = scope.id
WHERE NOT scope.is_removed
ORDER BY scope.kind, scope.label
""",
    threshold=0,
    wait="30m",
)

_NO_ACCESS = Rule(
    uid="copilot-no-access",
    title="Copilot reports that the token cannot read",
    severity="warning",
    summary="""{{ $labels.kind }} {{ $labels.scope }}: GitHub refuses {{ printf "%.0f"
    $values.A.Value }} of its reports""",
    description="""The last answer was 401, 403 or 404. `copilot-pipeline accounts check` shows
    what is missing: a permission, single sign-on, a policy, or the right name. Give the token
    the permission, import a new token, or exclude the report with `copilot-pipeline scopes
    update SLUG --report`. Dashboard: /d/copilot-data-health""",
    # Only reports that the scope collects now. A loaded day keeps its state.
    sql="""
SELECT
  scope.kind,
  scope.label AS scope,
  count(*) FILTER (
    WHERE attempt.state = 'no_access'
      OR (attempt.http_status IN (401, 403, 404) AND attempt.message IS NOT NULL)
  ) AS reports
FROM copilot_scopes AS scope
LEFT JOIN (
  SELECT DISTINCT ON (scope_id, report)
    scope_id, report, state, http_status, message
  FROM _tool_copilot_collection_status
  ORDER BY scope_id, report, last_fetched_at DESC, day DESC
) AS attempt
  ON attempt.scope_id = scope.id
  AND (attempt.report = 'legacy') = (scope.metrics_api = 'legacy')
  AND (
    scope.reports IS NULL
    OR attempt.report = 'legacy'
    OR attempt.report = ANY (string_to_array(scope.reports, ','))
  )
WHERE NOT scope.is_removed
GROUP BY scope.kind, scope.label
ORDER BY scope.kind, scope.label
""",
    threshold=0,
    wait="30m",
)

_TOKEN_EXPIRY = Rule(
    uid="copilot-token-expiry",
    title="A GitHub token is about to expire",
    severity="warning",
    summary="""The token of {{ $labels.account }} expires in {{ printf "%.0f" $values.A.Value }}
    days""",
    description="""A negative number means that the token has expired and nothing is collected with
    it. Create a new token at GitHub and store it with `copilot-pipeline accounts update ID
    --token-env NAME`, or import the account again. Dashboard: /d/copilot-data-health""",
    # 9999: GitHub returned no expiry date.
    sql="""
SELECT
  account_login AS account,
  coalesce(
    extract(epoch FROM min(token_expires_at) - now()) / 86400, 9999
  )::double precision AS days
FROM copilot_scopes
WHERE NOT is_removed
GROUP BY account_login
ORDER BY account_login
""",
    threshold=rules.EXPIRES_SOON_DAYS,
    is_above=False,
)

_UNUSED_SEATS = Rule(
    uid="copilot-idle-seats",
    title="Too many unused Copilot seats",
    severity="info",
    summary="""{{ $labels.kind }} {{ $labels.scope }}: {{ humanizePercentage $values.A.Value }}
    of the seats are not used""",
    description=f"""These seats have been held for {rules.GRACE_DAYS} days or more without
    activity in the last {rules.IDLE_DAYS} days, or were never used. Their holders are
    listed in the dashboard /d/copilot-seats. Ask them before you remove a seat.""",
    # The newest snapshot of each scope. Without a snapshot or a seat, the share is 0.
    sql="""
SELECT
  scope.kind,
  scope.label AS scope,
  coalesce(
    (newest.idle_seats + newest.never_used_seats)::double precision
      / nullif(newest.seats, 0),
    0
  ) AS share
FROM copilot_scopes AS scope
LEFT JOIN (
  SELECT DISTINCT ON (scope_id) scope_id, seats, idle_seats, never_used_seats
  FROM _tool_copilot_seat_days
  ORDER BY scope_id, day DESC
) AS newest ON newest.scope_id = scope.id
WHERE NOT scope.is_removed
ORDER BY scope.kind, scope.label
""",
    threshold=rules.UNUSED_SHARE,
)

# The name, the evaluation interval and the rules of each group.
_GROUPS = (
    ("Copilot collection", "15m", (_NO_NEW_DAY, _NO_DATA, _NO_ACCESS, _TOKEN_EXPIRY)),
    ("Copilot seats", "1h", (_UNUSED_SEATS,)),
)


def build() -> str:
    """The text of Grafana's provisioning file."""
    groups = [
        {
            "orgId": 1,
            "name": name,
            "folder": "GitHub Copilot",
            "interval": interval,
            "rules": [rule.build() for rule in rules_of],
        }
        for name, interval, rules_of in _GROUPS
    ]
    return HEAD + str(
        yaml.dump(
            {"apiVersion": 1, "groups": groups},
            Dumper=_Dumper,
            allow_unicode=True,
            sort_keys=False,
            width=100,
        )
    )


class _Dumper(yaml.SafeDumper):  # type: ignore[misc]
    """Writes a text of several lines as a block."""


def _write_text(dumper: _Dumper, text: str) -> object:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _write_text)
