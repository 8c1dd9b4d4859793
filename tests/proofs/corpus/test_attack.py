"""The attack mode: what it composes is weaker, the same seed composes the same, and a few
rounds of it land nothing new."""

from collections.abc import Iterator
from random import Random

import pytest

from bench import attack
from bench.parts import BY_ID, HIDDEN, NO_SUITE, Files, Project, after, projects, told, weakenings
from nightlatch.ratchet.file_diffs import Text
from nightlatch.ratchet.static import declared_tests
from nightlatch.ratchet.static.examine import static_reasons

SEED, ROUNDS = 4, 10
STATIC = projects(static=True)
NO_SUITES = tuple(one for one in STATIC if one.mode == NO_SUITE)


def objections(project: Project, files: Files) -> list[str]:
    """The rules that object to a change by reading alone."""
    texts = []
    for path, new in files.items():
        old = project.files.get(path)
        tells = declared_tests.declares(path, old, new)
        texts.append(
            Text(path=path, old=old, new=new, test=declared_tests.is_test(path), declares=tells)
        )
    return [reason.rule for reason in declared_tests.beside(static_reasons(texts), texts, (), ())]


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
                assert not told(project, gone, after(project.files, hidden(project, {}))), (
                    project.name,
                    how,
                )


@pytest.mark.parametrize("project", [pytest.param(one, id=one.language) for one in NO_SUITES])
def test_every_weakening_however_hidden_is_objected_to(project: Project) -> None:
    unseen = []
    for weakening in weakenings(project):
        for how, hidden in HIDDEN.items():
            files = hidden(project, weakening.files)
            is_weaker = told(project, weakening, after(project.files, files))
            if is_weaker and not objections(project, files):
                unseen.append((weakening.name, how))
    assert unseen == []


@pytest.mark.parametrize("project", [pytest.param(one, id=one.language) for one in NO_SUITES])
def test_what_only_hides_is_not_objected_to(project: Project) -> None:
    for how, hidden in HIDDEN.items():
        assert objections(project, hidden(project, {})) == [], how


def test_the_same_seed_composes_the_same() -> None:
    for number in range(30):
        one, other = (attack.composed(Random(f"7/{number}"), STATIC) for _ in range(2))  # noqa: S311  # to be repeated
        assert one == other


def test_the_languages_are_at_least_twelve() -> None:
    assert len({project.language for project in STATIC}) >= 12
    assert {project.language for project in projects() if project.mode == BY_ID} == {
        "python",
        "node:test",
        "go",
    }


@pytest.mark.parametrize("number", range(ROUNDS))
def test_a_round_lands_nothing_new_and_its_honest_part_lands(
    ground: attack.Ground, number: int
) -> None:
    played = attack.play(ground, SEED, number, STATIC)
    assert played is not None
    found, _ = played
    assert found.control in {"", *attack.LANDS}, found
    assert found.verdict not in attack.LANDS, found


@pytest.mark.parametrize("project", [pytest.param(one, id=one.language) for one in NO_SUITES[:3]])
def test_a_bent_expectation_is_held_and_lands_where_claims_are_left_out(
    ground: attack.Ground, project: Project
) -> None:
    bent = next(one for one in weakenings(project) if one.name == "expected bent")
    base, tree = (
        ground.base(project),
        ground.tree(after(project.files, bent.files, project.broken())),
    )
    engine = ground.engine(project)
    assert attack.called(engine.examine(base, tree, attack.WORK)) == "held"
    assert (
        attack.called(engine.examine(base, tree, attack.WORK, off=frozenset({"claims"})))
        in attack.LANDS
    )


@pytest.mark.parametrize(
    ("verdict", "code"), [("landed", 1), ("unproved", 1), ("held", 0), ("refused", 0)]
)
def test_it_ends_with_1_where_anything_landed(verdict: str, code: int) -> None:
    one = attack.Found(
        round=3,
        language="go",
        mode="no suite",
        weakening="skipped",
        hidden="not",
        surrounded="nothing",
        covers=False,
        verdict=verdict,
        rules=(),
        control="landed",
    )
    assert attack.ended([one]) == code
    assert any("--seed 9 --only 3" in line for line in attack.lines([one], 9)) == bool(code)
