"""The one thing the loop writes into a plan: a flip changes one value, and every other byte
stays as the person wrote it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightlatch.errors import PlanError
from nightlatch.plan import file

PATH = "prd.json"
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
words = st.from_regex(r"[a-z]{1,8}", fullmatch=True).map(lambda word: f"x_{word}")
leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
)
json_values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
extras = st.dictionaries(words, json_values, max_size=3)
flags = st.sampled_from(["passes", "passed", "tested", "complete", "completed", "done"]).map(
    lambda name: (name, True, False)
)
done_words, fresh_words = (
    st.sampled_from(["done", "Completed", "passing"]),
    st.sampled_from(["pending", "not_started", "failing"]),
)
statuses = st.tuples(st.sampled_from(["status", "state"]), done_words, fresh_words)
shapes = st.sampled_from(
    [
        "userStories",
        "stories",
        "features",
        "tasks",
        "items",
        "requirements",
        "array",
        "phases",
        "master",
    ]
)


@st.composite
def documents(draw: st.DrawFn) -> bytes:
    """A plan in any dialect and any layout, with features in both states."""
    name, yes, no = draw(flags | statuses)
    ids = draw(st.sampled_from(["text", "number", "none"]))
    items = []
    for n, value in enumerate(
        [yes, no, yes, no, *draw(st.lists(st.sampled_from([yes, no]), max_size=4))]
    ):
        called = {
            "text": ("id", f"US-{n:03}"),
            "number": ("id", n),
            "none": ("description", f"{draw(texts)} {n}"),
        }[ids]
        members = [called, *draw(extras).items(), (name, value), ("title", f"{draw(texts)}!")]
        items.append(dict(draw(st.permutations(members))))
    return laid_out(draw, shaped(draw(shapes), items, draw(extras)))


def shaped(shape: str, items: list[dict[str, Any]], extra: dict[str, Any]) -> Any:
    match shape:
        case "array":
            return items
        case "phases":
            return {
                **extra,
                "phases": [{"name": "a", "stories": items[:1]}, {"stories": items[1:]}],
            }
        case "master":
            return {"master": {**extra, "tasks": items}}
    return {**extra, shape: items}


def laid_out(draw: st.DrawFn, value: Any) -> bytes:
    separators = draw(st.sampled_from([(",", ":"), (", ", ": "), (" ,", " : ")]))
    indent = draw(st.sampled_from([None, 0, 2, 4, "\t"]))
    text = json.dumps(value, indent=indent, separators=separators, ensure_ascii=draw(st.booleans()))
    text = (
        draw(st.sampled_from(["", "\ufeff"]))
        + draw(st.sampled_from(["", "\n"]))
        + text
        + draw(st.sampled_from(["", "\n", "\n\n"]))
    )
    return text.replace("\n", draw(st.sampled_from(["\n", "\r\n"]))).encode()


def values(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every leaf with its place, and names in their order."""
    if isinstance(value, dict):
        yield (*at, "names"), tuple(value)
        for name, inner in value.items():
            yield from values(inner, (*at, name))
    elif isinstance(value, list):
        for n, inner in enumerate(value):
            yield from values(inner, (*at, n))
    else:
        yield at, value


def parsed(data: bytes) -> dict[tuple[Any, ...], Any]:
    return dict(values(json.loads(data.decode("utf-8-sig"))))


@given(documents(), st.data())
def test_a_flip_changes_exactly_one_value_and_flipping_back_restores_every_byte(
    data: bytes, draws: st.DataObject
) -> None:
    feature = draws.draw(st.sampled_from(file.read(data, PATH).features))
    flipped = file.set_done(data, PATH, feature.id, not feature.done)
    before, after = parsed(data), parsed(flipped)
    assert before.keys() == after.keys()
    assert [place[:-1] for place in before if repr(before[place]) != repr(after[place])] == [
        feature.key
    ]
    assert [f.id for f in file.read(flipped, PATH).features if f.done] == [
        f.id for f in file.read(data, PATH).features if f.done != (f.id == feature.id)
    ]
    assert file.set_done(flipped, PATH, feature.id, feature.done) == data


