"""Plans as people write them: every shape of the survey, with fixtures of our own, read as what
it says."""

import json
from collections.abc import Callable
from dataclasses import replace
from importlib.resources import files
from typing import Any

import jsonschema
import pytest

from nightlatch.errors import PlanError
from nightlatch.model.models import Feature, Phase, Plan
from nightlatch.plan import file


def read(value: Any) -> Plan:
    return file.read((value if isinstance(value, str) else json.dumps(value)).encode(), "prd.json")


def only(item: dict[str, Any]) -> Feature:
    (feature,) = read({"userStories": [{"title": "Search", **item}]}).features
    return feature


def says(value: Any, words: str) -> str:
    """The one reading that has these words."""
    (found,) = [reading for reading in read(value).readings if words in reading]
    return found


FULL = {
    "project": "Shop",
    "branchName": "night/search",
    "userStories": [
        {
            "id": "US-001",
            "title": "Search ignores accents",
            "description": "As a reader\nI find é by e",
            "acceptanceCriteria": ["é finds e", "E finds é"],
            "steps": ["open", "type"],
            "priority": 2,
            "dependsOn": ["US-002"],
            "verify": ["pytest tests/test_a.py", "pytest tests/test_b.py"],
            "supersedes": ["tests/test_old.py"],
            "mayChange": ["checks/**"],
            "phases": [
                {"name": "plan", "agent": "claude"},
                {"name": "build", "dependsOn": ["plan"], "model": "m", "artifact": "a.md"},
            ],
            "passes": False,
            "hold": True,
            "answer": "reportlab",
            "notes": "later",
            "owner": "Ada",
        },
        {"id": "US-002", "title": "Index", "passes": True, "skip": True},
    ],
}


def test_the_canonical_form_is_read_whole_and_needs_no_judgement() -> None:
    plan = read(FULL)
    first, second = plan.features
    assert plan.branch == "night/search"
    assert plan.readings == ()
    assert replace(first, raw="", key=()) == Feature(
        id="US-001",
        title="Search ignores accents",
        done=False,
        description="As a reader\nI find é by e",
        criteria=("é finds e", "E finds é"),
        steps=("open", "type"),
        priority=2.0,
        depends=("US-002",),
        verify=("pytest tests/test_a.py", "pytest tests/test_b.py"),
        supersedes=("tests/test_old.py",),
        may_change=("checks/**",),
        phases=(
            Phase(name="plan", agent="claude"),
            Phase(name="build", depends=("plan",), model="m", artifact="a.md"),
        ),
        hold=True,
        answer="reportlab",
        notes="later",
        more=(("owner", "Ada"),),
    )
    assert (second.done, second.skip, second.hold) == (True, True, False)


Wrap = Callable[[object], object]
PHASES: dict[str, tuple[object, tuple[Phase, ...]]] = {
    "objects": (
        [{"name": "a"}, {"name": "b", "dependsOn": ["a"]}],
        (Phase(name="a"), Phase(name="b", depends=("a",))),
    ),
    "other names": (
        [{"title": "a"}, {"id": "b", "depends_on": "a, c"}, {"phase": "c"}],
        (Phase(name="a"), Phase(name="b", depends=("a", "c")), Phase(name="c")),
    ),
    "words": (["a", "b"], (Phase(name="a"), Phase(name="b"))),
    "an object of objects": (
        {"a": {"Agent": "codex"}, "b": {"blockedBy": ["a"]}},
        (Phase(name="a", agent="codex"), Phase(name="b", depends=("a",))),
    ),
    "none": ([], ()),
    "null": (None, ()),
}


@pytest.mark.parametrize(("value", "phases"), PHASES.values(), ids=PHASES)
@pytest.mark.parametrize(
    "around", [lambda item: [item], lambda item: {"phases": [{"name": "one", "stories": [item]}]}]
)
def test_phases_of_a_feature_are_read_in_every_spelling(
    value: object, phases: tuple[Phase, ...], around: Wrap
) -> None:
    (feature,) = read(around({"title": "x", "phases": value})).features
    assert feature.phases == phases
    (again,) = read(json.loads(file.canonical(Plan(path="", features=(feature,))))).features
    assert again.phases == phases


