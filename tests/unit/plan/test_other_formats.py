"""Plans of other tools, and plans that are no JSON: read as what their person means, told
whole, and ticked in place."""

import json
from typing import Any

import pytest

from nightlatch.errors import PlanError
from nightlatch.model.models import Feature, Plan
from nightlatch.plan import edit, file
from nightlatch.prompt import brief
from nightlatch.record.findings import retrieval

BOXES = """# Shop

Some words - [ ] that are no box.

## 1. Setup
- [x] 1.1 Create the layout
  - [ ] 1.1.1 A folder for `src`
    verify: `test -d src`
- [ ] 1.2 Lint [P]
  - _Requirements: 2.1_
  - [ ]* 1.2.1 Perhaps a hook

```
- [ ] no box, but code
```
<!--
- [ ] no box either
-->
## Later
* [X] Login page
1. [ ] Add the basket
   depends on: 1.2
"""
STORIES = """# PRD

### US-001: Search ignores accents
As a reader I find more.

**Acceptance criteria**
- [x] e finds \u00e9
- [x] it is fast

### US-002: Index
- [x] built
- [ ] stored

## Out of scope
Nothing.
"""
YAML = """version: "1.0"
tasks:
  # the first
  - id: a-1
    title: "Validate: input"   # said
    priority: high
    passes: no
    acceptance_criteria: ["400 for missing fields"]
    context_files:
      - src/index.js
  - {id: a-2, title: Flow, dependsOn: [a-1]}
  - id: a-3
    title: Block
"""
STATUS = (
    "development_status:\n  epic-1: done\n  1-1-scaffold: done\n  1-2-login: ready-for-dev  #"
    " next\n  epic-1-retrospective: optional\n"
)
LINES = (
    '{"id": "bd-1", "title": "One", "status": "closed"}\n\n{"id": "bd-2", "title": "Two", "status":'
    ' "open", "issue_type": "task"}\n'
)


def read(text: str | object, path: str = "prd.json") -> Plan:
    return file.read((text if isinstance(text, str) else json.dumps(text)).encode(), path)


def by_id(plan: Plan) -> dict[str, Feature]:
    return {feature.id: feature for feature in plan.features}


def flipped(text: str, path: str, feature: str) -> tuple[str, str]:
    """The lines that setting a flag takes out and puts in, and what taking it back gives must
    be the file as it was."""
    new = file.set_done(text.encode(), path, feature, True).decode()
    assert by_id(read(new, path))[feature].done
    before, after = text.splitlines(), new.splitlines()
    gone, came = (
        [line for line in before if line not in after],
        [line for line in after if line not in before],
    )
    return "\n".join(gone), "\n".join(came)


def test_boxes_are_features_and_what_stands_below_belongs_to_them() -> None:
    plan = read(BOXES, "PRD.md")
    known = by_id(plan)
    assert [(f.title, f.done) for f in plan.features] == [
        ("Create the layout", True),
        ("A folder for `src`", False),
        ("Lint [P]", False),
        ("Perhaps a hook", False),
        ("Login page", True),
        ("Add the basket", False),
    ]
    assert [f.id for f in plan.features[:4]] == ["1.1", "1.1.1", "1.2", "1.2.1"]
    assert known["1.1.1"].verify == ("test -d src",)
    assert known["1.1"].depends == ("1.1.1",)
    assert known["1.2"].description == "- _Requirements: 2.1_"
    assert (known["1.2.1"].skip, plan.features[-1].depends) == (True, ("1.2",))
    assert ("partOf", "1.1 Create the layout") in known["1.1.1"].more
    assert any("the 6 boxes are the features" in reading for reading in plan.readings)


def test_a_box_is_ticked_in_place_and_unticked() -> None:
    assert flipped(BOXES, "PRD.md", "1.2") == ("- [ ] 1.2 Lint [P]", "- [x] 1.2 Lint [P]")
    ticked = file.set_done(BOXES.encode(), "TODO.md", "1.1.1", True)
    assert file.set_done(ticked, "TODO.md", "1.1.1", False).decode() == BOXES
    crlf = BOXES.replace("\n", "\r\n")
    assert flipped(crlf, "PRD.md", "1.2") == ("- [ ] 1.2 Lint [P]", "- [x] 1.2 Lint [P]")


