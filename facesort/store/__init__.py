"""The only SQL in the project: DuckDB and its numbered migrations.

`photos`, `people`, `commits` and `runs` read and write their tables; `reports` answers questions.
"""

from facesort.store.store import Store, stamp_of

__all__ = ["Store", "stamp_of"]
