"""The plan file: every dialect read as one plan, and written back in place with nothing changed
but a done-flag."""

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from graphlib import CycleError, TopologicalSorter
from posixpath import basename, dirname
from typing import Any

from nightlatch.errors import PlanError
from nightlatch.model.models import Feature, Phase, Plan
from nightlatch.plan import dialects, document, json_edit
from nightlatch.plan.dialects import Dialect, Fields, bare
from nightlatch.plan.document import Document
from nightlatch.plan.interpretations import few, larger_first, numbers_of, readings
from nightlatch.plan.json_edit import Key, inside
from nightlatch.plan.vocabulary import BRANCHES, GATES, LISTS, NAMES, NESTED_GATES, PARTS
from nightlatch.util import manifests

# In the order in which they are looked for.
USUAL_PLACES = (
    "prd.json",
    "scripts/ralph/prd.json",
    ".ralph/prd.json",
    "plans/prd.json",
    "ralph/prd.json",
    "tasks/prd.json",
    "feature_list.json",
    "feature-list.json",
)
_EXAMPLE = 'write {"userStories": [{"id": "US-001", "title": "...", "passes": false}]}'


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A plan file taken apart: its lists, and its items with the path to each.

    `own` is the id that an item has in its list ("": none); it is another in `ids` where lists
    begin anew.
    """

    doc: Document
    lists: tuple[Key, ...]
    keys: tuple[Key, ...]
    items: tuple[Fields, ...]
    dialect: Dialect
    own: tuple[str, ...]
    ids: tuple[str, ...]


# A session reads the plan of its base and of the tip, each many times over.
@lru_cache(maxsize=4)
def read(data: bytes, path: str, tag: str = "", words: tuple[str, ...] = ()) -> Plan:
    """Return the plan in this file, whatever its dialect; a plan may have no features.

    `tag` is the list in play of those that a tool keeps in one file, `words` are more words that
    say done. Raises PlanError with line, column and a caret.
    """
    file = take_apart(data, path, tag, words)
    rows = zip(file.keys, file.items, file.ids, _priorities(file), _raws(file), strict=True)
    features = _resolved(file, [dialects.feature_of(file.dialect, *row) for row in rows])
    for key, feature in zip(file.keys, features, strict=True):
        _check_phases(file, key, feature)
    heads = _heads(file)
    gates = _gates(heads)
    judged = readings(
        file.dialect,
        file.doc.root,
        [_name(place) for place in file.lists],
        list(zip(file.items, features, strict=True)),
    )
    of_gates = (
        f"{few(gates)} of the whole plan: a check, for the folder checks/, and never what proves"
        " one feature"
    )
    return Plan(
        path=path,
        features=features,
        branch=_branch(heads),
        readings=(
            *file.doc.readings,
            *_again(file, features),
            *judged,
            *([of_gates] if gates else []),
        ),
        gates=tuple(_strings([*gates.values()])),
    )


def set_done(
    data: bytes, path: str, feature: str, done: bool, tag: str = "", words: tuple[str, ...] = ()
) -> bytes:
    """Return the same bytes with one value changed: the done-flag of one feature, added in the
    file's style where it has none."""
    file = take_apart(data, path, tag, words)
    if feature not in file.ids:
        raise PlanError(
            f"feature {feature} not found", place=path, fix="take an id from: nightlatch status"
        )
    return _with_flags(file, {feature: done}).encode()


def carry_flags(
    ancestor: bytes, tip: bytes, mine: bytes, path: str, tag: str = "", words: tuple[str, ...] = ()
) -> bytes:
    """Mine, with the flags that the tip changed since the ancestor and mine did not.

    A feature that mine edited keeps its own flag, as what the tip has done was another one. A side
    that cannot be read has none to give.
    """
    # First, and outside of what is forgiven below: a broken file of the person's own is told.
    file = take_apart(mine, path, tag, words)
    try:
        before, after = (
            {f.id: f for f in read(side, path, tag, words).features} for side in (ancestor, tip)
        )
    except PlanError:
        return mine
    now = read(mine, path, tag, words).features
    same = [
        f
        for f in now
        if f.id in before and (f.done, f.digest) == (before[f.id].done, before[f.id].digest)
    ]
    return _with_flags(file, {f.id: after[f.id].done for f in same if f.id in after}).encode()


