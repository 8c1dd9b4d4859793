"""Plans in YAML, read by their nodes so that one value can be changed and every other byte kept."""

from collections.abc import Iterator
from typing import Any

import yaml

from nightlatch.plan.json_edit import Key, error_at
from nightlatch.plan.marked_items import Marked

STATUSES = "development_status"  # the whole of it is a mapping from a story's name to its state
DEEPEST = 40


def parse(text: str, path: str) -> Marked:
    """Return every mapping and list as JSON would have it. Raises PlanError with line, column and a
    caret."""
    try:
        documents = list(yaml.compose_all(text, Loader=yaml.SafeLoader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = mark.index if mark else 0
        raise error_at(text, path, at, f"invalid YAML: {error.problem}", "correct it") from None
    except (yaml.YAMLError, RecursionError) as error:
        raise error_at(text, path, 0, f"invalid YAML: {str(error)[:100]}", "correct it") from None
    nodes = [node for node in documents if node is not None]
    if not nodes:
        raise error_at(
            text,
            path,
            0,
            "the file is empty",
            "write a plan, or remove the file and run: nightlatch init",
        )
    if len(nodes) > 1:
        at = nodes[1].start_mark.index
        raise error_at(text, path, at, "a second document begins here", "keep one plan in one file")
    starts: dict[Key, int] = {}
    marks: dict[Key, tuple[tuple[int, int], ...]] = {}
    root = _value(text, path, nodes[0], (), starts, marks)
    if isinstance(root, dict) and isinstance(root.get(STATUSES), dict):
        root = _stories(root[STATUSES], starts, marks)
    places = dict(_mappings(nodes[0], ()))

    def added(key: Key, name: str, value: bool | str) -> tuple[int, str]:
        node = places[key]
        at = node.start_mark.index
        if node.flow_style:
            return at + 1, f"{name}: {spell(value)}, "
        newline = "\r\n" if "\r\n" in text else "\n"
        return at, f"{name}: {spell(value)}{newline}{' ' * node.start_mark.column}"

    return Marked(text=text, root=root, starts=starts, marks=marks, spell=spell, added=added)


def spell(value: bool | str) -> str:
    """Return a value as YAML has it on one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    plain = yaml.safe_dump(value, allow_unicode=True, width=10_000, default_flow_style=True)
    return plain.removesuffix("\n").removesuffix("\n...")


def _value(
    text: str, path: str, node: yaml.Node, key: Key, starts: dict[Key, int], marks: dict[Key, Any]
) -> Any:
    """Return the value of a node; where it stands and, for a word, what to write over is noted."""
    at = node.start_mark.index
    if len(key) > DEEPEST:
        raise error_at(
            text, path, at, "it is nested too deeply for a plan", "keep features in one flat list"
        )
    starts[key] = at
    if isinstance(node, yaml.MappingNode):
        found: dict[str, Any] = {}
        for name, value in node.value:
            called = str(name.value) if isinstance(name, yaml.ScalarNode) else ""
            if not called or called == "<<" or called in found:
                problem = (
                    f'"{called}" appears twice'
                    if called in found
                    else "this name is not a plain word"
                )
                raise error_at(
                    text,
                    path,
                    name.start_mark.index,
                    problem,
                    "give each field one plain name, once",
                )
            found[called] = _value(text, path, value, (*key, called), starts, marks)
        return found
    if isinstance(node, yaml.SequenceNode):
        return [
            _value(text, path, each, (*key, n), starts, marks) for n, each in enumerate(node.value)
        ]
    marks[key] = ((at, node.end_mark.index),)
    if node.tag in (
        "tag:yaml.org,2002:bool",
        "tag:yaml.org,2002:int",
        "tag:yaml.org,2002:float",
        "tag:yaml.org,2002:null",
    ):
        return yaml.SafeLoader.yaml_constructors[node.tag](yaml.SafeLoader(""), node)
    return str(node.value)


def _mappings(node: yaml.Node, key: Key) -> Iterator[tuple[Key, yaml.MappingNode]]:
    if isinstance(node, yaml.MappingNode):
        yield key, node
        for name, value in node.value:
            yield from _mappings(value, (*key, str(name.value)))
    elif isinstance(node, yaml.SequenceNode):
        for n, each in enumerate(node.value):
            yield from _mappings(each, (*key, n))


def _stories(
    statuses: dict[str, Any], starts: dict[Key, int], marks: dict[Key, Any]
) -> dict[str, Any]:
    """Return a mapping from stories to states as a list of items; epics and retrospectives are
    none."""
    names = [
        name
        for name in statuses
        if not name.startswith("epic-") and not name.endswith("-retrospective")
    ]
    for n, name in enumerate(names):
        starts["stories", n] = starts[STATUSES, name]
        if (STATUSES, name) in marks:
            marks["stories", n, "status"] = marks[STATUSES, name]
    return {
        "stories": [
            {"id": name, "title": name.replace("-", " "), "status": statuses[name]}
            for name in names
        ]
    }