def test_a_feature_keeps_its_own_text_byte_for_byte() -> None:
    text = (
        '[\n\t{"id": 1,   "name": "\\u003cb\\u003e é" , "odd": [ 1,2 ]},\r\n {"id":2,"name":"x"}\n]'
    )
    assert [f.raw for f in read(text).features] == [
        '{"id": 1,   "name": "\\u003cb\\u003e é" , "odd": [ 1,2 ]}',
        '{"id":2,"name":"x"}',
    ]


ITEM = {"id": "A", "title": "x", "passes": True}
PLACES = {
    "userStories": ({"userStories": [ITEM]}, ("userStories", 0)),
    "user_stories": ({"user_stories": [ITEM]}, ("user_stories", 0)),
    "bare array": ([ITEM], (0,)),
    "features": ({"features": [ITEM]}, ("features", 0)),
    "stories": ({"stories": [ITEM]}, ("stories", 0)),
    "tasks": ({"current": None, "tasks": [ITEM]}, ("tasks", 0)),
    "items": ({"items": [ITEM]}, ("items", 0)),
    "requirements": ({"requirements": [ITEM]}, ("requirements", 0)),
    "phases": (
        {"phases": [{"name": "one"}, {"name": "two", "stories": [ITEM]}]},
        ("phases", 1, "stories", 0),
    ),
    "task master": (
        {"master": {"tasks": [ITEM], "metadata": {"created": "x"}}},
        ("master", "tasks", 0),
    ),
    "wrapped": ({"prd": {"name": "x", "userStories": [ITEM]}}, ("prd", "userStories", 0)),
    "two tags": (
        {"old": {"tasks": [{"id": "B", "title": "y"}]}, "master": {"tasks": [ITEM]}},
        ("master", "tasks", 0),
    ),
    "phases as words": ({"phases": ["one", "two"], "features": [ITEM]}, ("features", 0)),
    "phases as an object of words": ({"phases": {"1": "one"}, "tasks": [ITEM]}, ("tasks", 0)),
    "gates that list ids": ({"gates": [{"stories": ["A"]}], "stories": [ITEM]}, ("stories", 0)),
    "a list of bugs": (
        {"bugs": [{"id": "B", "title": "y"}], "knownIssues": [{"id": "K"}], "features": [ITEM]},
        ("features", 0),
    ),
    "requirements as prose": ({"requirements": ["fast"], "tasks": [ITEM]}, ("tasks", 0)),
    "requirements as prose beside phases": (
        {"requirements": ["fast"], "phases": [{"tasks": [ITEM]}]},
        ("phases", 0, "tasks", 0),
    ),
    "features inside a feature": (
        {"stories": [{**ITEM, "features": ["f"], "tasks": [{"id": "B", "title": "y"}]}]},
        ("stories", 0),
    ),
}


@pytest.mark.parametrize(("value", "key"), PLACES.values(), ids=PLACES)
def test_the_list_of_features_is_found_wherever_people_keep_it(
    value: Any, key: tuple[str | int, ...]
) -> None:
    (feature,) = read(value).features
    assert (feature.id, feature.key) == ("A", key)


def test_the_lists_of_all_phases_are_one_list_in_their_order() -> None:
    value = {
        "phases": [
            {"stories": [{"id": "B", "title": "y"}]},
            {"stories": []},
            {"stories": [{"id": "A", "title": "x"}]},
        ]
    }
    assert [f.id for f in read(value).features] == ["B", "A"]
    assert (
        says(value, "one list")
        == "phases[0].stories, phases[1].stories, phases[2].stories are read as one list, in this"
        " order"
    )


def test_a_second_list_is_named_as_unread() -> None:
    assert (
        says({"tasks": [{"id": "B", "title": "y"}], "stories": [ITEM]}, "not read")
        == "tasks beside stories is not read"
    )