def describe(old: Plan | None, new: Plan) -> str:
    """Return what an edit of the plan did, as the subject of its commit."""
    if old is None:
        return f"plan: {_count(len(new.features))}"
    before, after = ({f.id: f for f in plan.features} for plan in (old, new))
    counts = (("+", len(after.keys() - before)), ("-", len(before.keys() - after)))
    parts = [f"{sign}{_count(n)}" for sign, n in counts if n]
    parts += [f"{few(names)} {word}" for word, names in _changes(before, after).items()]
    if parts:
        return f"plan: {', '.join(parts)}"
    stayed = [name for name in before if name in after]
    is_moved = stayed != [name for name in after if name in before]
    return f"plan: {'other order' if is_moved else 'edited'}"


def _changes(before: Mapping[str, Feature], after: Mapping[str, Feature]) -> dict[str, list[str]]:
    """Return the features that changed, by the word for what happened to them."""
    changes: dict[str, list[str]] = {}
    for name, feature in after.items():
        if name in before and before[name].raw != feature.raw:
            changes.setdefault(_change(before[name], feature), []).append(name)
    return changes


def canonical(plan: Plan) -> str:
    """Return the text of the same plan in the canonical form; fields that have no place in it stay
    in their item."""
    root = {
        "branchName": plan.branch,
        "verifyCommands": plan.gates,
        "userStories": [canonical_item(f) for f in plan.features],
    }
    return (
        json.dumps(
            {name: value for name, value in root.items() if value or name == "userStories"},
            indent=2,
            ensure_ascii=False,
        )
        + "\n"
    )


def _count(features: int) -> str:
    return f"{features} feature{'s' * (features != 1)}"


def _change(old: Feature, new: Feature) -> str:
    """Return the word for what happened to one feature."""
    if old.done == new.done or replace(old, done=new.done, raw=new.raw, key=new.key) != new:
        return "edited"
    return "done" if new.done else "reopened"


def canonical_item(feature: Feature) -> dict[str, object]:
    """Return a feature under the names of the canonical form."""
    fields = {
        spelled: getattr(feature, field)
        for field, (spelled, *_) in NAMES.items()
        if field in Feature.__slots__
    }
    item = {name: value for name, value in fields.items() if value not in ("", (), False, None)}
    if feature.priority is not None:
        item["priority"] = (
            int(feature.priority) if feature.priority.is_integer() else feature.priority
        )
    if feature.phases:
        item["phases"] = [_canonical_phase(phase) for phase in feature.phases]
    more = {name: value for name, value in _fields_beside(feature).items() if name not in item}
    head = {"id": feature.id, "title": feature.title, "passes": feature.done}
    return {**head, **item, **more}


def _fields_beside(feature: Feature) -> dict[str, object]:
    """Return the fields of a feature that have no place in the canonical form."""
    # A command that is never run stays: it is the person's.
    kinds = [aliases for field, aliases in NAMES.items() if field != "command"]
    known = {bare(alias) for aliases in kinds for alias in aliases}
    unread = {name for name, _ in feature.more}
    fields = json.loads(feature.raw).items()
    return {name: value for name, value in fields if name in unread or bare(name) not in known}


def _canonical_phase(phase: Phase) -> dict[str, object]:
    fields = {
        "name": phase.name,
        "dependsOn": phase.depends,
        "agent": phase.agent,
        "model": phase.model,
        "artifact": phase.artifact,
    }
    return {name: value for name, value in fields.items() if value}


def take_apart(data: bytes, path: str, tag: str = "", words: tuple[str, ...] = ()) -> File:
    """Return the file's lists and items.

    `tag` is the list in play of those that a tool keeps in one file, `words` are more words that
    say done. Raises PlanError.
    """
    doc = document.document(data, path)
    lists = tuple(_lists(doc.root, tag))
    if not lists:
        known = f"{', '.join(LISTS[:6])}, or the file itself"
        says = f"no list of features found ({known})"
        raise json_edit.error_at(doc.text, path, doc.start(()), says, _EXAMPLE)
    keys = tuple((*place, n) for place in lists for n in range(len(inside(doc.root, place))))
    items = tuple(item for place in lists for item in inside(doc.root, place))
    if odd := next(
        (key for key, item in zip(keys, items, strict=True) if not isinstance(item, dict)), None
    ):
        raise json_edit.error_at(
            doc.text, path, doc.start(odd), "expected an object for a feature", _EXAMPLE
        )
    dialect = dialects.dialect_of(path, doc, items, words)
    own = dialects.own_ids(dialect, keys, items)
    ids = dialects.ids_of(dialect, items, own, [_part(doc.root, key) for key in keys])
    return File(
        doc=doc,
        lists=lists,
        keys=keys,
        items=items,
        dialect=dialect,
        own=tuple(own),
        ids=tuple(ids),
    )


