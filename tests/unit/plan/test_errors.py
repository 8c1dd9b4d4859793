"""What a person can get wrong in a plan: one error each, with its place, a caret and what to do."""

import pytest

from nightlatch.errors import PlanError
from nightlatch.plan import file

NO_LIST = (
    "no list of features found (userStories, stories, features, tasks, items, requirements, or"
    " the file itself)"
)
EXAMPLE = 'write {"userStories": [{"id": "US-001", "title": "...", "passes": false}]}'
TWO = (
    '[\n  {"id": "A", "title": "x", "dependsOn": ["B"]},\n  {"id": "B", "title": "y", "dependsOn":'
    ' ["A"]}\n]'
)
TWICE = '"id" appears twice in the same object'
OTHER_ID = "give one of them another id"
BROKEN = {
    "an empty file": (
        "",
        "1:1",
        "the file is empty",
        "write a plan, or remove the file and run: nightlatch init",
    ),
    "only white space": (
        " \n",
        "1:1",
        "the file is empty",
        "write a plan, or remove the file and run: nightlatch init",
    ),
    "a comma too few": (
        '[\n  {"a": 1\n   "b": 2}]',
        "3:4",
        "a comma is missing before this",
        "put a comma between the two",
    ),
    "a comma too many": (
        '[{"a": 1},\n]',
        "1:10",
        "nothing follows this comma",
        "take the comma out",
    ),
    "a comma too many in an object": (
        '[{"a": 1, }]',
        "1:9",
        "nothing follows this comma",
        "take the comma out",
    ),
    "no colon": (
        '[{"a" 1}]',
        "1:7",
        "a colon is missing before this",
        "put a colon between name and value",
    ),
    "no value": (
        '[{"a": }]',
        "1:8",
        "a value is expected here",
        "write a string, a number, true, false, null, a list or an object",
    ),
    "a name without quotes": (
        "[{a: 1}]",
        "1:3",
        'a name in " is expected here',
        'put the name between "',
    ),
    "single quotes": ("[{'a': 1}]", "1:3", 'JSON strings are written between two "', 'use "'),
    "a comment": ("[ // todo\n]", "1:3", "JSON has no comments", "take the comment out"),
    "an open string": ('["a]', "1:2", "this string is not closed", 'close it with "'),
    "a line break in a string": (
        '["a\nb"]',
        "1:4",
        "a string contains a line break or control character",
        "write it as \\n, or close the string",
    ),
    "a Windows path": (
        r'["C:\Users"]',
        "1:5",
        "not a valid JSON escape",
        r"write \\ for a backslash",
    ),
    "the wrong bracket": (
        '{"userStories": [{"id": 1}}',
        "1:27",
        "unmatched }",
        "check that every { has its } and every [ its ]",
    ),
    "the end missing": (
        '[{"id": 1}',
        "1:11",
        "the file ends in the middle",
        "close what is open with } and ]",
    ),
    "two documents": (
        "[]\n[]",
        "2:1",
        "the plan has ended before this",
        "take out what follows, or join the two",
    ),
    "a merge conflict": (
        '[\n<<<<<<< HEAD\n{"id": 1}\n=======\n]',
        "2:1",
        "a merge conflict is still in the file",
        "choose one side, and take the marks out",
    ),
    "a name twice": ('[{"id": 1, "passes": true, "id": 2}]', "1:28", TWICE, "keep one of the two"),
    "a name twice by an escape": (
        '[{"id": 1, "\\u0069d": 2}]',
        "1:12",
        TWICE,
        "keep one of the two",
    ),
    "a name twice before something worse": (
        '{"a": [[1, {"b": 1, "b": 2}, oops]]}',
        "1:30",
        "a value is expected here",
        "write a string, a number, true, false, null, a list or an object",
    ),
    "not a number": ('[{"priority": NaN}]', "1:15", "NaN is not JSON", "write a number or null"),
    "an endless number": (
        '[{"priority": ' + "9" * 5000 + "}]",
        "1:15",
        "this number is too long to read",
        "shorten it",
    ),
    "a well too deep": (
        "[" * 100_000,
        "1:1",
        "it is nested too deeply for a plan",
        "keep features in one flat list",
    ),
    "half a character": (
        r'[{"title": "\\\ud83d x"}]',
        "1:15",
        r"unpaired surrogate \ud83d",
        "write both halves, or take it out",
    ),
    "a half that comes second": (
        r'[{"title": "\udE00"}]',
        "1:13",
        r"unpaired surrogate \udE00",
        "write both halves, or take it out",
    ),
}
WRONG = {
    "no list": ('{"name": "x"}', "1:1", NO_LIST, EXAMPLE),
    "a word for a plan": ('"x"', "1:1", NO_LIST, EXAMPLE),
    "words for features": (
        '{"tasks": [\n"x"]}',
        "2:1",
        "expected an object for a feature",
        EXAMPLE,
    ),
    "neither title nor description": (
        '[{"id": 1}]',
        "1:2",
        "this feature has neither title nor description",
        'give it a "title"',
    ),
    "a flag in words": (
        '[{"title": "x",\r\n  "passes": "mabe"}]',
        "2:13",
        '"passes" is "mabe", which is neither true nor false',
        'write "passes": true or "passes": false',
    ),
    "no flag": (
        '[{"title": "x", "tested": [1]}]',
        "1:27",
        '"tested" is [1], which is neither true nor false',
        'write "tested": true or "tested": false',
    ),
    "a status that is no word": (
        '[{"title": "x", "status": 1}]',
        "1:27",
        '"status" is not a word',
        'write "status": "done" or "status": "pending"',
    ),
    "an id twice": (
        '[{"id": "US-1", "title": "x"},\n {"id": "US-1", "title": "y"}]',
        "2:9",
        "two features are called US-1",
        OTHER_ID,
    ),
    "an id as text and number": (
        '[{"id": 1, "title": "x"}, {"id": "1", "title": "y"}]',
        "1:34",
        "two features are called 1",
        OTHER_ID,
    ),
    "an id that is a list": (
        '[{"id": [], "title": "x"}]',
        "1:9",
        '"id" is neither text nor a number',
        'write "id": "US-001"',
    ),
    "an unknown dependency": (
        '[{"id": "A", "title": "x", "depends_on": ["A2"]}]',
        "1:43",
        "A depends on A2, which is not in the plan",
        "correct the id, or take it out",
    ),
    "a dependency that is no id": (
        '[{"title": "x", "dependsOn": [true]}]',
        "1:31",
        "this is not the id of a feature",
        'write "dependsOn": ["US-001"]',
    ),
    "a ring": (
        TWO,
        "2:43",
        "these wait for each other: A -> B -> A",
        "take one of these dependencies out",
    ),
    "a feature behind itself": (
        '[{"id": 1, "title": "x", "dependencies": [1]}]',
        "1:43",
        "these wait for each other: 1 -> 1",
        "take one of these dependencies out",
    ),
    "a verify that is no command": (
        '[{"title": "x", "verify": true}]',
        "1:27",
        '"verify" is neither a command nor a list of commands',
        'write "verify": "pytest tests/test_it.py"',
    ),
    "a phase without a name": (
        '[{"title": "x", "phases": [{"agent": "a"}]}]',
        "1:28",
        "this phase has no name of one line, up to 60 characters",
        'write {"name": "architecture"}',
    ),
    "a phase that is a number": (
        '[{"title": "x", "phases": ["a", 1]}]',
        "1:33",
        "this phase has no name of one line, up to 60 characters",
        'write {"name": "architecture"}',
    ),
    "phases in one word": (
        '[{"title": "x", "phases": "a, b"}]',
        "1:27",
        '"phases" is not a list of phases',
        'write "phases": [{"name": "architecture"}]',
    ),
    "a phase twice": (
        '[{"id": "A", "title": "x", "phases": ["a",\n {"name": " a "}]}]',
        "1:39",
        "two phases of A are called a",
        "give one of them another name",
    ),
    "an unknown phase": (
        '[{"id": "A", "title": "x", "phases": ["a",\n {"name": "b", "dependsOn": ["c"]}]}]',
        "2:2",
        "the phase b of A depends on c, which is none of its phases",
        "take one of a, b",
    ),
    "phases in a ring": (
        '[{"id": "A", "title": "x", "phases": {"a": {"dependsOn": "b"}, "b": {"dependsOn": "a"}}}]',
        "1:38",
        "these phases of A wait for each other: a -> b -> a",
        "take one of these dependencies out",
    ),
}
ALL = {**BROKEN, **WRONG}


