"""What a planner may add, tables of what it may not, and the bytes that stay as they were
whatever is added."""

import json
from collections.abc import Mapping
from dataclasses import replace
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightlatch.errors import PlanError
from nightlatch.plan import edit, file
from nightlatch.planner import proposal
from nightlatch.planner.proposal import Aim, Proposal
from nightlatch.suite.results import CheckStatus, VerifyResult
from tests.unit.plan.test_flags import documents

SCHEMA = json.loads(files("nightlatch").joinpath("schema", "planner.json").read_text("utf-8"))
PATH = "prd.json"
STORIES = [
    {
        "id": "US-001",
        "title": "One",
        "passes": False,
        "acceptanceCriteria": ["one is one"],
        "verify": "test -f one",
        "owner": "me",
    },
    {"id": "US-002", "title": "Two", "passes": True, "dependsOn": ["US-001"]},
    {"id": "US-003", "title": "Three", "passes": False},
]
DATA = json.dumps({"userStories": STORIES}, indent=2).encode()
PLAN = file.read(DATA, PATH)
Row = dict[str, object]


def row(n: int, **more: object) -> Row:
    return {
        "id": f"US-{n:03}",
        "title": f"Number {n}",
        "acceptanceCriteria": [f"{n} is there"],
        "verify": f"test -f n{n}",
        **more,
    }


def read(*rows: Mapping[str, object], aim: Aim = Aim.SPEC, target: str = "") -> Proposal:
    return proposal.read(json.dumps({"userStories": rows}), PLAN, aim, SCHEMA, target)


def test_new_features_are_taken_also_beside_the_old_ones_as_they_are() -> None:
    assert read(row(4), row(5, dependsOn=["US-004"])).proved == ("US-004", "US-005")
    assert read(*STORIES, row(4)) == read(row(4))
    assert read(*json.loads(file.canonical(PLAN))["userStories"], row(4)) == read(row(4))


