"""Sums of counters that may together exceed 64 bits."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


class CounterSum(FunctionElement[Any]):
    """The sum of a column of whole numbers.

    PostgreSQL's sums are exact. SQLite's `sum` raises "integer overflow" above 64 bits; this sum is
    exact within 64 bits and a floating-point number above.
    """

    # PostgreSQL returns decimals, SQLite whole numbers or floats.
    type = sa.types.NULLTYPE
    inherit_cache = True

    def __init__(self, counter: sa.ColumnElement[Any]) -> None:
        super().__init__(counter)

    @property
    def counter(self) -> sa.ColumnElement[Any]:
        (counter,) = self.clauses
        return counter


@compiles(CounterSum, "postgresql")
def _sum_in_postgresql(element: CounterSum, compiler: SQLCompiler, **kw: Any) -> str:
    return f"sum({compiler.process(element.counter, **kw)})"


@compiles(CounterSum, "sqlite")
def _sum_in_sqlite(element: CounterSum, compiler: SQLCompiler, **kw: Any) -> str:
    # The sums of both halves fit 64 bits. SQLite turns the result into REAL if it does not.
    counter = compiler.process(element.counter, **kw)
    return f"(sum(({counter}) >> 32) * 4294967296 + sum(({counter}) & 4294967295))"