@given(documents(), st.data())
def test_the_bytes_around_the_flag_stay(data: bytes, draws: st.DataObject) -> None:
    feature = draws.draw(st.sampled_from(file.read(data, PATH).features))
    flipped = file.set_done(data, PATH, feature.id, not feature.done)
    same = next(n for n in range(len(data)) if data[n] != flipped[n])
    tail = next(n for n in range(1, len(data)) if data[-n] != flipped[-n])
    assert len(data) - same - tail < len('"not_started"')


@given(documents())
def test_a_flag_that_already_says_it_is_left_alone(data: bytes) -> None:
    for feature in file.read(data, PATH).features:
        assert file.set_done(data, PATH, feature.id, feature.done) == data


@given(documents(), st.data())
def test_every_text_of_a_feature_is_its_own_json(data: bytes, draws: st.DataObject) -> None:
    feature = draws.draw(st.sampled_from(file.read(data, PATH).features))
    assert feature.raw in data.decode()
    value: Any = json.loads(data.decode("utf-8-sig"))
    for step in feature.key:
        value = value[step]
    assert json.loads(feature.raw) == value


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('[{"title": "x"}]', '[{"title": "x", "passes": true}]'),
        ('[{"title":"x"}]', '[{"title":"x","passes":true}]'),
        ('[{"title":"x","n":1}]', '[{"title":"x","n":1,"passes":true}]'),
        (
            '[\r\n\t{\r\n\t\t"title": "x"\r\n\t}\r\n]',
            '[\r\n\t{\r\n\t\t"title": "x",\r\n\t\t"passes": true\r\n\t}\r\n]',
        ),
        (
            '[{\n  "title" : "x",\n  "n" : [\n    1\n  ]\n}]',
            '[{\n  "title" : "x",\n  "n" : [\n    1\n  ],\n  "passes" : true\n}]',
        ),
        (
            '[{"title": "x"}, {"title": "y", "tested": false}]',
            '[{"title": "x", "tested": true}, {"title": "y", "tested": false}]',
        ),
        (
            '[{"title": "x"}, {"title": "y", "status": "todo"}]',
            '[{"title": "x", "status": "done"}, {"title": "y", "status": "todo"}]',
        ),
    ],
)
def test_a_missing_flag_is_added_in_the_style_of_the_file(before: str, after: str) -> None:
    feature, *_ = file.read(before.encode(), PATH).features
    assert file.set_done(before.encode(), PATH, feature.id, True).decode() == after
    assert file.set_done(before.encode(), PATH, feature.id, False).decode() == before


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('"status": "in_progress"', '"status": "done"'),
        ('"status": null', '"status": "done"'),
        ('"status": "failing"', '"status": "passing"'),
        (
            '"passes": false, "status": "pending", "in_progress": true',
            '"passes": true, "status": "pending", "in_progress": true',
        ),
        (
            '"state": "not_started", "status": "not-started"',
            '"state": "not_started", "status": "done"',
        ),
        ('"tested": false, "passes": false', '"tested": false, "passes": true'),
        (
            '"passes" :\tfalse , "owner": "\\u003cAda\\u003e"',
            '"passes" :\ttrue , "owner": "\\u003cAda\\u003e"',
        ),
    ],
)
def test_only_the_first_of_several_state_fields_is_written(before: str, after: str) -> None:
    text = '[{{"id": 1, "title": "x", {}}}]'
    assert file.set_done(text.format(before).encode(), PATH, "1", True).decode() == text.format(
        after
    )


def test_the_word_for_done_is_the_one_that_the_file_uses() -> None:
    text = (
        '[{"id": 1, "title": "x", "status": "todo"}, {"id": 2, "title": "y", "status":'
        ' "Completed"}]'
    )
    assert '"status": "Completed"}, {' in file.set_done(text.encode(), PATH, "1", True).decode()
    assert '"status": "todo"}]' in file.set_done(text.encode(), PATH, "2", False).decode()


def test_a_flag_of_a_feature_that_is_not_there_is_refused() -> None:
    with pytest.raises(PlanError) as caught:
        file.set_done(b'[{"id": 1, "title": "x"}]', PATH, "2", True)
    assert (caught.value.problem, caught.value.place) == ("feature 2 not found", PATH)
    assert caught.value.fix == "take an id from: nightlatch status"


def plan(*features: tuple[str, bool], title: str = "t", more: str = "") -> bytes:
    items = [{"id": name, "title": title, "passes": done} for name, done in features]
    return (json.dumps({"userStories": items}, indent=1) + more).encode()