def test_headings_with_an_id_are_features_where_all_boxes_stand_under_them() -> None:
    plan = read(STORIES, "PRD.md")
    assert [(f.id, f.title, f.done, f.criteria) for f in plan.features] == [
        ("US-001", "Search ignores accents", True, ("e finds \u00e9", "it is fast")),
        ("US-002", "Index", False, ("built", "stored")),
    ]
    assert plan.features[0].description.startswith("As a reader I find more.")
    assert flipped(STORIES, "PRD.md", "US-002") == ("- [ ] stored", "- [x] stored")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("# Only words\n", "no boxes to tick"),
        ("---\nid: 1\nstatus: To Do\n---\nLogin\n", "one task of a tracker"),
    ],
)
def test_markdown_that_is_no_plan_is_refused_with_what_to_do(text: str, words: str) -> None:
    with pytest.raises(PlanError) as caught:
        read(text, "docs/PRD.md")
    assert words in caught.value.problem
    assert "nightlatch plan docs/PRD.md" in str(caught.value.fix)


@pytest.mark.parametrize(
    ("text", "what"),
    [("# Shop\n- [ ] a\n", "Markdown"), ("- [ ] a\n", "Markdown"), ("tasks:\n  - id: 1\n", "YAML")],
)
def test_a_file_that_is_called_json_and_is_none_is_named_for_what_it_is(
    text: str, what: str
) -> None:
    with pytest.raises(PlanError) as caught:
        read(text)
    assert f"this is {what}, and its name says JSON" in caught.value.problem


def test_ids_that_repeat_in_boxes_give_way_to_digests() -> None:
    plan = read("## A\n- [ ] T01 one\n## B\n- [ ] T01 one\n- [ ] T01 one\n", "tasks.md")
    assert len({feature.id for feature in plan.features}) == 3


def test_yaml_is_read_and_one_value_of_it_is_changed() -> None:
    plan = read(YAML, "prd.yaml")
    first = plan.features[0]
    assert (first.title, first.priority, first.criteria, first.done) == (
        "Validate: input",
        1.0,
        ("400 for missing fields",),
        False,
    )
    assert ("context_files", "- src/index.js") in first.more
    assert by_id(plan)["a-2"].depends == ("a-1",)
    assert flipped(YAML, "prd.yaml", "a-1") == ("    passes: no", "    passes: true")
    assert flipped(YAML, "prd.yaml", "a-2") == (
        "  - {id: a-2, title: Flow, dependsOn: [a-1]}",
        "  - {passes: true, id: a-2, title: Flow, dependsOn: [a-1]}",
    )
    assert flipped(YAML, "prd.yaml", "a-3") == ("  - id: a-3", "  - passes: true\n    id: a-3")


def test_a_mapping_from_stories_to_states_is_a_plan() -> None:
    plan = read(STATUS, "sprint-status.yaml")
    assert [(f.id, f.done) for f in plan.features] == [("1-1-scaffold", True), ("1-2-login", False)]
    assert flipped(STATUS, "sprint-status.yaml", "1-2-login") == (
        "  1-2-login: ready-for-dev  # next",
        "  1-2-login: done  # next",
    )


@pytest.mark.parametrize(
    "text",
    [
        "a: [",
        "a: 1\n---\nb: 2\n",
        "",
        "? [x]\n: y\n",
        "a: 1\na: 2\n",
        "a: !!python/object:os.system 1\n",
    ],
)
def test_yaml_that_is_no_plan_is_an_error_with_a_place(text: str) -> None:
    with pytest.raises(PlanError) as caught:
        read(text, "prd.yaml")
    assert str(caught.value.place).startswith("prd.yaml:")


def test_lines_of_json_are_features() -> None:
    assert [(f.id, f.done) for f in read(LINES, ".beads/issues.jsonl").features] == [
        ("bd-1", True),
        ("bd-2", False),
    ]
    gone, came = flipped(LINES, ".beads/issues.jsonl", "bd-2")
    assert json.loads(came) == json.loads(gone) | {"status": "closed"}
    with pytest.raises(PlanError) as caught:
        read('{"id": 1, "title": "x"}\n{"id": }\n', "x.jsonl")
    assert str(caught.value.place) == "x.jsonl:2:8"


def test_only_flags_are_written_into_a_plan_that_is_no_json() -> None:
    with pytest.raises(PlanError) as caught:
        edit.with_features(BOXES.encode(), "PRD.md", [{"id": "x", "title": "y"}])
    assert caught.value.problem == "only in a plan in JSON can features be written"


