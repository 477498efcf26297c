"""The assets: raw tables from GitHub, tool tables from the raw ones.

A raw asset and the tool assets derived from it are one step. Dagster skips the steps after a failed
one, so two steps would keep the data of every good scope out of the tool tables whenever one scope
fails.
"""