def test_a_landing_between_reading_and_saving_keeps_its_flag_in_the_persons_edit() -> None:
    ancestor, tip = plan(("A", False), ("B", False)), plan(("A", True), ("B", False))
    mine = plan(("B", False), ("A", False), ("C", False), more="\n\n")
    assert file.carry_flags(ancestor, tip, mine, PATH) == plan(
        ("B", False), ("A", True), ("C", False), more="\n\n"
    )


def test_several_landings_are_carried_at_once() -> None:
    ancestor, tip = (
        plan(("A", False), ("B", True), ("C", False)),
        plan(("A", True), ("B", False), ("C", True)),
    )
    assert file.carry_flags(ancestor, tip, ancestor + b"\n", PATH) == tip + b"\n"


def test_a_flag_that_the_person_changed_is_theirs() -> None:
    ancestor, tip, mine = (
        plan(("A", True), ("B", False)),
        plan(("A", True), ("B", True)),
        plan(("A", False), ("B", True)),
    )
    assert file.carry_flags(ancestor, tip, mine, PATH) == mine


def test_a_feature_that_the_person_edited_is_not_done_by_what_landed_before() -> None:
    ancestor, tip, mine = (
        plan(("A", False)),
        plan(("A", True)),
        plan(("A", False), title="stricter"),
    )
    assert file.carry_flags(ancestor, tip, mine, PATH) == mine


def test_a_revert_is_carried_too() -> None:
    ancestor, tip, mine = plan(("A", True)), plan(("A", False)), plan(("A", True), ("B", False))
    assert file.carry_flags(ancestor, tip, mine, PATH) == plan(("A", False), ("B", False))


@pytest.mark.parametrize("broken", [b"{", b"", b'[{"id": 1}]'])
def test_the_repair_of_a_plan_that_was_committed_broken_goes_through(broken: bytes) -> None:
    mine = plan(("A", False))
    assert file.carry_flags(broken, broken, mine, PATH) == mine
    assert file.carry_flags(mine, broken, mine, PATH) == mine


@given(documents(), st.data())
def test_carrying_flags_onto_what_nobody_edited_gives_the_tip(
    ancestor: bytes, draws: st.DataObject
) -> None:
    feature = draws.draw(st.sampled_from(file.read(ancestor, PATH).features))
    tip = file.set_done(ancestor, PATH, feature.id, not feature.done)
    assert file.carry_flags(ancestor, tip, ancestor, PATH) == tip


A, B, C = ({"id": name, "title": "t", "passes": name == "A"} for name in "ABC")


@pytest.mark.parametrize(
    ("old", "new", "subject"),
    [
        (None, [A], "plan: 1 feature"),
        (None, [A, B], "plan: 2 features"),
        ([A], [A, B, C], "plan: +2 features"),
        ([A, B], [B], "plan: -1 feature"),
        ([A, B], [A, {**B, "title": "u"}], "plan: B edited"),
        ([A, B], [A, {**B, "owner": "Ada"}], "plan: B edited"),
        ([A, B, C], [{**A, "passes": False}, B], "plan: -1 feature, A reopened"),
        ([A, B], [A, {**B, "passes": True}], "plan: B done"),
        ([A, B], [{**A, "title": "u", "passes": False}, B], "plan: A edited"),
        (
            [A, B, C],
            [{**A, "passes": False}, {**B, "title": "u"}, {**C, "title": "u"}],
            "plan: A reopened, B, C edited",
        ),
        ([A, B], [B, A], "plan: other order"),
        ([A, B], [A, B], "plan: edited"),
    ],
)
def test_the_subject_of_the_commit_says_what_the_person_changed(
    old: list[Any] | None, new: list[Any], subject: str
) -> None:
    before = None if old is None else file.read(json.dumps(old).encode(), PATH)
    assert file.describe(before, file.read(json.dumps(new).encode(), PATH)) == subject


def test_a_long_list_of_edits_stays_one_short_line() -> None:
    old, new = (
        file.read(plan(*((str(n), False) for n in range(9)), title=title), PATH) for title in "ab"
    )
    assert file.describe(old, new) == "plan: 0, 1, 2 and 6 more edited"
