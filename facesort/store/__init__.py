"""The only SQL in the project: DuckDB and its numbered migrations.

`photos`, `people`, `commits` and `runs` read and write their tables; `reports` answers questions.
"""

from facesort.store.store import Store

__all__ = ["Store"]
