"""Links: one more name for what is inside the sources, never a way out of them, and never a circle."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from facesort.core.records import File
from facesort.core.sources.files import FileState, KnownFile, KnownFiles, ScanResult
from facesort.engine.scan import walk
from facesort.engine.scan.folders import OpenFolder, Reach
from facesort.engine.scan.scan import scan

pytestmark = pytest.mark.skipif(os.name == "nt", reason="making links takes an administrator there")

JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\0"


def put(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(JPEG)


def link(root: Path, **targets: str) -> None:
    """Make links; two underscores in a name stand for a slash, one for a dot."""
    for name, target in targets.items():
        path = root / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(target)


def looked(*sources: Path) -> tuple[list[str], dict[str, str]]:
    """Paths of the photos, and the reasons for other files; those of all but the first source with its name."""
    places = {path.name if number else "": path for number, path in enumerate(sources)}
    result = scan(places, KnownFiles())

    def shown(source: str, path: str) -> str:
        return f"{source}:{path}" if source else path

    return (
        [shown(new.source, new.path) for new in result.new],
        {shown(*place): skipped.reason for place, skipped in result.skipped.items()},
    )


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "source").mkdir()
    return tmp_path / "source"


def test_a_link_to_a_file_inside_is_one_more_file(source: Path) -> None:
    put(source, "a.jpg", "d/b.jpg", "noext")
    link(
        source, l1_jpg="a.jpg", d__l2_jpg="../a.jpg", l3_jpg="d/b.jpg", l4="noext", l5_jpg="l3.jpg"
    )
    files, others = looked(source)
    assert files == ["a.jpg", "d/b.jpg", "d/l2.jpg", "l1.jpg", "l3.jpg", "l4", "l5.jpg", "noext"]
    assert others == {}


def test_a_link_is_as_large_and_as_old_as_its_file(source: Path) -> None:
    put(source, "a.jpg")
    os.utime(source / "a.jpg", ns=(5, 7))
    link(source, l_jpg="a.jpg")
    assert [new[1:] for new in scan({"": source}, KnownFiles()).new] == [
        ("a.jpg", 11, 7),
        ("l.jpg", 11, 7),
    ]


def test_an_absolute_link_to_a_file_inside_counts(source: Path) -> None:
    put(source, "a.jpg")
    link(source, l_jpg=str(source / "a.jpg"))
    assert looked(source)[0] == ["a.jpg", "l.jpg"]


def test_git_annex_has_nothing_but_links_into_a_hidden_folder(source: Path) -> None:
    key = ".git/annex/objects/x5/k9/SHA256E-s11--aa.jpg/SHA256E-s11--aa.jpg"
    put(source, key)
    link(source, a_jpg=key, d__b_jpg=f"../{key}", dropped_jpg=".git/annex/objects/gone.jpg")
    files, others = looked(source)
    assert files == ["a.jpg", "d/b.jpg"]
    assert others == {key: "hidden", "dropped.jpg": "broken_link"}


@pytest.mark.parametrize(
    "target",
    [
        "../outside/a.jpg",
        "../outside",
        "out/a.jpg",
        "d/../../outside/a.jpg",
        "../nowhere.jpg",
        "..",
        "../outside/back",
    ],
)
def test_a_link_that_leads_outside_is_listed_and_not_followed(source: Path, target: str) -> None:
    put(source.parent, "outside/a.jpg")
    put(source, "d/x.jpg")
    link(source, out="../outside", l_jpg=target)
    link(source.parent, outside__back="../outside/a.jpg")
    files, others = looked(source)
    assert files == ["d/x.jpg"]
    assert others == {"out": "symbolic_link", "l.jpg": "symbolic_link"}


def test_a_folder_whose_name_begins_like_the_source_is_outside(source: Path) -> None:
    put(source.parent, "source-2/a.jpg")
    link(source, a_jpg="../source-2/a.jpg", d="../source-2")
    assert looked(source) == ([], {"a.jpg": "symbolic_link", "d": "symbolic_link"})


def test_links_between_sources_are_inside_while_both_are_there(source: Path) -> None:
    other = source.parent / "other"
    put(other, "a.jpg", "d/b.jpg", ".h/c.jpg")
    link(source, a_jpg="../other/a.jpg", d="../other/d", h="../other/.h")
    files, others = looked(source, other)
    assert files == ["a.jpg", "h/c.jpg", "other:a.jpg", "other:d/b.jpg"]
    assert others == {"d": "other_name", "other:.h/c.jpg": "hidden"}
    assert looked(source) == ([], dict.fromkeys(("a.jpg", "d", "h"), "symbolic_link"))


def test_broken_links_and_circles_are_told(source: Path) -> None:
    link(source, a_jpg="nowhere.jpg", b_jpg="b.jpg", c_jpg="d.jpg", d_jpg="c.jpg", e_jpg="a.jpg/x")
    assert looked(source) == ([], {f"{name}.jpg": "broken_link" for name in "abcde"})


def test_a_link_that_takes_a_file_for_a_folder_is_broken(source: Path) -> None:
    """No system opens it, whatever is left of its target without the slash."""
    put(source, "f.jpg")
    link(source, a_jpg="f.jpg/", b_jpg="f.jpg/.", c_jpg="f.jpg/../f.jpg")
    assert looked(source) == (["f.jpg"], {f"{name}.jpg": "broken_link" for name in "abc"})


def test_a_chain_that_no_system_follows_is_broken(source: Path) -> None:
    put(source, "0")
    for i in range(1, 200):
        (source / f"{i}").symlink_to(f"{i - 1}")
    files, others = looked(source)
    assert files[0] == "0"
    assert set(others.values()) == {"broken_link"}
    assert len(files) + len(others) == 200


def test_folders_that_are_listed_under_their_own_names_are_not_listed_again(source: Path) -> None:
    put(source, "a.jpg", "d/e/b.jpg")
    link(source, loop=".", d__up="..", d__e__top="../..", again="d", deep="d/e")
    files, others = looked(source)
    assert files == ["a.jpg", "d/e/b.jpg"]
    assert others == dict.fromkeys(("loop", "d/up", "d/e/top", "again", "deep"), "other_name")


@pytest.mark.parametrize("hidden", [".h", "@eaDir"])
def test_a_folder_that_is_not_listed_by_itself_is_listed_once(source: Path, hidden: str) -> None:
    put(source, f"{hidden}/a.jpg", f"{hidden}/d/b.jpg", f"{hidden}/.c.jpg", f"{hidden}/.x/d.jpg")
    link(source, one=hidden, two=hidden, three=f"{hidden}/d", four=f"{hidden}/.x")
    (source / hidden / "d" / "up").symlink_to("../..")
    (source / hidden / "d" / "round").symlink_to("..")
    files, others = looked(source)
    assert files == ["four/d.jpg", "one/a.jpg", "one/d/b.jpg"]
    links = {path: reason for path, reason in others.items() if not path.startswith(hidden)}
    assert links == dict.fromkeys(("two", "three", "one/d/up", "one/d/round"), "other_name")
    assert {path for path in others if path.startswith(hidden)} == {
        f"{hidden}/{name}" for name in ("a.jpg", "d/b.jpg", ".c.jpg", ".x/d.jpg", "d/up", "d/round")
    }


def test_a_hidden_link_is_hidden(source: Path) -> None:
    put(source, "d/a.jpg")
    link(source, _h_jpg="d/a.jpg", _d="d", _out="..")
    assert looked(source) == (["d/a.jpg"], {".h.jpg": "hidden", ".d": "hidden", ".out": "hidden"})


def test_a_link_to_a_sidecar_a_video_or_a_pipe_is_no_photo(source: Path) -> None:
    put(source, "a.xmp")
    (source / "b.mov").write_bytes(b"\0\0\0\x14ftypqt  \0\0\0\0qt  ")
    os.mkfifo(source / "p")
    link(source, c_xmp="a.xmp", d_mov="b.mov", e_jpg="p", f_jpg="/dev/null")
    files, others = looked(source)
    assert files == []
    assert others == {
        "a.xmp": "sidecar",
        "b.mov": "video",
        "c.xmp": "sidecar",
        "d.mov": "video",
        "e.jpg": "other",
        "f.jpg": "symbolic_link",
        "p": "other",
    }


def test_a_source_that_is_a_link_is_the_users_wish(source: Path, tmp_path: Path) -> None:
    put(source, "a.jpg")
    link(source, l_jpg="a.jpg", d="../source")
    (tmp_path / "named").symlink_to("source")
    assert looked(tmp_path / "named") == (["a.jpg", "l.jpg"], {"d": "other_name"})


def test_a_known_file_that_became_a_link_outside_is_gone(source: Path) -> None:
    put(source, "a.jpg")
    put(source.parent, "outside.jpg")
    known = [
        KnownFile(File(1, *new), FileState.PRESENT, "aa")
        for new in scan({"": source}, KnownFiles()).new
    ]
    (source / "a.jpg").unlink()
    (source / "a.jpg").symlink_to("../outside.jpg")
    result = scan({"": source}, KnownFiles.of(known))
    assert (result.new, result.gone) == ((), (1,))
    assert result.skipped["", "a.jpg"].reason == "symbolic_link"


# --- exchanged meanwhile ----------------------------------------------------------------------


def test_a_folder_that_becomes_a_link_meanwhile_leads_nowhere(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(source, "d/a.jpg", "e/d/b.jpg")
    put(source.parent, "outside/secret.jpg", "outside/d/secret.jpg")
    look = walk.Walk._look
    exchanged = []

    def exchanging(self: walk.Walk, at: OpenFolder, entry: os.DirEntry[str]) -> object:
        found = look(self, at, entry)
        if at.folder.path == "e" and not exchanged:
            exchanged.append((source / "e").rename(source.parent / "e"))
            (source / "e").symlink_to("../outside")
        elif entry.name == "d" and not at.folder.path:
            (source / "d").rename(source.parent / "d")
            (source / "d").symlink_to("../outside")
        return found

    monkeypatch.setattr(walk.Walk, "_look", exchanging)
    result = scan({"": source}, KnownFiles())
    assert exchanged
    assert result.new == ()
    assert result.unreadable == (("", "d"), ("", "e/d"))


def test_a_file_that_becomes_a_link_meanwhile_is_not_opened(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(source, "photo")
    put(source.parent, "outside")
    head = walk.read_head

    def exchanging(reach: Reach, expected: os.stat_result) -> bytes:
        (source / "photo").unlink()
        (source / "photo").symlink_to("../outside")
        return head(reach, expected)

    monkeypatch.setattr(walk, "read_head", exchanging)
    assert scan({"": source}, KnownFiles()) == ScanResult(unreadable=(("", "photo"),))


def test_a_check_does_not_read_what_a_link_outside_leads_to(source: Path) -> None:
    """Between its listing and its reading, the file has become a link."""
    put(source, "a.jpg")
    put(source.parent, "outside.jpg")
    (new,) = scan({"": source}, KnownFiles()).new
    known = [KnownFile(File(1, *new), FileState.PRESENT, "aa")]
    calls = []
    run = walk.Walk.run

    def exchanging(self: walk.Walk) -> object:
        listing = run(self)
        (source / "a.jpg").unlink()
        (source / "a.jpg").symlink_to("../outside.jpg")
        calls.append(1)
        return listing

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(walk.Walk, "run", exchanging)
        result = scan({"": source}, KnownFiles.of(known), everything=True)
    assert (calls, result.unreadable, result.new) == ([1], (("", "a.jpg"),), ())


# --- any tree ---------------------------------------------------------------------------------

FOLDERS = [
    "s",
    "s/d",
    "s/d/e",
    "s/.h",
    "s/.h/x",
    "s/.h/.y",
    "s/@eaDir",
    "s2",
    "s2/d",
    "out",
    "out/d",
]
NAMES = ["a.jpg", "photo", "b.xmp", ".c.jpg"]
LINKS = ["l.jpg", "m", "n"]
TREE = st.tuples(
    st.sets(st.tuples(st.sampled_from(FOLDERS), st.sampled_from(NAMES)), max_size=12),
    st.dictionaries(
        st.tuples(st.sampled_from(FOLDERS), st.sampled_from(LINKS)),
        st.tuples(
            st.sampled_from([*FOLDERS, ".", "nowhere"]),
            st.sampled_from(["", "", "..", *NAMES, *LINKS]),
            st.booleans(),
        ),
        max_size=10,
    ),
)


@settings(max_examples=80)
@given(TREE)
def test_in_any_tree_each_file_is_named_once_and_none_is_outside(
    tree: tuple[set[tuple[str, str]], dict[tuple[str, str], tuple[str, str, bool]]],
) -> None:
    files, links = tree
    with tempfile.TemporaryDirectory() as name:
        top = Path(os.path.realpath(name))
        for folder in FOLDERS:
            (top / folder).mkdir(parents=True)
        put(top, *(f"{folder}/{name}" for folder, name in files))
        for (folder, name_), (target, last, absolute) in links.items():
            to = top / target / last
            (top / folder / name_).symlink_to(to if absolute else os.path.relpath(to, top / folder))
        roots = {"s": top / "s", "s2": top / "s2"}
        check(roots, scan(roots, KnownFiles()))


def check(roots: dict[str, Path], result: ScanResult) -> None:
    """What must be true of any tree, by other means than the scan's."""
    named = [roots[new.source] / new.path for new in result.new]
    assert len(set(named)) == len(named)
    inside = {path: Path(os.path.realpath(path)) for path in named}
    for path, real in inside.items():
        assert any(real.is_relative_to(root) for root in roots.values()), path
        assert real.is_file()
        assert not real.is_symlink()
    walked = [real for path, real in inside.items() if not path.is_symlink()]
    assert len(set(walked)) == len(walked), "a folder was listed twice"
    skipped = {roots[source] / path for source, path in result.skipped}
    assert skipped.isdisjoint(named)
    for root in roots.values():
        for folder, folders, names in os.walk(root):
            parts = Path(folder).relative_to(root).parts
            plain = not any(part[0] in ".@" for part in parts)
            for name in names:
                path = Path(folder, name)
                assert path in skipped or path in inside, "nothing is left out without a word"
                if plain and name in {"a.jpg", "photo"}:
                    assert path in inside
            for name in folders:
                path = Path(folder, name)
                if plain and path.is_symlink() and path not in skipped:
                    assert any(
                        path in Path(p).parents for p in [*named, *skipped]
                    ) or not has_files(path)


def has_files(folder: Path) -> bool:
    """Whether something in it would be listed under the name of a link to it."""
    return any(
        # A link to a folder is no file; what is in that one may be nothing.
        e.name[0] not in ".@" and not os.path.isdir(e.path)
        for e in os.scandir(folder)
    )