BAD = {
    "removed": (
        [row(4), STORIES[0], STORIES[1]],
        "US-003 is in the plan and not in the answer: features are never removed",
    ),
    "reworded": (
        [row(4), {**STORIES[0], "acceptanceCriteria": ["one"]}],
        "US-001 is in the plan already, and its acceptanceCriteria",
    ),
    "retitled": (
        [row(4), {**STORIES[0], "title": "Uno"}],
        "US-001 is in the plan already, and its title would change",
    ),
    "an old one marked done": (
        [row(4), {**STORIES[0], "passes": True}],
        "US-001 is in the plan already, and its passes would change",
    ),
    "another proof for an old one": (
        [row(4), {**STORIES[0], "verify": "test -f x"}],
        "US-001 is in the plan already, and its verify",
    ),
    "an answer for an old one": (
        [row(4), {**STORIES[2], "answer": "yes"}],
        "US-003 is in the plan already, and its answer would change",
    ),
    "a new one marked done": ([row(4, passes=True)], "US-004 is marked done"),
    "done in a word": (
        [row(4, status="done")],
        "US-004: Additional properties are not allowed ('status' was unexpected)",
    ),
    "more rights": (
        [row(4, mayChange=["checks/**"])],
        "US-004: Additional properties are not allowed ('mayChange' was unexpected)",
    ),
    "waiting for nobody": (
        [row(4, skip=True)],
        "US-004: Additional properties are not allowed ('skip' was unexpected)",
    ),
    "no criteria": (
        [row(4, acceptanceCriteria=[])],
        "US-004: acceptanceCriteria [] should be non-empty",
    ),
    "blank criteria": (
        [row(4, acceptanceCriteria=[" "])],
        "US-004: acceptanceCriteria.0 ' ' does not match",
    ),
    "no verify": (
        [{k: v for k, v in row(4).items() if k != "verify"}],
        "US-004: 'verify' is a required property",
    ),
    "a blank verify": ([row(4, verify=" ")], "US-004: verify"),
    "no title": ([row(4, title="")], "US-004: title"),
    "the tests as a whole": (
        [row(4, supersedes=["tests"])],
        "US-004: supersedes.0 'tests' does not match",
    ),
    "tests by a pattern": (
        [row(4, supersedes=["tests/test_*.py"])],
        "US-004: supersedes.0 'tests/test_*.py' does not match",
    ),
    "an id that is no name": ([row(4, id="a b")], "a b: id 'a b' does not match"),
    "an id in other letters": (
        [row(4, id="US-\u0661")],
        "US-\u0661: id 'US-\u0661' does not match",
    ),
    "case": ([row(4, id="us-001")], "us-001 has the same id as US-001"),
    "zeros": ([row(4, id="US-1")], "US-1 has the same id as US-001"),
    "separators": ([row(4, id="US_0001")], "US_0001 has the same id as US-001"),
    "twice": ([row(4), row(4)], "US-004 has the same id as US-004"),
    "a bare number": (
        [row(4, id="7")],
        "7 is a bare number: call it like the others, such as US-007",
    ),
    "nothing new": ([], "it has 0 new features: at least 1, at most 100 at a time"),
    "ten thousand": (
        [row(n) for n in range(4, 10_004)],
        "it has 10000 new features: at least 1, at most 100 at a time",
    ),
    "unknown": ([row(4, dependsOn=["US-9"])], "US-004 depends on US-9, which is not in the plan"),
    "itself": ([row(4, dependsOn=["US-004"])], "these wait for each other: US-004 -> US-004"),
    "a ring": (
        [row(4, dependsOn=["US-005"]), row(5, dependsOn=["US-004"])],
        "these wait for each other: US-00",
    ),
    "red whatever is done": (
        [row(4, verify="exit 1")],
        "US-004: its verify is red whatever is done: exit 1",
    ),
    "in part": (
        [row(4, verify=["test -f a", "false"])],
        "US-004: its verify is red whatever is done: false",
    ),
    "about the plan": (
        [row(4, verify="grep -q '\"passes\": true' ./prd.json")],
        "US-004: its verify looks at prd.json",
    ),
    "about the record": (
        [row(4, verify="grep -q landed progress.txt")],
        "US-004: its verify looks at progress.txt",
    ),
    "one proof for two": (
        [row(4), row(5, verify="test -f n4")],
        "US-005 and US-004 have the same verify",
    ),
    "a proof that is taken": (
        [row(4, verify=["test -f one"])],
        "US-004 and US-001 have the same verify",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_may_not_be_added_is_named(name: str) -> None:
    rows, why = BAD[name]
    found = read(*rows)
    assert any(problem.startswith(why) for problem in found.problems), found.problems
    assert (found.items, found.fields) == ((), {})


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it answered nothing"),
        (" \n", "it answered nothing"),
        ('{"userStories": [}', "plan.json:1:18: "),
        (
            '{"userStories": [\n {"id": "A" "title": "B"}]}',
            "plan.json:2:13: a comma is missing before this",
        ),
        (
            '{"userStories": [{"id": "A", "id": "B"}]}',
            'plan.json:1:30: "id" appears twice',
        ),
        ("[" * 100_000, "plan.json:1:1: it is nested too deeply"),
        ("[]", 'expected {"userStories": [...]}'),
        ('{"tasks": []}', 'expected {"userStories": [...]}'),
        ('{"userStories": [1]}', 'expected {"userStories": [...]}'),
        ('{"userStories": [{"id": 7}]}', 'expected {"userStories": [...]}'),
    ],
)
def test_what_cannot_be_read_says_where(text: str, why: str) -> None:
    assert proposal.read(text, PLAN, Aim.SPEC, SCHEMA).problems[0].startswith(why)


def test_the_json_in_a_message_is_the_last_fenced_block_or_all_between_braces() -> None:
    assert (
        proposal.answer_in('first\n```json\n{"a": 1}\n```\nthen\n```\n{"a": 2}\n```\n')
        == '{"a": 2}\n'
    )
    assert proposal.answer_in('So: {"a": {"b": 1}} that is it') == '{"a": {"b": 1}}'
    assert proposal.answer_in("I am done.") == proposal.answer_in("} {") == ""


def test_a_split_feature_waits_for_its_parts_and_nothing_else_of_it_changes() -> None:
    found = read(row(4), row(5), aim=Aim.REFINE, target="US-002")
    assert found.fields == {"US-002": {"depends": ("US-001", "US-004", "US-005")}}
    assert read(row(4), aim=Aim.REFINE, target="US-002").problems == (
        "it has 1 new features: at least 2, at most 100 at a time",
    )
    ring = read(row(4, dependsOn=["US-002"]), row(5), aim=Aim.REFINE, target="US-002")
    assert ring.problems[0].startswith("these wait for each other: ")


