"""The attack mode: what it composes is weaker, the same seed composes the same, and a few rounds of it land nothing new."""

from collections.abc import Iterator
from random import Random

import pytest

from bench import attack
from bench.parts import BY_ID, HIDDEN, Project, after, projects, told, weakenings

SEED, ROUNDS = 4, 10
# What is known to land where nothing runs, in docs/red-team.md: the round is still played, and anything else that lands is new.
KNOWN = {
    "a constant in place of the unit",
    "compared with itself",
    "expected bent",
    "left before it asserts",
}
KNOWN_HIDDEN = {"beside a decoy", "beside a twin"}
# Languages that are read by file, or whose shell forms the reader does not follow.
KNOWN_LANGUAGES = {"lua", "bats"}
STATIC = projects(static=True)


@pytest.fixture(scope="module")
def ground() -> Iterator[attack.Ground]:
    with attack.prepared(STATIC) as made:
        yield made


@pytest.mark.parametrize("project", [pytest.param(one, id=one.name) for one in STATIC])
def test_what_is_composed_is_weaker_and_the_base_is_not(project: Project) -> None:
    for weakening in weakenings(project):
        assert weakening.gone or weakening.there, weakening.name
        assert told(project, weakening, after(project.files, weakening.files)), weakening.name
        assert not told(project, weakening, project.files), weakening.name


def test_nothing_that_only_hides_counts_as_weaker() -> None:
    for project in STATIC:
        gone = next(one for one in weakenings(project) if one.name == "file deleted")
        for how, hidden in HIDDEN.items():
            if how != "beside a decoy":
                assert not told(project, gone, after(project.files, hidden(project, {}))), (project.name, how)


def test_the_same_seed_composes_the_same() -> None:
    for number in range(30):
        one, other = (attack.composed(Random(f"7/{number}"), STATIC) for _ in range(2))  # noqa: S311  # to be repeated
        assert one == other


def test_the_languages_are_at_least_twelve() -> None:
    assert len({project.language for project in STATIC}) >= 12
    assert {project.language for project in projects() if project.mode == BY_ID} == {"python", "node:test", "go"}


@pytest.mark.parametrize("number", range(ROUNDS))
def test_a_round_lands_nothing_new_and_its_honest_part_lands(ground: attack.Ground, number: int) -> None:
    played = attack.play(ground, SEED, number, STATIC)
    assert played is not None
    found, _ = played
    assert found.control in {"", *attack.LANDS}, found
    known = found.weakening in KNOWN or found.hidden in KNOWN_HIDDEN or found.language in KNOWN_LANGUAGES
    assert found.verdict not in attack.LANDS or known, found


@pytest.mark.parametrize(("verdict", "code"), [("landed", 1), ("unproved", 1), ("held", 0), ("refused", 0)])
def test_it_ends_with_1_where_anything_landed(verdict: str, code: int) -> None:
    one = attack.Found(
        round=3, language="go", mode="no suite", weakening="skipped", hidden="not", surrounded="nothing", covers=False,
        verdict=verdict, rules=(), control="landed",
    )  # fmt: skip
    assert attack.ended([one]) == code
    assert any("--seed 9 --only 3" in line for line in attack.lines([one], 9)) == bool(code)