def _lists(root: object, tag: str) -> Sequence[Key]:
    """Return where the features are: the file itself, a list of the root, the lists of its phases,
    or a list one level down."""
    if isinstance(root, list):
        return [()]
    if not isinstance(root, dict):
        return []
    in_root: list[Key] = [(name,) for name in _best(root)]
    groups = [group for group in (in_root, *_in_parts(root), *_in_tags(root, tag)) if group]
    # A list of words holds features only where there is no better one: it may be their names.
    return min(
        groups,
        key=lambda group: min(_emptiness(inside(root, place)) for place in group) == 2,
        default=[],
    )


def _in_parts(root: Fields) -> Iterator[list[Key]]:
    """Yield the lists in each part that a plan is divided into, an empty list of parts itself."""
    for part in PARTS:
        phases = root.get(part)
        if not isinstance(phases, list):
            continue
        lists: list[Key] = [
            (part, n, name) for n, phase in enumerate(phases) for name in _best(phase)
        ]
        yield lists if phases else [(part,)]


def _in_tags(root: Fields, tag: str) -> Iterator[list[Key]]:
    """Yield the list in each object of the root, that of the tag in play first."""
    tags = [name for name, value in root.items() if isinstance(value, dict)]
    for name in sorted(tags, key=lambda name: (name != tag, name != "master")):
        yield [(name, inner) for inner in _best(root[name])]


def _names_of_part(root: object, key: Key) -> list[object]:
    """Return what the part of a plan is called that an item lies in; nothing outside of parts."""
    part = inside(root, key[:2]) if len(key) > 3 else {}
    if not isinstance(part, dict):
        return []
    return [part.get(name) for name in ("id", "name", "title")]


def _part(root: object, key: Key) -> str:
    """Return what the part of a plan is called that an item lies in, for an id: its name, or its
    number."""
    names = [str(name) for name in _names_of_part(root, key) if isinstance(name, str | int)]
    words = re.findall(r"\w+", next((name for name in names if name.strip()), ""))
    number = str(int(key[1]) + 1) if len(key) > 3 else ""
    return "-".join(words)[:40] or number


def _again(file: File, features: Sequence[Feature]) -> Iterator[str]:
    """Yield what is called by another name than its own, as another list has that already."""
    pairs = [
        (own, feature.id)
        for own, feature in zip(file.own, features, strict=True)
        if own and own != feature.id
    ]
    if pairs:
        yield (
            "ids begin anew in each part of the plan:"
            f" {few(f'the {own} of a later part is {called}' for own, called in pairs)}"
        )


def _best(holder: object) -> list[str]:
    """Return the name of the list of features in an object, if there is one: rather one of objects
    than an empty one or one of words."""
    holds = holder if isinstance(holder, dict) else {}
    known = [
        name
        for usual in LISTS
        for name in holds
        if bare(name) == bare(usual) and isinstance(holds[name], list)
    ]
    return sorted(known, key=lambda name: _emptiness(holds[name]))[:1]


def _emptiness(items: Sequence[object]) -> int:
    """0 for a list with objects, 1 for an empty one, 2 for one of words."""
    return 0 if any(isinstance(each, dict) for each in items) else 1 + bool(items)


def _raws(file: File) -> Iterator[str]:
    return (file.doc.raw(key) for key in file.keys)


def _name(place: Key) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place).lstrip(
        "."
    )


def _heads(file: File) -> list[dict[str, Any]]:
    """Return the objects that speak of the whole plan: the root, and what wraps the list."""
    around = [inside(file.doc.root, place[:1]) for place in file.lists[:1] if len(place) == 2]
    return [head for head in (file.doc.root, *around) if isinstance(head, dict)]


def _branch(heads: list[dict[str, Any]]) -> str:
    return next(
        (head[name] for head in heads for name in BRANCHES if isinstance(head.get(name), str)), ""
    )