EMPTY = [
    [],
    {"userStories": []},
    {"phases": [], "bugs": []},
    {"phases": [{"stories": []}]},
    {"master": {"tasks": []}},
]


@pytest.mark.parametrize("empty", EMPTY)
def test_an_empty_template_is_a_plan_without_features(empty: Any) -> None:
    assert read(empty).features == ()


@pytest.mark.parametrize(
    ("item", "done"),
    [
        *(
            ({name: value}, value)
            for name in ("passes", "passed", "tested", "complete", "completed", "done")
            for value in (True, False)
        ),
        *(
            ({"status": word}, True)
            for word in ("done", "completed", "passing", "pass", "Done", "COMPLETED")
        ),
        *(
            ({"status": word}, False)
            for word in (
                "pending",
                "open",
                "not_started",
                "not-started",
                "failing",
                "in_progress",
                "",
                None,
            )
        ),
        ({"status": "nearly"}, False),
        ({"state": "completed"}, True),
        ({"passes": False, "status": "done"}, False),
        ({"passes": True, "status": "in_progress", "in_progress": True}, True),
        ({}, False),
    ],
)
def test_done_is_read_from_the_field_that_the_file_has(item: dict[str, Any], done: bool) -> None:
    assert only(item).done is done


def test_unknown_words_are_not_done_and_that_is_said() -> None:
    value = [
        {"id": "A", "title": "x", "status": "nearly"},
        {"id": "B", "title": "y", "status": "done"},
    ]
    assert says(value, "not done") == "the words nearly are read as not done"


def test_several_state_fields_are_said_and_a_contradiction_too() -> None:
    value = [
        {"id": "A", "title": "x", "passes": False, "status": "done"},
        {"id": "B", "title": "y", "passes": False, "status": "pending"},
    ]
    assert says(value, "all tell").startswith(
        "passes, status all tell the state: the first that a feature has is read and written"
    )
    assert says(value, "disagree") == "A: passes and status disagree, passes counts"


@pytest.mark.parametrize(
    "item",
    [
        *({name: True} for name in ("skip", "skipped", "deprecated", "deferred", "cancelled")),
        {"skip": "too dear"},
        {"deferred_reason": "next year"},
        {"status": "deferred"},
        {"status": "cancelled"},
        {"status": "failing", "deprecated": True},
    ],
)
def test_what_is_deferred_or_dead_is_skipped(item: dict[str, Any]) -> None:
    assert only(item).skip


@pytest.mark.parametrize(
    "item",
    [
        {"skip": False},
        {"skip": None},
        {"skip": "no"},
        {"deferredReason": ""},
        {"status": "failing"},
    ],
)
def test_what_is_only_open_is_not_skipped(item: dict[str, Any]) -> None:
    assert not only(item).skip


@pytest.mark.parametrize(
    "name",
    [
        "acceptanceCriteria",
        "acceptance",
        "acceptance_criteria",
        "stepsToVerify",
        "verification_steps",
    ],
)
def test_criteria_are_read_under_every_name(name: str) -> None:
    assert only({name: ["a", "b"]}).criteria == ("a", "b")


def test_steps_may_be_text_and_objects_in_one_file() -> None:
    assert only({"steps": ["a", {"text": "b", "completed": True}, {"odd": 1}]}).steps == (
        "a",
        "b",
        '{"odd": 1}',
    )


def test_a_name_or_a_description_stands_in_for_the_title() -> None:
    assert [
        f.title
        for f in read([{"name": "N", "description": "D"}, {"description": "Two\n lines"}]).features
    ] == ["N", "Two lines"]