@pytest.mark.parametrize(
    ("item", "done", "written"),
    [
        ({"passes": "yes"}, True, None),
        ({"passes": None}, False, True),
        ({"passes": 0}, False, True),
        ({"passes": "False"}, False, True),
        ({"status": "\u2705 done"}, True, None),
        ({"status": "\u2705"}, True, None),
        ({"status": "Verified"}, True, None),
        ({"status": {"state": "todo", "attempts": 1}}, False, "done"),
        ({"status": "OPEN", "number": 3, "body": "b", "state": "OPEN"}, False, "CLOSED"),
        ({"status": "unmet"}, False, "met"),
        ({"status": "To Do"}, False, "Done"),
        ({"status": "\u5f85\u529e"}, False, "\u5df2\u5b8c\u6210"),
        (
            {"status": "pending", "implementationGuide": "g", "verificationCriteria": "v"},
            False,
            "completed",
        ),
        ({"state": "CLOSED"}, True, None),
        ({"status": "open", "depends_on_id": "b"}, False, "closed"),
        ({"status": "open"}, False, "done"),
        ({"status": "failing"}, False, "passing"),
    ],
)
def test_states_are_read_by_what_they_say_and_written_in_the_words_of_their_tool(
    item: dict[str, Any], done: bool, written: object
) -> None:
    text = json.dumps([{"id": "a", "title": "x", **item}])
    assert read(text).features[0].done is done
    if written is not None:
        (new,) = json.loads(file.set_done(text.encode(), "prd.json", "a", True))
        name = next(iter(item))
        assert (new[name]["state"] if isinstance(new[name], dict) else new[name]) == written


def test_criteria_that_all_say_that_they_are_met_make_a_feature_done() -> None:
    met, half = (
        [{"text": "a", "passes": True}, {"text": "b", "passes": last}] for last in (True, False)
    )
    plan = read(
        [{"title": "x", "acceptanceCriteria": met}, {"title": "y", "acceptanceCriteria": half}]
    )
    assert [f.done for f in plan.features] == [True, False]
    assert any("every criterion says that it is met" in reading for reading in plan.readings)


@pytest.mark.parametrize(
    ("value", "depends"),
    [
        ("None", ()),
        (["N/A"], ()),
        ("", ()),
        (["-"], ()),
        (None, ()),
        (["us-1"], ("US-1",)),
        (["First"], ("US-1",)),
        ("US-1, US-2", ("US-1", "US-2")),
        ([{"taskId": "US-1"}], ("US-1",)),
        ([{"depends_on_id": "US-2", "issue_id": "X"}], ("US-2",)),
        (["US-1.2"], ("US-1",)),
        ([{"depends_on_id": "US-2", "type": "related"}], ()),
        ([{"depends_on_id": "US-2", "type": "blocks"}], ("US-2",)),
    ],
)
@pytest.mark.parametrize("name", ["deps", "blockedBy", "depends_on"])
def test_dependencies_are_found_under_every_name_and_in_every_form(
    name: str, value: object, depends: tuple[str, ...]
) -> None:
    plan = read(
        [
            {"id": "US-1", "title": "First"},
            {"id": "US-2", "title": "Second"},
            {"id": "X", "title": "x", name: value},
        ]
    )
    assert by_id(plan)["X"].depends == depends


def test_a_phase_as_a_dependency_is_all_that_is_in_it() -> None:
    plan = read(
        {
            "phases": [
                {"name": "Base", "tasks": [{"id": "a", "title": "a"}, {"id": "b", "title": "b"}]},
                {"name": "More", "tasks": [{"id": "c", "title": "c", "dependencies": ["Base"]}]},
            ]
        }
    )
    assert by_id(plan)["c"].depends == ("a", "b")


def test_a_dependency_on_nothing_is_still_refused() -> None:
    for value in (["US-9"], [["US-1"]], [{"why": "US-1"}]):
        with pytest.raises(PlanError):
            read([{"id": "US-1", "title": "First"}, {"id": "X", "title": "x", "deps": value}])


@pytest.mark.parametrize(
    ("value", "rank"),
    [
        ("P0 (blocker)", 0.0),
        ("P2 - low", 2.0),
        ("urgent", 0.0),
        ("Must have", 0.0),
        ("3", 3.0),
        ({"name": "High"}, 1.0),
        ("someday", None),
    ],
)
def test_priorities_in_words_go_by_the_first_that_is_known(
    value: object, rank: float | None
) -> None:
    assert read([{"id": "a", "title": "a", "priority": value}]).features[0].priority == rank


@pytest.mark.parametrize("name", ["task", "text", "summary", "goal", "subject"])
def test_a_title_is_found_under_other_names(name: str) -> None:
    assert read([{"id": "1", name: "Write the parser"}]).features[0].title == "Write the parser"


@pytest.mark.parametrize(
    "name", ["issues", "todos", "backlog", "work_items", "subtasks", "tickets"]
)
def test_a_list_is_found_under_other_names(name: str) -> None:
    assert len(read({"name": "x", name: [{"id": "1", "title": "a"}]}).features) == 1


