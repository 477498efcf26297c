"""The warehouse: tables, Alembic revisions, and all SQL of the pipeline. No HTTP here."""
