"""JSON with positions: what is found is where it says, and what is inserted fits in."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightlatch.errors import PlanError
from nightlatch.plan import json_edit
from nightlatch.plan.json_edit import Key

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
)
json_values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=20,
)
indents = st.sampled_from([None, 0, 3, "\t"])
layouts = st.tuples(
    indents,
    st.booleans(),
    st.sampled_from(["", "\ufeff", "\r\n ", "\ufeff\n"]),
    st.sampled_from(["", " \r\n"]),
)


def text_of(value: Any, layout: tuple[Any, bool, str, str]) -> str:
    indent, escaped, before, after = layout
    return before + json.dumps(value, indent=indent, ensure_ascii=escaped) + after


def places(value: Any, key: Key = ()) -> list[tuple[Key, Any]]:
    inside = (
        enumerate(value)
        if isinstance(value, list)
        else value.items()
        if isinstance(value, dict)
        else ()
    )
    return [
        (key, value),
        *(found for step, inner in inside for found in places(inner, (*key, step))),
    ]


@given(json_values, layouts)
def test_every_value_is_found_where_it_stands(
    value: Any, layout: tuple[Any, bool, str, str]
) -> None:
    text = text_of(value, layout)
    assert json_edit.parse(text, "x.json") == value
    for key, inner in places(value):
        start = json_edit.start_of(text, key)
        found = text[start : json_edit.end_of(text, start)]
        assert found == found.strip()
        assert repr(json.loads(found)) == repr(inner)


@given(st.dictionaries(texts, json_values, min_size=1, max_size=4), layouts)
def test_a_member_is_added_as_the_writer_of_the_file_would_have(
    value: dict[str, Any], layout: tuple[Any, bool, str, str]
) -> None:
    text = text_of(value, layout)
    at, new = json_edit.with_member(text, json_edit.start_of(text, ()), "some passes", "true")
    assert text[:at] + new + text[at:] == text_of({**value, "some passes": True}, layout)


@given(st.text(alphabet='{}[]",:0ae\\ufd8c -\n', max_size=30))
def test_any_text_is_read_as_json_or_refused_with_a_place_inside_it(text: str) -> None:
    try:
        value, refused = json_edit.parse(text, "x.json"), None
    except PlanError as error:
        value, refused = None, error
    if refused is None:
        assert json.loads(text) == value
        return
    line, column = map(int, refused.place.removeprefix("x.json:").split(":"))
    assert refused.fix
    assert column <= len(text.split("\n")[line - 1]) + 1


@given(texts)
def test_text_that_python_reads_without_objection_is_never_refused(title: str) -> None:
    assert (
        json_edit.parse(json.dumps([title]), "x.json")
        == json_edit.parse(json.dumps([title], ensure_ascii=False), "x.json")
        == [title]
    )


@given(st.binary(max_size=6))
def test_bytes_are_the_same_bytes_again_or_refused_where_they_go_wrong(data: bytes) -> None:
    good = data.decode(errors="ignore").encode() == data
    if good:
        assert json_edit.decode(data, "x.json").encode() == data
    else:
        with pytest.raises(PlanError, match="not valid UTF-8"):
            json_edit.decode(data, "x.json")
