"""What a view is: a name and the query behind it, which other views may select from."""

from dataclasses import dataclass
from functools import cached_property

import sqlalchemy as sa


@dataclass(frozen=True)
class View:
    """A view of the warehouse.

    PostgreSQL keeps a view, with what was granted on it and what others have built on it, if its
    columns stay as they are: a new column comes last.
    """

    name: str
    query: sa.SelectBase

    @cached_property
    def table(self) -> sa.TableClause:
        """The view to select from, with its columns and their types."""
        columns = self.query.selected_columns
        return sa.table(self.name, *(sa.column(each.name, each.type) for each in columns))

    def sql(self, dialect: sa.Dialect) -> str:
        """The query in the words of the database."""
        options = {"literal_binds": True}
        return str(self.query.compile(dialect=dialect, compile_kwargs=options))