@pytest.mark.parametrize("name", ["dependencies", "depends_on", "dependsOn"])
@pytest.mark.parametrize("value", [[1, 2], ["1", "2"], "1, 2", [{"id": 1}, 2, None]])
def test_dependencies_are_ids_as_text_or_numbers(name: str, value: Any) -> None:
    plan = read(
        [
            {"id": 1, "title": "a"},
            {"id": 2, "title": "b"},
            {"id": "US-3", "title": "c", name: value},
        ]
    )
    assert [f.id for f in plan.features] == ["1", "2", "US-3"]
    assert plan.features[2].depends == ("1", "2")


def test_a_made_id_stays_when_features_move_or_change_state() -> None:
    a, b = (
        {"category": "ui", "description": "Dark mode", "passes": False},
        {"category": "api", "description": "Dark mode", "passes": False},
    )
    before, after = read([a, b]), read([b, {**a, "passes": True, "steps": ["look"]}])
    assert [f.id for f in before.features] == [f.id for f in reversed(after.features)]
    assert len({f.id for f in before.features}) == 2
    assert "named by a hash" in says([a, b], "without an id")


def test_twins_without_ids_get_ids_of_their_own() -> None:
    first, second, third = (
        f.id
        for f in read([{"description": "x"}, {"description": "x"}, {"description": "x"}]).features
    )
    assert (second, third) == (f"{first}-2", f"{first}-3")


@pytest.mark.parametrize(
    ("values", "order"),
    [
        ([3, 1, 2], [1, 2, 0]),
        ([1.1, 3.1, 0], [2, 0, 1]),
        (["low", "high", "medium", "critical"], [3, 1, 2, 0]),
        (["P2", "P0", "P1"], [1, 2, 0]),
        ([None, 2, 1], [2, 1, 0]),
        (["soon", 2, 1], [2, 1, 0]),
        (["2", "1"], [1, 0]),
        ([100, 90, 80], [0, 1, 2]),
        ([100, 100, 90], [0, 1, 2]),
        (["high", 100, 90], [0, 2, 1]),
        ([3, 2, 1], [2, 1, 0]),
        ([10, 20, 30], [0, 1, 2]),
    ],
)
def test_priorities_order_features_as_the_file_means_them(
    values: list[Any], order: list[int]
) -> None:
    features = read(
        [{"id": str(n), "title": "x", "priority": value} for n, value in enumerate(values)]
    ).features
    chosen = sorted(features, key=lambda f: (f.priority is None, f.priority or 0.0))
    assert [int(f.id) for f in chosen] == order


@pytest.mark.parametrize(
    ("values", "reading"),
    [
        ([100, 90, 80], "priorities fall down the file from 100 to 80: the larger goes first"),
        ([3, 2, 1], "priorities fall down the file: the lower number still goes first"),
        (
            ["high", "low"],
            (
                "priority in words, by the first known word: critical (P0), high (P1), medium (P2),"
                " low (P3), in this order"
            ),
        ),
        ([2, None], "1 without a priority that is a number or a known word: after the others"),
    ],
)
def test_the_rule_of_order_is_said_where_it_needs_judgement(
    values: list[Any], reading: str
) -> None:
    items = [
        {"id": str(n), "title": "x", "passes": False, "priority": value}
        for n, value in enumerate(values)
    ]
    assert read(items).readings == (reading,)


@pytest.mark.parametrize("values", [[1, 2, 3], [1, 1, 2], [2, 2]])
def test_a_plain_order_needs_no_word(values: list[int]) -> None:
    assert (
        read(
            [
                {"id": str(n), "title": "x", "passes": False, "priority": value}
                for n, value in enumerate(values)
            ]
        ).readings
        == ()
    )


@pytest.mark.parametrize(
    "gates",
    [
        {"verifyCommand": "make test"},
        {"verifyCommands": ["make test"]},
        {"qualityGates": {"tests": {"command": "make test", "required": True}}},
        {"qualityCheck": "make test"},
        {"verify": "make test"},
        {"rules": {"must_pass_before_complete": ["make test"]}},
        {"testConfiguration": {"typecheckCommand": "make test"}},
    ],
)
def test_commands_of_the_whole_plan_are_checks_and_never_prove_a_feature(
    gates: dict[str, Any],
) -> None:
    value = {**gates, "userStories": [{"id": "A", "title": "x", "passes": False}]}
    plan = read(value)
    assert plan.gates == ("make test",)
    assert plan.features[0].verify == ()
    assert "never what proves one feature" in says(value, "whole plan")


