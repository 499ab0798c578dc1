"""Which frame of a clip stands for each person in it."""

from __future__ import annotations

from facesort.core.delivery.posters import Seen, Shares, shares


def frames(tracks: list[Seen], people: list[int | None]) -> Shares:
    return shares(tracks, people, "poster", is_clip=True)


def test_everybody_gets_the_best_frame_of_their_best_track() -> None:
    tracks: list[Seen] = [(1, 0.4, 800), (2, 0.9, 1200), (1, 0.7, 3400)]
    assert frames(tracks, [2, 1]) == {2: 1200, 1: 3400}


def test_of_equal_tracks_the_first_counts_whatever_their_times() -> None:
    assert frames([(1, 0.5, 3000), (1, 0.5, 200)], [1]) == {1: 3000}


def test_a_pending_track_is_nobodys_however_good_it_is() -> None:
    assert frames([(1, 0.4, 800), (None, 0.9, 1200)], [1]) == {1: 800}


def test_the_folder_of_unknown_faces_gets_the_best_track_of_all() -> None:
    assert frames([(None, 0.4, 800), (None, 0.9, 1200)], [None]) == {None: 1200}


def test_two_persons_may_share_a_frame() -> None:
    assert frames([(1, 0.4, 800), (2, 0.9, 800)], [1, 2]) == {1: 800, 2: 800}


def test_the_whole_clip_or_nothing_as_the_settings_say() -> None:
    assert shares([(1, 0.4, 800)], [1, None], "copy", is_clip=True) == {1: None, None: None}
    assert shares([(1, 0.4, 800)], [1], "none", is_clip=True) == {}


def test_of_a_motion_photo_only_who_is_not_in_the_picture_gets_a_frame() -> None:
    faces: list[Seen] = [(1, 0.4, None), (1, 0.9, 800), (2, 0.5, 200), (None, 0.9, 300)]
    assert shares(faces, [1, 2], "poster", is_clip=False) == {1: None, 2: 200}
    assert shares(faces, [1, 2], "copy", is_clip=False) == {1: None, 2: 200}
    assert shares(faces, [1, 2], "none", is_clip=False) == {1: None}
    assert shares(faces, [None], "poster", is_clip=False) == {None: None}