def _gates(heads: list[dict[str, Any]]) -> dict[str, object]:
    """Return the values that hold commands for the whole plan, by name."""
    holders = [
        *heads,
        *(
            head[name]
            for head in heads
            for name in NESTED_GATES
            if isinstance(head.get(name), dict)
        ),
    ]
    return {
        name: value
        for holder in holders
        for name, value in holder.items()
        if bare(name) in map(bare, GATES)
    }


def _strings(value: object) -> list[str]:
    if isinstance(value, str):
        return [value] if value.strip() else []
    if isinstance(value, dict):
        value = [value[name] for name in ("command", "cmd") if name in value] or list(
            value.values()
        )
    return [text for each in value for text in _strings(each)] if isinstance(value, list) else []


def _priorities(file: File) -> list[float | None]:
    """Return the priority of every item, the lower the sooner."""
    given = [dialects.priority_of(file.dialect, item) for item in file.items]
    numbers = numbers_of(file.dialect, file.items)
    if not larger_first(numbers):
        return given
    return [None if priority is None else numbers[0] - priority for priority in given]


def _resolved(file: File, features: Sequence[Feature]) -> tuple[Feature, ...]:
    """Return the features with ids of the plan as their dependencies, whatever names the file uses
    for them.

    A title, the name of a phase (all that is in it), an id in other case, or that of a part of a
    feature (`1.2`) stand for what they name. Raises PlanError for a name of nothing, and where
    features wait for each other.
    """
    known = _Names(file, features)
    found = []
    for n, feature in enumerate(features):
        depends: dict[str, None] = {}
        for name in feature.depends:
            ids = known.beside(file.keys[n], name) or known.of(name)
            if ids is None:
                raise _misled(
                    file,
                    n,
                    name,
                    f"{feature.id} depends on {name}, which is not in the plan",
                    "correct the id, or take it out",
                )
            whole = ids if name in known.ids else [each for each in ids if each != feature.id]
            depends |= dict.fromkeys(whole)
        found.append(
            feature
            if feature.depends == tuple(depends)
            else replace(feature, depends=tuple(depends))
        )
    _check_rings(file, features, found)
    return tuple(found)


class _Names:
    """The other names under which a plan refers to its features."""

    def __init__(self, file: File, features: Sequence[Feature]) -> None:
        self.ids = {feature.id: feature for feature in features}
        self.folded: dict[str, list[str]] = {}
        for feature in features:
            for name in (feature.id, feature.title):
                self.folded.setdefault(name.casefold().strip(), []).append(feature.id)
        self.own = _ids_in_lists(file)
        self.parts: dict[str, list[str]] = {}
        for key, feature in zip(file.keys, features, strict=True):
            for called in _names_of_part(file.doc.root, key):
                if isinstance(called, str | int):
                    self.parts.setdefault(str(called).casefold().strip(), []).append(feature.id)

    def beside(self, key: Key, name: str) -> list[str] | None:
        """Return the feature that the same list calls so, where ids begin anew in each list."""
        return self.own.get((key[:-1], name))

    def of(self, name: str) -> list[str] | None:
        """Return the ids that a name stands for, None where it names nothing, or more than one
        feature."""
        if name in self.ids:
            return [name]
        folded = name.casefold().strip()
        if len(same := dict.fromkeys(self.folded.get(folded, ()))) == 1:
            return list(same)
        if folded in self.parts:
            return self.parts[folded]
        whole = name.rpartition(".")[0]
        return [whole] if whole in self.ids else None


def _ids_in_lists(file: File) -> dict[tuple[Key, str], list[str]]:
    """Return the features by their list and the id that they have in it, for ids that begin anew
    in another list."""
    rows = [*zip(file.keys, file.own, file.ids, strict=True)]
    renamed = {own for _, own, called in rows if own and own != called}
    return {(key[:-1], own): [called] for key, own, called in rows if own in renamed}


def _check_rings(file: File, features: Sequence[Feature], found: Sequence[Feature]) -> None:
    """Raise PlanError where features wait for each other."""
    place = {called: n for n, called in enumerate(file.ids)}
    # Where all that a feature waits for stands above it, as in most plans, there is no circle.
    ahead = any(place[name] >= n for n, feature in enumerate(found) for name in feature.depends)
    try:
        TopologicalSorter({feature.id: feature.depends for feature in found if ahead}).prepare()
    except CycleError as error:
        ring = error.args[1][::-1]
        says = f"these wait for each other: {' -> '.join(ring)}"
        named = features[place[ring[0]]].depends
        known = _Names(file, features)
        name = next((other for other in named if ring[1] in (known.of(other) or ())), named[0])
        raise _misled(
            file, place[ring[0]], name, says, "take one of these dependencies out"
        ) from None