PROOFS: Mapping[str, tuple[Row, str]] = {
    "another title": (
        {"id": "US-003", "verify": "test -f 3", "title": "Drei"},
        "US-003: its title would change",
    ),
    "a proof that is there": (
        {"id": "US-001", "verify": "test -f x"},
        "US-001: its verify would change",
    ),
    "a flag": (
        {"id": "US-003", "verify": "test -f 3", "passes": True},
        "US-003: its passes would change",
    ),
    "criteria": (
        {"id": "US-003", "acceptanceCriteria": ["easy"]},
        "US-003: its acceptanceCriteria would change",
    ),
    "one that is done": (
        {"id": "US-002", "verify": "test -f 2"},
        "US-002 is done: there is nothing left to prove",
    ),
    "a new one": (row(4), "US-004 is not in the plan, and --prove adds no features"),
    "nothing": ({"id": "US-003"}, "it adds something to 0 features"),
    "hopeless": (
        {"id": "US-003", "verify": "false"},
        "US-003: its verify is red whatever is done: false",
    ),
    "a ring": ({"id": "US-001", "dependsOn": ["US-002"]}, "these wait for each other: "),
    "a pattern": (
        {"id": "US-003", "supersedes": ["**"]},
        "US-003: supersedes.0 '**' does not match",
    ),
    "no command": ({"id": "US-003", "verify": [1]}, "US-003: verify"),
}


@pytest.mark.parametrize("name", PROOFS)
def test_proofs_are_only_added_where_they_are_missing(name: str) -> None:
    wrong, why = PROOFS[name]
    assert any(problem.startswith(why) for problem in read(wrong, aim=Aim.PROVE).problems)
    added = read(
        {"id": "US-003", "verify": "test -f 3", "dependsOn": ["US-001"], "passes": False},
        aim=Aim.PROVE,
    )
    assert added.fields == {"US-003": {"verify": ("test -f 3",), "depends": ("US-001",)}}
    assert added.proved == ("US-003",)


def test_only_red_is_a_beginning() -> None:
    feature = PLAN.features[0]
    assert proposal.untrue(feature, VerifyResult(answer=CheckStatus.RED)) == ""
    assert "green at the base" in proposal.untrue(feature, VerifyResult(answer=CheckStatus.GREEN))
    assert "cannot be run: exit code 127" in proposal.untrue(
        feature, VerifyResult(answer=CheckStatus.FAULT, tail="exit code 127")
    )
    module = replace(feature, verify=("python3 -m pytest tests/test_new.py",))
    for name, there in (("pytest", False), ("tests.test_new", True)):
        said = VerifyResult(
            answer=CheckStatus.RED, tail=f"/usr/bin/python3: No module named {name}\nexit code 1"
        )
        assert (proposal.untrue(module, said) == "") is there


RED = (
    "false",
    "/bin/false",
    "exit 1",
    "exit 3; pytest",
    "pytest && false",
    "false && pytest",
    "test 1 = 2",
    "[ a == b ]",
    "! true",
    "! :",
    'bash -c "exit 2"',
    "sh -c 'pytest; exit 1'",
    "set -e; false; true",
    "pytest | false",
    "test",
    "[ ]",
)
OPEN = (
    "pytest -q tests/test_a.py",
    "test -f a",
    'test "$(cat a)" = 1',
    "test $A = 1",
    "grep -q '; false' a",
    "a || exit 1; true",
    "exit 0",
    "if ! true; then pytest; fi",
    "(pytest)",
    "echo 'unclosed",
    "test -f false",
    "python -c 'exit(1)' || pytest",
    "exit $(wc -l < todo)",
)


def test_commands_that_never_succeed_are_told_by_their_words() -> None:
    assert [command for command in RED if not proposal.hopeless(command)] == []
    assert [command for command in OPEN if proposal.hopeless(command)] == []


