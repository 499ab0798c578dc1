from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from disks import mounted, needs_mount
from foreign_things import patience
from hypothesis import HealthCheck, given, settings, strategies as st
from pydantic import ValidationError

from facesort.errors import SettingsError
from facesort.settings import (
    MatchingSettings,
    PhotoSettings,
    RunSettings,
    SeedSettings,
    Settings,
    load_settings,
    save_settings,
)

LEAST = {"source": "/photos", "output": "/sorted", "pack": "buffalo_l"}
A_SETTING = Settings(sources={"card-1": Path("/photos")}, output=Path("/sorted"), pack="buffalo_l")
TOML = """\
source = "/photos"
output = "/sorted"
pack = "buffalo_l"
"""


def load(tmp_path: Path, text: str) -> Settings:
    path = tmp_path / "facesort.toml"
    path.write_text(text, encoding="utf-8")
    return load_settings(path)


def test_the_least_that_is_needed(tmp_path: Path) -> None:
    found = load(tmp_path, TOML)
    assert found == A_SETTING
    assert found.matching.strict is None
    assert found.matching.margin == 0.05
    assert found.run.unknown_folder is False


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("tls://office-1", "tls://office-1:8786"),
        ("tls://[fd00::1]:99", "tls://[fd00::1]:99"),
        ("tcp://localhost", "tcp://localhost:8786"),
        ("tcp://[::1]:1", "tcp://[::1]:1"),
    ],
)
def test_the_address_of_a_cluster_has_its_port(tmp_path: Path, text: str, address: str) -> None:
    found = load(tmp_path, f"{TOML}[run]\ncluster = '{text}'\ncluster_certificates = 'certs'")

    assert found.run.cluster == address
    assert found.run.cluster_certificates == tmp_path / "certs"


@pytest.mark.parametrize("name", ["source", "output", "pack"])
def test_what_is_missing_is_named(tmp_path: Path, name: str) -> None:
    text = "\n".join(f'{k} = "{v}"' for k, v in LEAST.items() if k != name)
    with pytest.raises(
        SettingsError, match=rf"facesort.toml is not valid:\n  {name}s?: Field required"
    ):
        load(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("sorce = 1", "sorce"),
        ("[matching]\nstrickt = 0.5", "matching.strickt"),
        ("[photos]\nmax_mb = 5", "photos.max_mb"),
        ("[seed]\nyaw = 0.5", "seed.yaw"),
        ("[run]\nworker = 2", "run.worker"),
        ("[Matching]\nstrict = 0.5", "Matching"),
    ],
)
def test_an_unknown_setting_is_refused_by_its_name(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(SettingsError, match=rf"\n  {named}: Extra inputs are not permitted"):
        load(tmp_path, TOML + text)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[matching]\nstrict = 0.9\nloose = 0.8", r"matching: .*strict \(0.9\) must not be above loose \(0.8\)"),
        ("[matching]\nstrict = -0.1", "matching.strict"),
        ("[matching]\nloose = 2.1", "matching.loose"),
        ("[matching]\nloose = nan", "matching.loose"),
        ("[matching]\nstrict = true", "matching.strict"),
        ("[matching]\nmargin = inf", "matching.margin"),
        ("[matching]\nlearn = 'perhaps'", "matching.learn"),
        ("[matching]\nlearn_quality = 1.5", "matching.learn_quality"),
        ("[matching]\nmax_learned = -1", "matching.max_learned"),
        ("[matching]\nmax_learned = 2.5", "matching.max_learned"),
        ("[photos]\ntimeout_s = 0", "photos.timeout_s"),
        ("[photos]\nmax_megapixels = 0", "photos.max_megapixels"),
        ("[run]\nworkers = -1", "run.workers"),
        ("[run]\ncluster = 'office-1:8786'", r"run.cluster: .*write tls://HOST:8786"),
        ("[run]\ncluster = 'tls://user@office-1'", "run.cluster"),
        ("[run]\ncluster = 'tls://office-1:99999'", "run.cluster"),
        ("[run]\ncluster = 'tcp://office-1'", r"run.cluster: .*without TLS.*write tls://office-1:8786"),
        ("[run]\ncluster = 'tcp://127.0.0.1.evil.example'", "run.cluster: .*without TLS"),
        ("[run]\nworkers = 'many'", "run.workers"),
        ("run = 5", "run"),
    ],
)  # fmt: skip
def test_a_value_that_makes_no_sense_is_refused_by_its_name(
    tmp_path: Path, text: str, named: str
) -> None:
    with pytest.raises(SettingsError, match=rf"\n  {named}"):
        load(tmp_path, TOML + text)


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, TOML + "sorce = 1\n[run]\nworkers = -1\n[photos]\ntimeout_s = 0")
    told = [line.split(":")[0].strip() for line in str(caught.value).splitlines()[1:]]
    assert sorted(told) == ["photos.timeout_s", "run.workers", "sorce"]


