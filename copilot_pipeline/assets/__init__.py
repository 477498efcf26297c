"""The Dagster assets: raw tables loaded from GitHub, and tool tables derived from them.

A raw asset and the tool assets derived from it are one step. Dagster skips steps that depend on a
failed step. With two steps, the failure of one scope would keep all other scopes out of the tool
tables.
"""
