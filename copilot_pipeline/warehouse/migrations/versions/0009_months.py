"""Split the tables that grow with people by month, on PostgreSQL.

This changes definitions only. The rows stay where they are, in a default partition of each table,
and are moved to their months in transactions of their own, see `warehouse/splitting.py`.

Revision ID: 0009
Revises: 0008
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

TABLES = (
    "_raw_copilot_metrics",
    "_raw_copilot_seats",
    "_tool_copilot_seats",
    "_tool_copilot_user_metrics",
    "_tool_copilot_user_metrics_by_feature",
    "_tool_copilot_user_metrics_by_ide",
    "_tool_copilot_user_metrics_by_language_feature",
    "_tool_copilot_user_metrics_by_language_model",
    "_tool_copilot_user_metrics_by_model_feature",
    "_tool_copilot_user_teams",
)

# Names have at most 63 bytes.
INDEXES = """
    SELECT quote_ident(relname) AS name, quote_ident(left(relname, 55) || '_unsplit') AS renamed,
        pg_get_indexdef(indexrelid) AS definition, indisprimary AS is_key
    FROM pg_index JOIN pg_class AS class ON class.oid = indexrelid
    WHERE indrelid = to_regclass(:table) ORDER BY 1
"""

# Views follow a table that is renamed, so they are created again for the new one.
VIEWS = """
    SELECT DISTINCT view.oid::regclass::text AS name, view.relkind = 'v' AS is_view,
        pg_has_role(view.relowner, 'USAGE') AS is_own, pg_get_viewdef(view.oid) AS query,
        array_to_string(view.reloptions, ', ') AS options
    FROM pg_depend
    JOIN pg_rewrite AS rule ON pg_depend.classid = 'pg_rewrite'::regclass
        AND rule.oid = pg_depend.objid
    JOIN pg_class AS view ON view.oid = rule.ev_class AND view.relkind IN ('v', 'm')
    WHERE pg_depend.refclassid = 'pg_class'::regclass
        AND pg_depend.refobjid = ANY (CAST(CAST(:tables AS text[]) AS regclass[]))
    ORDER BY 1
"""

GRANTS = """
    SELECT format(
        'GRANT %s%s ON %I TO %s%s',
        privilege_type,
        ' (' || quote_ident(attname) || ')',
        CAST(:table AS text),
        CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END,
        CASE WHEN is_grantable THEN ' WITH GRANT OPTION' END
    )
    FROM (
        SELECT NULL AS attname, acl.* FROM pg_class, aclexplode(relacl) AS acl
        WHERE oid = to_regclass(:table) AND grantee <> relowner
        UNION ALL
        SELECT attname, acl.* FROM pg_attribute, aclexplode(attacl) AS acl
        WHERE attrelid = to_regclass(:table)
    ) AS granted
"""

OWNER = (
    "SELECT quote_ident(pg_get_userbyid(relowner)) FROM pg_class WHERE oid = to_regclass(:table)"
)


def upgrade() -> None:
    connection = op.get_bind()
    if connection.dialect.name != "postgresql":
        return
    views = connection.execute(sa.text(VIEWS), {"tables": list(TABLES)}).all()
    kept = [view.name for view in views if not (view.is_view and view.is_own)]
    if kept:
        # PostgreSQL's error, which `Database` reports in one line.
        message = (
            f"the tables of people are split by month, but {', '.join(kept)} select from them and "
            "cannot be created again. Save their definitions, drop them, start copilot_pipeline "
            "again, and recreate them"
        )
        literal = sa.literal(message).compile(
            dialect=connection.dialect, compile_kwargs={"literal_binds": True}
        )
        execute(connection, [f"DO $$ BEGIN RAISE EXCEPTION USING MESSAGE = {literal}; END $$"])
    for table in TABLES:
        split(connection, table)
    for view in views:
        options = f" WITH ({view.options})" if view.options else ""
        execute(connection, [f"CREATE OR REPLACE VIEW {view.name}{options} AS {view.query}"])
    for table in TABLES:
        attach(connection, table)


def split(connection: sa.Connection, table: str) -> None:
    """Renames the table and creates a partitioned one with the same definition."""
    unsplit = f"{table}_unsplit"
    parameters = {"table": table}
    indexes = connection.execute(sa.text(INDEXES), parameters).all()
    grants = list(connection.execute(sa.text(GRANTS), parameters).scalars())
    owner = connection.execute(sa.text(OWNER), parameters).scalar_one()
    comment = sa.inspect(connection).get_table_comment(table)["text"]
    (key,) = [index.name for index in indexes if index.is_key]
    columns = ", ".join(sa.inspect(connection).get_pk_constraint(table)["constrained_columns"])
    execute(
        connection,
        [
            f"ALTER TABLE {table} RENAME TO {unsplit}",
            *(f"ALTER INDEX {index.name} RENAME TO {index.renamed}" for index in indexes),
            f"CREATE TABLE {table} (LIKE {unsplit} INCLUDING ALL EXCLUDING INDEXES, "
            f"CONSTRAINT {key} PRIMARY KEY ({columns})) PARTITION BY RANGE (day)",
            *(index.definition for index in indexes if not index.is_key),
            f"ALTER TABLE {table} OWNER TO {owner}",
            *grants,
        ],
    )
    op.create_table_comment(table, comment)


def attach(connection: sa.Connection, table: str) -> None:
    """Makes the former table the default partition, or drops it if it is empty."""
    unsplit = f"{table}_unsplit"
    if connection.execute(sa.select(sa.exists().select_from(sa.table(unsplit)))).scalar_one():
        execute(connection, [f"ALTER TABLE {table} ATTACH PARTITION {unsplit} DEFAULT"])
    else:
        op.drop_table(unsplit)


def execute(connection: sa.Connection, statements: Sequence[str]) -> None:
    for statement in statements:
        # Not parsed for parameters: the name of a role or a view's query may have a percent sign.
        connection.exec_driver_sql(statement, execution_options={"no_parameters": True})
