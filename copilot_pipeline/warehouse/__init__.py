"""The warehouse: tables, Alembic revisions, and the only SQL of the project. Knows no HTTP."""
