"""The only place that knows SQL: SQLite and PostgreSQL by the same code."""