@given(documents(), st.booleans())
def test_whatever_is_added_every_old_byte_stays(data: bytes, split: bool) -> None:
    old = file.read(data, PATH)
    new = edit.with_features(
        data, PATH, [row(901), row(902, dependsOn=["US-901"])], old.features[0].id if split else ""
    )
    plan = file.read(new, PATH)
    assert list(edit.disturbed(old, plan, {})) == []
    assert {f.id: (f.done, f.depends) for f in plan.features if f.id in ("US-901", "US-902")} == {
        "US-901": (False, ()),
        "US-902": (False, ("US-901",)),
    }
    start = next(n for n in range(len(new)) if new[n : n + 1] != data[n : n + 1])
    assert any(
        data[:at] + new[at : at + len(new) - len(data)] + data[at:] == new
        for at in range(max(start - 40, 0), start + 1)
    )


@given(documents())
def test_a_field_is_added_to_one_feature_and_no_other(data: bytes) -> None:
    old = file.read(data, PATH)
    first, second = old.features[:2]
    added = {first.id: {"verify": ("test -f x",), "depends": (second.id,)}}
    plan = file.read(edit.with_fields(data, PATH, added), PATH)
    now = plan.features[0]
    assert list(edit.disturbed(old, plan, added)) == []
    assert (now.verify, now.depends) == (("test -f x",), (second.id,))
    assert [f.raw for f in plan.features[1:]] == [f.raw for f in old.features[1:]]


def test_new_features_are_spelled_as_the_file_spells_its_own() -> None:
    tasks = (
        b'{"tasks": [\r\n\t{\r\n\t\t"id": 1,\r\n\t\t"name": "a",\r\n\t\t"status":'
        b' "pending",\r\n\t\t"acceptance": []\r\n\t}\r\n]}'
    )
    added = edit.with_features(tasks, PATH, [row(4)])
    one = (
        b'\t{\r\n\t\t"id": "US-004",\r\n\t\t"name": "Number 4",\r\n\t\t"status":'
        b' "pending",\r\n\t\t"acceptance": [\r\n\t\t\t"4 is there"'
    )
    assert one in added
    assert (
        edit.with_features(b'[{"id": "A", "title": "a"}]', PATH, [{"id": "B", "title": "b"}])
        == b'[{"id": "A", "title": "a"}, {"id": "B", "title": "b", "passes": false}]'
    )
    begun = edit.with_features(edit.EMPTY, PATH, [row(4)])
    item = {"id": "US-004", "title": "Number 4", "passes": False, **row(4)}
    assert begun == (json.dumps({"userStories": [item]}, indent=2) + "\n").encode()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda s: s.pop(0), "US-001 would be gone"),
        (lambda s: s[0].update(acceptanceCriteria=["less"]), "the text of US-001 would change"),
        (lambda s: s[1].update(passes=False), "the text of US-002 would change"),
        (lambda s: s[2].update(title="Drei", verify="test -f 3"), "US-003 would read otherwise"),
        (lambda s: s.reverse(), "features would change their order"),
    ],
)
def test_the_last_look_before_writing_sees_every_change(change: object, says: str) -> None:
    stories: list[Row] = [
        dict(story, dependsOn=[]) if story["id"] == "US-002" else dict(story) for story in STORIES
    ]
    old = file.read(json.dumps(stories).encode(), PATH)
    change(stories)  # type: ignore[operator]  # one of the functions above
    assert says in list(
        edit.disturbed(
            old,
            file.read(json.dumps(stories).encode(), PATH),
            {"US-003": {"verify": ("test -f 3",)}},
        )
    )


def test_a_new_priority_would_turn_the_order_of_the_others_round_and_is_no_field_of_an_answer() -> (
    None
):
    assert "'priority' was unexpected" in read(row(4, priority=1)).problems[0]


def test_a_plan_of_ten_thousand_is_added_to() -> None:
    data = json.dumps(
        {"userStories": [row(n, passes=False) for n in range(10_000)]}, indent=2
    ).encode()
    plan = file.read(data, PATH)
    found = proposal.read(
        json.dumps({"userStories": [row(10_001), row(10_002)]}), plan, Aim.REFINE, SCHEMA, "US-5000"
    )
    new = edit.with_fields(
        edit.with_features(data, PATH, found.items, "US-5000"), PATH, found.fields
    )
    assert list(edit.disturbed(plan, file.read(new, PATH), found.fields)) == []


def test_a_broken_plan_is_never_added_to() -> None:
    with pytest.raises(PlanError):
        edit.with_features(b'{"userStories": [', PATH, [row(4)])
