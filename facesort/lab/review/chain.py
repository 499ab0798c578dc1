"""Why a face is in its group: the chain of faces from a reference to it, which may be cut."""

from __future__ import annotations

from facesort.engine.review import answers
from facesort.engine.review.chains import Chain, chain_of
from facesort.lab.review.panel import Panel, faces
from facesort.lab.review.place import Layer, Place
from facesort.lab.review.sheet import CLOSE, UNDO, SheetAction
from facesort.lab.review.tiles import chain_tiles
from facesort.store.queries import Store
from facesort.store.queries.review.shown import faces_with_crops

SHOW_CHAIN = SheetAction(
    "chain", "Show the chain", "c",
    tooltip="why it is in its group: from a reference, from face to face",
)  # fmt: skip
_ACTIONS = (
    SheetAction("no", "No", "n", "bad", "this face is not this person", removes=True),
    SheetAction(
        "rest", "No from here on", "x", "bad",
        "neither this face, nor all that reach the reference only through it", removes=True,
    ),
    UNDO,
    CLOSE,
)  # fmt: skip


class ChainBox:
    """The chain of one face, in the place of the faces of which it is opened."""

    def __init__(self, panel: Panel) -> None:
        self._panel = panel
        self.sheet = panel.face_sheet("from a reference to the face", _ACTIONS, self.on_action)
        self.layer = Layer(self.sheet)
        self._place: Place | None = None
        self._face_id: int | None = None
        self._chain: Chain | None = None

    def open(self, face_id: int, place: Place) -> None:
        """Show the chain of a face."""
        self._face_id, self._place = face_id, place
        self._panel.refresh()
        if self._chain is not None:
            place.open(self.layer)
        else:
            self._panel.report(
                "There is no chain to this face: it is nobody's, or cannot be compared any more.",
                good=False,
            )

    def close_chain(self) -> None:
        """Hide it."""
        self._face_id = None
        self.refresh()

    def refresh(self, person: str | None = None) -> None:
        """Show the chain as it is now; closed if the face is nobody's any more.

        Parameters
        ----------
        person : str, optional
            Close it if the face is not, and may not be, this person's.
        """
        chain = None if self._face_id is None else self._panel.session.read(self._read)
        if chain is None or person not in (None, chain.person):
            self._face_id = self._chain = None
            if self._place is not None:
                self._place.close(self.layer)
            return
        self._chain = chain
        step = max(link.distance for link in chain.links)
        self.layer.title(
            f"From {chain.person} to {chain.links[-1].face.photo.shown_name}: "
            f"{faces(len(chain.links))}, the longest step {step:.2f}."
        )
        self.sheet.show(chain_tiles(chain))

    def _read(self, store: Store) -> Chain | None:
        face = next(iter(faces_with_crops(store, [self._face_id or 0])), None)
        return None if face is None else chain_of(store, face, self._panel.session.pack.pack_id)

    def on_action(self, name: str, face_ids: list[int]) -> None:
        """Answer no for the selected faces, or for all that come through them."""
        if name == "undo":
            self._panel.undo()
        elif name == "close":
            self.close_chain()
        elif self._chain is not None:
            self._cut(self._chain, face_ids, and_beyond=name == "rest")

    def _cut(self, chain: Chain, face_ids: list[int], *, and_beyond: bool) -> None:
        chosen = [link for link in chain.links if link.face.face_id in face_ids]
        cut = {i for link in chosen for i in (link.beyond if and_beyond else link.beyond[:1])}
        if not cut:
            self._panel.refresh()
            self._panel.report("This is the reference: choose a face of the event.", good=False)
            return
        persons = dict.fromkeys(sorted(cut), chain.person)
        self._panel.edit(
            lambda: answers.answer_faces(
                self._panel.session.workspace, persons, "no", seen=self._panel.seen
            ),
            lambda _: (
                f"No: {faces(len(persons))} of {chain.person}; a re-match decides the others again."
            ),
        )