@pytest.mark.parametrize(("text", "place", "problem", "fix"), ALL.values(), ids=ALL)
def test_every_mistake_has_its_sentence_its_place_and_its_fix(
    text: str, place: str, problem: str, fix: str
) -> None:
    with pytest.raises(PlanError) as caught:
        file.read(text.encode(), "plans/prd.json")
    error = caught.value
    assert (error.problem.splitlines()[0], error.place, error.fix, error.exit) == (
        problem,
        f"plans/prd.json:{place}",
        fix,
        2,
    )


@pytest.mark.parametrize(("text", "place", "problem", "fix"), ALL.values(), ids=ALL)
def test_the_place_does_not_move_for_a_byte_order_mark(
    text: str, place: str, problem: str, fix: str
) -> None:
    with pytest.raises(PlanError) as caught:
        file.read(b"\xef\xbb\xbf" + text.encode(), "prd.json")
    assert (caught.value.place, caught.value.fix) == (f"prd.json:{place}", fix)
    assert problem in caught.value.problem


def test_the_caret_stands_under_the_place() -> None:
    with pytest.raises(PlanError) as caught:
        file.read(b'[\n\t{"title": "x", "passes": 7}\n]', "prd.json")
    assert caught.value.problem.splitlines()[1:] == [
        '2 | \t{"title": "x", "passes": 7}',
        "  | \t                         ^",
    ]


def test_a_very_long_line_is_shown_around_the_place_only() -> None:
    with pytest.raises(PlanError) as caught:
        file.read(
            (
                '[{"title": "' + "x" * 5_000 + '", "passes": 7, "notes": "' + "y" * 5_000 + '"}]'
            ).encode(),
            "prd.json",
        )
    _, shown, caret = caught.value.problem.splitlines()
    assert len(shown) < 130
    assert shown[caret.index("^")] == "7"


def test_control_characters_of_a_broken_file_never_reach_the_terminal() -> None:
    with pytest.raises(PlanError) as caught:
        file.read(b'["\x1b[31m"]', "prd.json")
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize(
    ("data", "place"),
    [(b'[{"title": "\xe9"}]', "1:13"), ('["x"]'.encode("utf-16"), "1:1"), (b"[]\n\xff", "2:1")],
)
def test_a_file_that_is_not_utf_8_says_so(data: bytes, place: str) -> None:
    with pytest.raises(PlanError, match="not valid UTF-8") as caught:
        file.read(data, "prd.json")
    assert (caught.value.place, caught.value.fix) == (f"prd.json:{place}", "save it as UTF-8")


def test_both_halves_of_a_character_are_one() -> None:
    (feature,) = file.read(rb'[{"title": "\ud83d\ude00 \\ud83d"}]', "prd.json").features
    assert feature.title == "\N{GRINNING FACE} \\ud83d"
