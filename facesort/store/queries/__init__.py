"""Read-only questions about what is stored: the part of the store that every room may import.

Each function takes an open `Store`; open it with ``workspace.open_store(read_only=True)``.
"""

from facesort.store.store import Store as Store
