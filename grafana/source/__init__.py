"""The dashboards as code: `python -m grafana.source` writes the files in `grafana/dashboards`.

Each module defines one dashboard. `panels` defines the panels, `model` the dashboard around them.
"""
