"""Every name that facesort gives, and many near it, with every kind of thing there: nothing foreign is changed."""

from __future__ import annotations

import os
import tempfile
from itertools import product
from pathlib import Path

import pytest
from foreign_things import KINDS, VERBS, Thing, World, check
from torture.campaign import Ledger, chance, share

pytestmark = pytest.mark.skipif(os.name == "nt", reason="links and pipes of POSIX")

FAULTS = "faults injected: foreign hands"
STATES = ("new", "killed", "sorted")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World.of(tmp_path_factory.mktemp("world"))


def test_one_thing_at_every_name(world: World, ledger: Ledger) -> None:
    dice = chance("one thing")
    with tempfile.TemporaryDirectory() as name:
        places = [*world.ours(Path(name)), *world.similar()]
    cases = list(product(range(len(places)), KINDS))
    for place, kind in dice.sample(cases, share(60, len(cases))):
        state, verbs = dice.choice(STATES), dice.sample([*VERBS], 2)
        with tempfile.TemporaryDirectory() as name:
            root = Path(name).resolve()
            thing = Thing([*world.ours(root), *world.similar()][place], kind)
            try:
                check(world, root, state, [thing], ["sort", *verbs])
            except BaseException as error:
                error.add_note(f"{thing} in {state}, then {verbs}")
                raise
        ledger.count(FAULTS)


def test_many_things_at_once(world: World, ledger: Ledger) -> None:
    dice = chance("many things")
    for _ in range(share(20, 1000)):
        with tempfile.TemporaryDirectory() as name:
            root = Path(name).resolve()
            places = [*world.ours(root), *world.similar()]
            things = [
                Thing(place, dice.choice(KINDS))
                for place in dice.sample(places, dice.randint(2, 8))
            ]
            state, verbs = dice.choice(STATES), dice.choices([*VERBS], k=3)
            try:
                check(world, root, state, things, verbs)
            except BaseException as error:
                error.add_note(f"{things} in {state}, then {verbs}")
                raise
        ledger.count(FAULTS, len(things))
