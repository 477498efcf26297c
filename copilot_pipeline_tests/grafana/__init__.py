"""What Grafana does with a dashboard: to its SQL before it is run, and with the rows afterwards.

So every query can be run and judged without a Grafana. The formats of variables are those of
@grafana/scenes; the macros and the shapes of frames are those of Grafana's PostgreSQL data source.
What these dashboards do not use is not known here, and refused; so is what Grafana would silently
understand otherwise than it was meant.
"""


class GrafanaError(ValueError):
    """What Grafana would refuse, or silently understand otherwise, or what is not known here."""
