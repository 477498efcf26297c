"""The class of a view: its name and query."""

from dataclasses import dataclass
from functools import cached_property

import sqlalchemy as sa


@dataclass(frozen=True)
class View:
    """A view of the warehouse.

    Add new columns at the end. PostgreSQL can then replace the view and keep its grants and the
    views that depend on it.
    """

    name: str
    query: sa.SelectBase

    @cached_property
    def table(self) -> sa.TableClause:
        """The view as a table to select from, with typed columns."""
        columns = self.query.selected_columns
        return sa.table(self.name, *(sa.column(each.name, each.type) for each in columns))

    def sql(self, dialect: sa.Dialect) -> str:
        """Return the query in the SQL of the dialect."""
        options = {"literal_binds": True}
        return str(self.query.compile(dialect=dialect, compile_kwargs=options))
