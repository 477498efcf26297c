"""The report: one self-contained HTML page for people without Grafana.

`numbers` reads the warehouse through `warehouse/report_queries.py`, `words` says what the numbers
mean, `charts` draws them, and `page` puts them into the templates. Nothing here asks GitHub or
imports Dagster, and no other room imports pandas or the chart library.
"""

DEFAULT_FILE = "copilot-report.html"
DEFAULT_DAYS = 90
MAX_DAYS = 365
