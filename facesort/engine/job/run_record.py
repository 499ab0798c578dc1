"""What a run records of the gallery it was given, so that two runs can be compared later."""

from __future__ import annotations

from typing import Any

from facesort.core.calibration import gallery_fingerprint
from facesort.store import Store
from facesort.store.queries.gallery import load_gallery, person_summaries


def gallery_record(store: Store, pack_id: str) -> dict[str, Any]:
    """Tell who is in the gallery, in figures: no names, no embeddings.

    Parameters
    ----------
    pack_id : str
        Of the references that the run compares with.

    Returns
    -------
    dict
        ``fingerprint`` of the references, and ``persons``: person_id as text to the number of ``references`` and of
        embeddings ``learned`` so far.
    """
    return {
        "fingerprint": gallery_fingerprint(load_gallery(store, pack_id, max_learned=0)),
        "persons": {
            str(summary.person.person_id): {
                "references": summary.references,
                "learned": summary.learned,
            }
            for summary in person_summaries(store)
        },
    }