def test_the_list_in_play_is_the_one_that_the_tool_notes_and_the_others_are_named() -> None:
    text = json.dumps(
        {
            tag: {
                "tasks": [
                    {"id": n, "title": f"{tag} {n}", "status": "pending"} for n in range(count)
                ]
            }
            for tag, count in (("master", 1), ("export", 2))
        }
    ).encode()
    assert [
        len(file.read(text, "tasks.json", tag).features) for tag in ("", "master", "export", "gone")
    ] == [1, 1, 2, 1]
    assert any(
        "export.tasks beside master.tasks is not read" in reading
        for reading in file.read(text, "tasks.json").readings
    )
    done = json.loads(file.set_done(text, "tasks.json", "0", True, "export"))
    assert (done["export"]["tasks"][0]["status"], done["master"]["tasks"][0]["status"]) == (
        "done",
        "pending",
    )


PARTS = {
    "phases": [
        {
            "name": "Base",
            "tasks": [
                {"id": 1, "title": "a", "status": "done"},
                {"id": 2, "title": "b", "dependencies": [1], "status": "pending"},
            ],
        },
        {
            "name": "More work",
            "tasks": [
                {"id": 1, "title": "c", "status": "pending"},
                {"id": 2, "title": "d", "dependencies": [1]},
            ],
        },
        {"tasks": [{"id": 2, "title": "e", "dependencies": ["More-work-1"]}]},
    ]
}


def test_ids_that_begin_anew_in_each_part_are_told_apart_by_it() -> None:
    plan = read(PARTS)
    assert [feature.id for feature in plan.features] == [
        "1",
        "2",
        "More-work-1",
        "More-work-2",
        "3-2",
    ]
    assert [feature.depends for feature in plan.features] == [
        (),
        ("1",),
        (),
        ("More-work-1",),
        ("More-work-1",),
    ]
    assert (
        "ids begin anew in each part of the plan: the 1 of a later part is More-work-1"
        in plan.readings[0]
    )
    text = json.dumps(PARTS).encode()
    done = json.loads(file.set_done(text, "prd.json", "More-work-1", True))
    assert [
        task["status"] for part in done["phases"][:2] for task in part["tasks"] if "status" in task
    ] == ["done", "pending", "done"]


def test_words_of_the_settings_say_done_and_are_written() -> None:
    rows = [
        {"id": 1, "title": "a", "status": "livré"},
        {"id": 2, "title": "b", "status": "à faire"},
    ]
    text, words = json.dumps(rows, ensure_ascii=False).encode(), ("livré", "testé")
    assert [feature.done for feature in file.read(text, "prd.json").features] == [False, False]
    plan = file.read(text, "prd.json", "", words)
    assert [feature.done for feature in plan.features] == [True, False]
    assert not any("livré" in reading and "not done" in reading for reading in plan.readings)
    flipped = file.set_done(
        file.set_done(text, "prd.json", "1", False, "", words), "prd.json", "2", True, "", words
    )
    assert [row["status"] for row in json.loads(flipped)] == ["à faire", "livré"]
    fresh = json.dumps([rows[1]]).encode()
    assert (
        json.loads(file.set_done(fresh, "prd.json", "2", True, "", words))[0]["status"] == "livré"
    )


def test_whatever_else_an_item_holds_is_told_under_its_own_name() -> None:
    item = {
        "id": "a",
        "title": "t",
        "description": "short",
        "details": "long \u2013 hand",
        "testStrategy": "two rows",
        "passes": False,
        "subtasks": [{"id": 1, "title": "the walnut drawer"}],
        "files": ["src/a.py", "src/b.py"],
        "estimate": 3,
        "createdAt": "2026",
        "empty": [],
    }
    (feature,) = read([item]).features
    told = dict(feature.more)
    assert told == {
        "details": "long \u2013 hand",
        "testStrategy": "two rows",
        "files": "- src/a.py\n- src/b.py",
        "estimate": "3",
        "subtasks": '[{"id": 1, "title": "the walnut drawer"}]',
    }
    assert set(told) <= set(json.loads(file.canonical(read([item])))["userStories"][0])
    assert "testStrategy: two rows" in retrieval.texts_of(feature)


def test_long_other_fields_are_left_out_of_a_brief_by_name_and_the_rest_stays() -> None:
    item = {"id": "a", "title": "t", "log": "x" * 30_000, "hint": "look at a.py"}
    (feature,) = read([item]).features
    short = brief.shortened(feature, 10_000)
    assert short.more == (("hint", "look at a.py"),)
    assert short.notes == "left out here, for they are long; read them in the plan: log"
