"""Sources and the clocks of their cameras."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from facesort.store.store import Store


def settle(store: Store, names: Collection[str]) -> None:
    """Make the sources those of the settings, which a user may have edited; inside a transaction."""
    add_sources(store, names)
    for (name,) in store.rows("SELECT name FROM source WHERE state = 'used'"):
        if name not in names:
            remove_source(store, name)


def add_sources(store: Store, names: Iterable[str]) -> None:
    """Add the sources that are not known yet, and take back those that were removed; inside a transaction."""
    known = dict(store.rows("SELECT name, source_id FROM source"))
    for name in names:
        if name in known:
            store.execute("UPDATE source SET state = 'used' WHERE name = ?", [name])
        else:
            source_id = store.next_id("source", "source_id")
            store.execute("INSERT INTO source VALUES (?, ?, 'used')", [source_id, name])


def remove_source(store: Store, name: str) -> None:
    """Stop counting the files of a source; what became of them stays; inside a transaction."""
    store.execute("UPDATE source SET state = 'removed' WHERE name = ?", [name])
    store.execute(
        "DELETE FROM skipped WHERE source_id = (SELECT source_id FROM source WHERE name = ?)",
        [name],
    )
    store.execute(
        "UPDATE file SET state = 'gone' WHERE state = 'present' "
        "AND source_id = (SELECT source_id FROM source WHERE name = ?)",
        [name],
    )


def set_clock(store: Store, name: str, camera: str, seconds: int) -> None:
    """Set what is added to the times of a camera, or (with an empty name) of all in a source; inside a transaction."""
    source = "(SELECT source_id FROM source WHERE name = ?)"
    store.execute(f"DELETE FROM clock WHERE source_id = {source} AND camera = ?", [name, camera])  # noqa: S608
    if seconds or camera:  # 0 of one camera stands against the offset of its source
        store.execute(f"INSERT INTO clock VALUES ({source}, ?, ?)", [name, camera, seconds])  # noqa: S608
