"""Where collections of faces are kept: DuckDB for one server, PostgreSQL for several, behind one protocol."""