@pytest.mark.parametrize(
    ("strict", "loose"), [(0.8, 0.8), (0, 0), (2, 2), (0.8, None), (None, 0.1)]
)
def test_thresholds_that_may_be_set(strict: float | None, loose: float | None) -> None:
    found = MatchingSettings(strict=strict, loose=loose)
    assert (found.strict, found.loose) == (strict, loose)


def test_settings_do_not_change(tmp_path: Path) -> None:
    found = load(tmp_path, TOML)
    with pytest.raises(ValidationError):
        found.pack = "other"  # type: ignore[misc]
    with pytest.raises(ValidationError):
        found.matching.margin = 0.5  # type: ignore[misc]


# --- the file ---------------------------------------------------------------------------------


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"facesort\.toml is missing; `facesort init`"):
        load_settings(tmp_path / "facesort.toml")


@pytest.mark.parametrize(
    "data",
    [b"source = ", b"source = 'a'\nsource = 'b'", b'source = "C:\\Users\\x"', b"\xff\xfe", b"[a\n"],
)
def test_a_file_that_is_no_toml_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "facesort.toml"
    path.write_bytes(data)
    with pytest.raises(SettingsError, match=r"facesort\.toml is not valid TOML"):
        load_settings(path)


@pytest.mark.parametrize(
    "place",
    ["C:\\Users\\new\\table", "\\\\server\\share", "D:/", "/a b/Zoë", '/with "quotes"', "/it's", "/a\tb", "rel/ative",
     "/#no comment", "/[matching]", "/😀"],
)  # fmt: skip
def test_every_place_comes_back(tmp_path: Path, place: str) -> None:
    path = tmp_path / "facesort.toml"
    wanted = Settings(sources={"card-1": Path(place)}, output=Path(place) / "out", pack=place)
    save_settings(wanted, path)
    # a relative place is one beside the file, wherever the command is run
    absolute = {"sources": {"card-1": tmp_path / place}, "output": tmp_path / place / "out"}
    assert load_settings(path) == wanted.model_copy(update=absolute)


COMMENTED = """\
# Anna's wedding
source = "/photos"  # the card
output = "/sorted"
pack = "buffalo_l"

# calibrated on Monday
[matching]
# not above 0.9
strict = 0.7  # was 0.8
loose = 0.9

[run]
workers = 2  # leave some for others
"""


def test_comments_are_kept_wherever_they_are(tmp_path: Path) -> None:
    path = tmp_path / "facesort.toml"
    found = load(tmp_path, COMMENTED)
    changed = found.model_copy(
        update={"matching": found.matching.model_copy(update={"strict": 0.65, "loose": 0.95})}
    )
    save_settings(changed, path)
    text = path.read_text(encoding="utf-8")
    for comment in [line.partition("#")[2] for line in COMMENTED.splitlines() if "#" in line]:
        assert f"#{comment}" in text
    assert "strict = 0.65  # was 0.8" in text
    assert load_settings(path) == changed


def test_the_one_source_of_an_older_file_gets_a_name(tmp_path: Path) -> None:
    path = tmp_path / "facesort.toml"
    found = load(tmp_path, COMMENTED)
    assert found.sources == {"card-1": Path("/photos")}

    save_settings(found, path)

    assert '[sources]\ncard-1 = "/photos"  # the card\n' in path.read_text(encoding="utf-8")
    assert load_settings(path) == found


def test_one_source_of_several_is_changed_alone(tmp_path: Path) -> None:
    path = tmp_path / "facesort.toml"
    text = """\
output = "/sorted"
pack = "buffalo_l"

[sources]
card-1 = "day 1"  # Anna's
"Zoë's phone" = "/phone"  # lent
"""
    found = load(tmp_path, text)
    assert found.sources == {"card-1": tmp_path / "day 1", "Zoë's phone": Path("/phone")}
    left = {name: place for name, place in found.sources.items() if name == "card-1"}
    save_settings(found.model_copy(update={"sources": left | {"card-3": Path("/3")}}), path)
    written = path.read_text(encoding="utf-8")
    assert "# Anna's" in written and "phone" not in written
    assert list(load_settings(path).sources) == ["card-1", "card-3"]


@pytest.mark.parametrize(
    "name",
    ["", "x" * 61, "a/b", "a\\b", "a\tb", "a\nb", "\x7f", "-1", ".hidden", " a", "a ", "\u202ea", "\ud800"],
    ids=ascii,
)  # fmt: skip
def test_a_name_that_no_source_can_have_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match=r"name of a source"):
        Settings(sources={name: Path("/photos")}, output=Path("/sorted"), pack="buffalo_l")


@pytest.mark.parametrize("name", ["x", "x" * 60, "Zoë", "card 2", "day.1", "b-2", "😀", "第一天"])
def test_a_name_is_what_people_call_a_card(name: str) -> None:
    assert Settings(sources={name: Path("/p")}, output=Path("/s"), pack="x").sources == {
        name: Path("/p")
    }