COMMANDISH = [
    "verificationCommand",
    "verification",
    "validation",
    "testSteps",
    "suggested_tests",
    "testCases",
    "tests",
    "layers",
]


@pytest.mark.parametrize("name", COMMANDISH)
def test_only_verify_is_ever_a_command(name: str) -> None:
    value = [{"id": "A", "title": "x", "passes": False, name: ["rm -rf build"]}]
    assert read(value).features[0].verify == ()
    assert (
        says(value, name)
        == f"{name} of 1 feature is never run; a command that proves one goes into verify"
    )


def test_a_wrapped_plan_names_its_branch_too() -> None:
    assert read({"prd": {"branchName": "night", "userStories": []}}).branch == "night"


@pytest.mark.parametrize(
    ("value", "branch"),
    [({"branch": "b", "tasks": []}, "b"), ({"branchName": None, "tasks": []}, ""), ([], "")],
)
def test_the_branch_is_the_one_that_the_file_names(value: Any, branch: str) -> None:
    assert read(value).branch == branch


MESSY = {
    "prd": {
        "qualityGates": ["make test"],
        "branch": "b",
        "stories": [
            {
                "id": 7,
                "name": "N",
                "status": "completed",
                "acceptance": ["a"],
                "dependencies": [8],
                "priority": "P1",
                "tests": ["t"],
            },
            {
                "id": 8,
                "description": "D",
                "status": "todo",
                "deferred": True,
                "steps": [{"text": "s"}],
                "notes": "n",
                "owner": "Ada",
            },
        ],
    }
}


@pytest.mark.parametrize("value", [FULL, MESSY, []], ids=["full", "messy", "empty"])
def test_the_canonical_text_is_the_same_plan_and_valid_by_the_schema(value: Any) -> None:
    plan = read(value)
    text = file.canonical(plan)
    again = file.read(text.encode(), "prd.json")
    assert [replace(f, raw="", key=()) for f in again.features] == [
        replace(f, raw="", key=()) for f in plan.features
    ]
    assert (again.branch, again.gates) == (plan.branch, plan.gates)
    assert file.canonical(again) == text
    validate(json.loads(text))


def test_fields_without_a_canonical_home_stay_in_their_feature() -> None:
    first, second = json.loads(file.canonical(read(MESSY)))["userStories"]
    assert (first["tests"], second["owner"], "status" in first) == (["t"], "Ada", False)


def validate(value: Any) -> None:
    jsonschema.validate(value, schema(), jsonschema.Draft202012Validator)


def schema() -> Any:
    return json.loads(
        files("nightlatch").joinpath("schema", "prd.json").read_text(encoding="utf-8")
    )


def test_the_schema_is_draft_2020_12_and_takes_unknown_fields() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    validate(FULL)


WRONG = [
    {"passes": "yes"},
    {"id": ""},
    {"id": 7},
    {"dependsOn": "B"},
    {"verify": 1},
    {"phases": [{}]},
    {"priority": "high"},
    {"title": 1},
]


@pytest.mark.parametrize("wrong", WRONG)
def test_the_schema_refuses_what_is_not_canonical(wrong: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        validate({"userStories": [{"id": "A", "title": "x", "passes": False, **wrong}]})


def test_ten_thousand_features_are_one_plan() -> None:
    items = [
        {
            "id": f"US-{n}",
            "title": "x",
            "passes": False,
            "dependsOn": [f"US-{n + 1}"] if n < 9_999 else [],
        }
        for n in range(10_000)
    ]
    assert len(read(items).features) == 10_000
    items[-1]["dependsOn"] = ["US-0"]
    with pytest.raises(PlanError, match="wait for each other"):
        read(items)
