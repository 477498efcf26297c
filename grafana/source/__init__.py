"""The dashboards as code: `python -m grafana.source` writes the files in `grafana/dashboards`.

A module holds one dashboard; `panels` knows Grafana's panels, `model` the dashboard around them.
"""