def test_a_workspace_without_a_source_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"sources: .* at least 1"):
        load(tmp_path, 'output = "/s"\npack = "x"\n[sources]\n')


def test_both_forms_at_once_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"source: Extra inputs are not permitted"):
        load(tmp_path, f'{TOML}[sources]\ncard-1 = "/photos"\n')


def test_a_setting_that_is_taken_back_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "facesort.toml"
    found = load(tmp_path, COMMENTED)
    back = found.model_copy(update={"matching": MatchingSettings()})
    save_settings(back, path)
    assert load_settings(path) == back
    assert load_settings(path).matching.strict is None


@needs_mount
def test_settings_that_cannot_be_written_stay_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "facesort.toml"
    with mounted(tmp_path, "size=64k"):
        found = load(tmp_path, TOML)
        (tmp_path / "filler").write_bytes(bytes(shutil.disk_usage(tmp_path).free))
        with pytest.raises(SettingsError, match=r"No space left .*the file is unchanged"):
            save_settings(found.model_copy(update={"pack": "x" * 100_000}), path)
        assert path.read_text(encoding="utf-8") == TOML
        assert {file.name for file in tmp_path.iterdir()} == {"facesort.toml", "filler"}


def test_saving_what_was_loaded_changes_nothing_any_more(tmp_path: Path) -> None:
    path = tmp_path / "facesort.toml"
    save_settings(load(tmp_path, COMMENTED), path)
    once = path.read_bytes()
    save_settings(load_settings(path), path)
    assert path.read_bytes() == once


distances = st.floats(0, 2)
sections: dict[str, st.SearchStrategy[Any]] = {
    "matching": st.builds(
        MatchingSettings,
        strict=st.none() | st.floats(0, 1),
        loose=st.none() | st.floats(1, 2),
        margin=distances,
        learn=st.booleans(),
        learn_quality=st.floats(0, 1),
        max_learned=st.integers(0, 1000),
    ),
    "photos": st.builds(
        PhotoSettings,
        max_megapixels=st.floats(1e-3, 1e6),
        max_file_mb=st.floats(1e-3, 1e6),
        timeout_s=st.floats(1e-3, 1e6),
    ),
    "seed": st.builds(
        SeedSettings,
        min_face_px=st.floats(0, 1e4),
        min_sharpness=st.floats(0, 1e4),
        max_yaw=st.floats(0, 5),
    ),
    "run": st.builds(RunSettings, workers=st.integers(0, 256), unknown_folder=st.booleans()),
}
names = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=30
)
source_names = st.text(
    st.characters(exclude_categories=["C", "Z"], exclude_characters="/\\"), min_size=1, max_size=60
).filter(lambda name: name[0] not in "-.")


@settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    st.lists(
        st.builds(
            Settings,
            sources=st.dictionaries(
                source_names, names.map(Path("/").joinpath), min_size=1, max_size=3
            ),
            output=names.map(Path("/").joinpath),
            pack=names,
            **sections,
        ),
        min_size=1,
        max_size=3,
    )
)
def test_settings_come_back_as_they_were(tmp_path: Path, versions: list[Settings]) -> None:
    path = tmp_path / "facesort.toml"
    for version in versions:  # each over the one before it
        save_settings(version, path)
        assert load_settings(path) == version


@pytest.mark.parametrize(
    "content",
    [
        b"a = " + b"[" * 30_000,
        b"a = " + b"{a=" * 10_000,
        b"[" + b"a." * 15_000 + b"b",
        b"[" + b"a." * 100_000 + b"b]",
        b"a = " + b"9" * 30_000,
        b"#" * (1 << 24),
        TOML.encode("utf-16"),
        b"source = '\xff'",
        b"\0" * 100,
        b"",
    ],
    ids=range(10),
)
def test_any_other_file_is_told_in_a_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "facesort.toml"
    path.write_bytes(content)
    with patience(20), pytest.raises(SettingsError, match=r"facesort\.toml"):
        load_settings(path)
    if content:  # nothing to be kept
        with patience(20), pytest.raises(SettingsError, match=r"facesort\.toml"):
            save_settings(A_SETTING, path)
        assert path.read_bytes() == content


def test_of_thousands_of_mistakes_some_are_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, TOML + "".join(f"x{i} = 1\n" for i in range(2_000)))
    assert len(str(caught.value).splitlines()) == 21


@pytest.mark.parametrize("name", ["timeout_s", "max_megapixels", "max_file_mb", "max_worker_mb"])
def test_limits_have_limits(tmp_path: Path, name: str) -> None:
    """The clock of a waiting process takes no number of any size."""
    with pytest.raises(SettingsError, match=f"photos.{name}"):
        load(tmp_path, TOML + f"[photos]\n{name} = 1e300")
