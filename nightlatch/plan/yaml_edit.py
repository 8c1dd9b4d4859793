"""Plans in YAML, read by their nodes so that one value can be changed and every other byte kept."""

from collections.abc import Collection, Iterator
from typing import Any

import yaml

from nightlatch.errors import PlanError
from nightlatch.plan.json_edit import Key, error_at
from nightlatch.plan.marked_items import Marked

STATUSES = "development_status"  # the whole of it is a mapping from a story's name to its state
DEEPEST = 40
PLAIN_TAGS = frozenset(f"tag:yaml.org,2002:{kind}" for kind in ("bool", "int", "float", "null"))


def parse(text: str, path: str) -> Marked:
    """Return every mapping and list as JSON would have it. Raises PlanError with line, column and a
    caret."""
    node = _only_document(text, path)
    reader = _Reader(text, path)
    root = reader.value(node, ())
    if isinstance(root, dict) and isinstance(root.get(STATUSES), dict):
        root = _stories(root[STATUSES], reader.starts, reader.marks)
    places = dict(_mappings(node, ()))

    def added(key: Key, name: str, value: bool | str) -> tuple[int, str]:
        node = places[key]
        at = node.start_mark.index
        if node.flow_style:
            return at + 1, f"{name}: {spell(value)}, "
        newline = "\r\n" if "\r\n" in text else "\n"
        return at, f"{name}: {spell(value)}{newline}{' ' * node.start_mark.column}"

    return Marked(
        text=text, root=root, starts=reader.starts, marks=reader.marks, spell=spell, added=added
    )


def _only_document(text: str, path: str) -> yaml.Node:
    """Return the root of the one document in a file. Raises PlanError."""
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
    return nodes[0]


def spell(value: bool | str) -> str:
    """Return a value as YAML has it on one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    plain = yaml.safe_dump(value, allow_unicode=True, width=10_000, default_flow_style=True)
    return plain.removesuffix("\n").removesuffix("\n...")


class _Reader:
    """Reads the nodes of a file as values, and keeps where each of them stands."""

    def __init__(self, text: str, path: str) -> None:
        self._text = text
        self._path = path
        self.starts: dict[Key, int] = {}
        self.marks: dict[Key, tuple[tuple[int, int], ...]] = {}

    def value(self, node: yaml.Node, key: Key) -> Any:
        """Return the value of a node; where it stands and, for a word, what to write over is
        noted."""
        at = node.start_mark.index
        # An alias may stand for what holds it: that would go down for ever.
        if len(key) > DEEPEST:
            raise self._error(
                at, "it is nested too deeply for a plan", "keep features in one flat list"
            )
        self.starts[key] = at
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, key)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*key, n)) for n, item in enumerate(node.value)]
        self.marks[key] = ((at, node.end_mark.index),)
        # A date stays the text that it is: JSON has none, and nothing in a plan means one.
        if node.tag in PLAIN_TAGS:
            return yaml.SafeLoader.yaml_constructors[node.tag](yaml.SafeLoader(""), node)
        return str(node.value)

    def _mapping(self, node: yaml.MappingNode, key: Key) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        for name, value in node.value:
            called = str(name.value) if isinstance(name, yaml.ScalarNode) else ""
            if problem := _wrong_name(called, fields):
                raise self._error(
                    name.start_mark.index, problem, "give each field one plain name, once"
                )
            fields[called] = self.value(value, (*key, called))
        return fields

    def _error(self, at: int, problem: str, fix: str) -> PlanError:
        return error_at(self._text, self._path, at, problem, fix)


def _wrong_name(name: str, known: Collection[str]) -> str:
    """Return what is wrong with the name of a field beside those that are known, "" for nothing."""
    if name in known:
        return f'"{name}" appears twice'
    # A merge would put fields where no text of theirs stands, which could not be changed.
    return "this name is not a plain word" if name in ("", "<<") else ""


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