def _check_phases(file: File, key: Key, feature: Feature) -> None:
    """Raise PlanError unless the phases of a feature have unique names, depend on each other only,
    and form no circle."""
    names = [phase.name for phase in feature.phases]
    if not names:
        return
    field = (*key, file.dialect.first("phases", inside(file.doc.root, key)))
    steps = (
        list(inside(file.doc.root, field))
        if isinstance(inside(file.doc.root, field), dict)
        else range(len(names))
    )
    for step, phase in zip(steps, feature.phases, strict=True):
        if names.count(phase.name) > 1:
            raise file.dialect.error(
                (*field, step),
                f"two phases of {feature.id} are called {phase.name}",
                "give one of them another name",
            )
        if unknown := [name for name in phase.depends if name not in names]:
            problem = (
                f"the phase {phase.name} of {feature.id} depends on {unknown[0]}, which is none of"
                " its phases"
            )
            raise file.dialect.error((*field, step), problem, f"take one of {few(names)}")
    try:
        TopologicalSorter({phase.name: phase.depends for phase in feature.phases}).prepare()
    except CycleError as error:
        problem = (
            f"these phases of {feature.id} wait for each other: {' -> '.join(error.args[1][::-1])}"
        )
        raise file.dialect.error(field, problem, "take one of these dependencies out") from None


def _misled(file: File, n: int, dependency: str, problem: str, fix: str) -> PlanError:
    named = dialects.depends_of(file.dialect, file.keys[n], file.items[n])
    return file.dialect.error(
        next(place for name, place in named if name == dependency), problem, fix
    )


def _with_flags(file: File, wanted: Mapping[str, bool]) -> str:
    edits = []
    for called, key, item in zip(file.ids, file.keys, file.items, strict=True):
        place, done = dialects.state_of(file.dialect, key, item)
        if wanted.get(called, done) != done:
            edits += _edits(file, key, place, not done)
    text = file.doc.text
    # From the end: an edit moves whatever stands behind it.
    for start, end, new in sorted(edits, reverse=True):
        text = text[:start] + new + text[end:]
    return text


def _edits(file: File, key: Key, place: Key, done: bool) -> list[document.Edit]:
    """Return what to put where, so that one item's flag says `done`."""
    dialect = file.dialect
    *holder, name = place or (dialect.flag,)
    now = inside(file.doc.root, (*key, *place)) if place else ""
    # A status that is true or false stays so: its tool would not read a word there.
    words = (holder or [name])[0] in dialect.names["status"] and not isinstance(now, bool)
    value = (dialect.done if done else dialect.fresh) if words else done
    return file.doc.set((*key, *holder), str(name), value)


NOT_PLANS = re.compile(
    r"(^|/)(node_modules|vendor|[^/]*(?:tests?|fixtures?|examples?|samples?|templates?)[^/]*)/",
    re.IGNORECASE,
)


# The plans of other tools, and lists of boxes as people call them; one is taken only where it is
# named.
PLANS_OF_OTHERS = re.compile(
    r"/(?:prd|todo|@?fix_plan|implementation_plan)\.md$|/(?:specs|changes)/[^/]+/tasks\.md$"
    r"|/\.taskmaster/tasks/tasks\.json$"
    r"|/\.?(?:ralph/)?prd\.ya?ml$|/\.beads/[^/]+\.jsonl$|/sprint-status\.ya?ml$"
    r"|/shrimp_data/tasks\.json$",
    re.IGNORECASE,
)


def plans_elsewhere(paths: Collection[str]) -> tuple[str, ...]:
    """Return files called like a plan that lie at no usual place, in no folder of tests or examples
    and in no project of their own."""
    names = {basename(place) for place in USUAL_PLACES}
    called = {
        path for path in paths if basename(path) in names or PLANS_OF_OTHERS.search(f"/{path}")
    }
    found = {path for path in called if path not in USUAL_PLACES and not NOT_PLANS.search(path)}
    return tuple(
        sorted(
            path
            for path in found
            if not any(f"{dirname(path)}/{manifest}" in paths for manifest in manifests.PROJECTS)
        )
    )
