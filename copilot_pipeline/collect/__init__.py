"""From GitHub to the warehouse, scope by scope and day by day. Knows no Dagster.

A scope or day that fails becomes an outcome with its error; the others go on.
"""
