"""Test declarations as ids: what no run says an id of is protected all the same, in every
language."""

import pytest

from nightlatch.ratchet.file_diffs import Text
from nightlatch.ratchet.static.declared_tests import beside, declares, is_test
from nightlatch.ratchet.static.examine import static_reasons
from tests.unit.ratchet.declared_samples import SAMPLES, Sample

Files = dict[str, str]
EVERY = [pytest.param(sample, id=sample.language) for sample in SAMPLES]
WEAKER = [
    pytest.param(sample, what, id=f"{sample.language}-{what}")
    for sample in SAMPLES
    for what in sample.weaker
]
NEW = "// something else\nconst unrelated = 1;\n"


def change(old: Files, new: Files) -> list[Text]:
    return [
        Text(
            path=path,
            old=old.get(path),
            new=new.get(path),
            test=is_test(path),
            declares=declares(path, old.get(path), new.get(path)),
        )
        for path in sorted(old.keys() | new.keys())
        if old.get(path) != new.get(path)
    ]


def refused(
    old: Files, new: Files, ids: tuple[str, ...] = (), names: tuple[str, ...] = ()
) -> set[str]:
    """The rules that object to a change, where the base's run gave these ids."""
    texts = change(old, new)
    return {
        r.rule.removeprefix("ratchet.")
        for r in beside(static_reasons(texts, names), texts, names, ids)
    }


@pytest.mark.parametrize("sample", EVERY)
def test_a_test_file_that_goes_is_missed(sample: Sample) -> None:
    assert "test-removed" in refused({sample.path: sample.text}, {})
    assert "test-removed" in refused({sample.path: sample.text}, {sample.path: ""})
    assert "test-removed" in refused({sample.path: sample.text}, {sample.away: sample.text})


@pytest.mark.parametrize(("sample", "what"), WEAKER)
def test_a_test_that_is_weakened_is_missed(sample: Sample, what: str) -> None:
    assert refused({sample.path: sample.text}, {sample.path: sample.weakened(what)})


@pytest.mark.parametrize("sample", EVERY)
def test_a_test_file_may_move_as_it_is(sample: Sample) -> None:
    assert refused({sample.path: sample.text}, {sample.moved: sample.there(sample.text)}) == set()


@pytest.mark.parametrize("sample", EVERY)
def test_a_moved_test_file_that_says_less_is_missed(sample: Sample) -> None:
    for what in sample.weaker:
        assert refused(
            {sample.path: sample.text}, {sample.moved: sample.there(sample.weakened(what))}
        ), what


@pytest.mark.parametrize("sample", EVERY)
def test_what_the_base_has_an_id_of_is_left_to_the_ids(sample: Sample) -> None:
    ids = (f"{sample.path}::some test",)
    assert "test-removed" in refused({sample.path: sample.text}, {})
    assert "test-removed" not in refused(
        {sample.path: sample.text}, {}, ids
    ) or sample.path.endswith((".go", ".rs"))


@pytest.mark.parametrize("sample", EVERY)
def test_a_feature_may_name_what_it_supersedes(sample: Sample) -> None:
    assert refused({sample.path: sample.text}, {}, names=(sample.path,)) == set()
