"""The planner's answer: what it may add to a plan, and every reason why it cannot be taken.

Its word is never more than a proposal.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from graphlib import CycleError, TopologicalSorter
from typing import Any

from nightlatch.errors import PlanError
from nightlatch.model.models import Feature, Plan
from nightlatch.plan import file, json_edit
from nightlatch.plan.dialects import Fields
from nightlatch.record.progress import line
from nightlatch.suite.results import CheckStatus, VerifyResult, last_lines

PLACE = "plan.json"
MOST = 100
MOST_REASONS = 40
MAY_ADD = {"verify": "verify", "dependsOn": "depends", "supersedes": "supersedes"}
_FENCED = re.compile(r"^```(?:json)?[ \t]*\n(.*?)^```", re.DOTALL | re.MULTILINE)
_ABSENT = re.compile(r"No module named '?([\w.]+)")
_QUOTED = re.compile(r""""(?:[^"\\]|\\.)*"|'[^']*'""", re.DOTALL)
_WRAPPED = re.compile(r"(?:sh|bash) -c (['\"])([^'\"$]*)\1")
_NEVER = re.compile(
    r"(?:/bin/)?false|exit [1-9]\d*|! *(?:true|:)|(?:test|\[) \w+ (?:=|==|!=|-eq|-ne) \w+(?:"
    r" \])?|test|\[ \]"
)
_ZEROS = re.compile(r"(?<!\d)0+(?=\d)")


class Aim(StrEnum):
    """What a planner is asked for: new features for a spec, smaller ones for one that wore out,
    or what proves those that are there."""

    SPEC = "spec"
    REFINE = "refine"
    PROVE = "prove"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What an answer adds: whole features in canonical form, and lists for fields of features
    that are there; or what is wrong with it."""

    items: tuple[Fields, ...] = ()
    fields: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    @property
    def proved(self) -> tuple[str, ...]:
        """The ids of the features that get a verify."""
        return (
            *(str(item["id"]) for item in self.items),
            *(name for name, added in self.fields.items() if "verify" in added),
        )


def answer_in(words: str) -> str:
    """Return the JSON in an agent's last words, "" where there is none: the last fenced block, else
    from the first brace to the last."""
    fenced = _FENCED.findall(words)
    return fenced[-1] if fenced else words[words.find("{") : words.rfind("}") + 1]


def read(text: str, plan: Plan, aim: Aim, schema: Mapping[str, Any], target: str = "") -> Proposal:
    """Return the proposal in an answer. `target` is the feature that is split."""
    try:
        rows = _rows(text)
    except PlanError as error:
        return Proposal(problems=(f"{error.place}: {error.problem}\n{error.fix}",))
    if isinstance(rows, str):
        return Proposal(problems=(rows,))
    known = {feature.id: feature for feature in plan.features}
    old, new = ([row for row in rows if (row["id"] in known) is there] for there in (True, False))
    if aim is Aim.PROVE:
        proposal, problems = _proofs(old, new, known, schema)
    else:
        proposal = Proposal(items=tuple(new), fields=_split(known.get(target), new))
        problems = [*_echoed(old, known), *_additions(new, plan, schema, target)]
    # These need rows of the right form, and would say more than the cause of it all.
    if not problems:
        problems = [*_commands(proposal, plan), *_dependencies(proposal, plan)]
    return Proposal(problems=tuple(problems)) if problems else proposal


def _rows(text: str) -> list[Fields] | str:
    """Return the features in an answer, or in words why there are none. Raises PlanError for what
    is no JSON."""
    if not text.strip():
        return (
            "it answered nothing: no plan.json in $NIGHTLATCH_OUT, and no JSON in its last message"
        )
    root = json_edit.parse(text, PLACE)
    rows = root.get("userStories") if isinstance(root, dict) else None
    if not isinstance(rows, list) or not all(map(_has_id, rows)):
        return 'expected {"userStories": [...]}, where each feature has a text "id"'
    return rows


def _has_id(row: object) -> bool:
    return isinstance(row, dict) and isinstance(row.get("id"), str)


def _split(
    feature: Feature | None, parts: Sequence[Fields]
) -> dict[str, dict[str, tuple[str, ...]]]:
    """Return what a feature that is split gets: it waits for its parts."""
    if feature is None:
        return {}
    return {feature.id: {"depends": (*feature.depends, *(row["id"] for row in parts))}}


def untrue(feature: Feature, said: VerifyResult) -> str:
    """Return why what a verify says at the base proves nothing, "" where it is red.

    A Python program that is not installed is red to a shell.
    """
    if said.answer is CheckStatus.GREEN:
        return (
            f"{feature.id}: its verify is green at the base, before any work:"
            f" {line(' && '.join(feature.verify))}"
        )
    absent = any(
        re.search(rf"-m\s+{re.escape(name)}(?!\S)", command)
        for name in _ABSENT.findall(said.tail)
        for command in feature.verify
    )
    if said.answer is CheckStatus.RED and not absent:
        return ""
    return (
        f"{feature.id}: its verify cannot be run:"
        f" {line(' / '.join(filter(None, last_lines(said.tail)))[-300:])}"
    )


def hopeless(command: str) -> bool:
    """Return whether a shell line is red whatever is done, as far as its words tell.

    One that is always green is found by running it.
    """
    if inner := _WRAPPED.fullmatch(command.strip()):
        return hopeless(inner[2])
    # A separator within quotes separates nothing.
    bare = _QUOTED.sub("~", command)
    # What follows `||` may save it, so then nothing is certain.
    return "||" not in bare and any(
        _NEVER.fullmatch(part.strip()) for part in re.split(r"&&|[;|\n]", bare)
    )


def _echoed(rows: Sequence[Fields], known: Mapping[str, Feature]) -> Iterator[str]:
    """Features that are there may stand in an answer as they are: then all of them, and with
    nothing changed."""
    for row in rows:
        yield from (
            f"{row['id']} is in the plan already, and its {name} would change"
            for name in _changed(row, known[row["id"]])
        )
    if rows:
        names = {row["id"] for row in rows}
        yield from (
            f"{name} is in the plan and not in the answer: features are never removed"
            for name in known
            if name not in names
        )


def _changed(row: Fields, feature: Feature) -> list[str]:
    spelled, kept = file.canonical_item(feature), json_edit.parse(feature.raw, PLACE)
    raw = kept if isinstance(kept, dict) else {}
    return [
        line(n, 60)
        for n, v in row.items()
        if _listed(v) not in (_listed(raw.get(n)), _listed(spelled.get(n)))
    ]


def _listed(value: object) -> list[object]:
    return list(value) if isinstance(value, list | tuple) else [] if value is None else [value]


def _additions(
    rows: Sequence[Fields], plan: Plan, schema: Mapping[str, Any], target: str
) -> Iterator[str]:
    """Yield what is wrong with new features, each by itself and beside the others."""
    least = 2 if target else 1
    if not least <= len(rows) <= MOST:
        yield f"it has {len(rows)} new features: at least {least}, at most {MOST} at a time"
        return
    numbers = any(feature.id.isdecimal() for feature in plan.features)
    # US-1 and us_001 would be told apart by the loop, and by no person.
    taken = {_folded(feature.id): feature.id for feature in plan.features}
    for row in rows:
        name = line(row["id"], 60)
        if row.get("passes") not in (None, False):
            yield f"{name} is marked done: only a check that the loop ran, or a person, does that"
        yield from (
            f"{name}: {problem}" for problem in _by_schema({**row, "passes": False}, schema, "new")
        )
        if other := taken.get(_folded(row["id"])):
            yield f"{name} has the same id as {line(other, 60)}: give it another id"
        if row["id"].isdecimal() and not numbers:
            yield (
                f"{name} is a bare number: call it like the others, such as"
                f" US-{int(row['id'][:9]):03}"
            )
        taken[_folded(row["id"])] = row["id"]


def _proofs(
    rows: Sequence[Fields],
    new: Sequence[Fields],
    known: Mapping[str, Feature],
    schema: Mapping[str, Any],
) -> tuple[Proposal, list[str]]:
    """Return the fields that are added to features that are there: only where they are missing, and
    nothing else."""
    problems = [
        f"{line(row['id'], 60)} is not in the plan, and --prove adds no features" for row in new
    ]
    problems += [
        f"{name} stands in the answer twice"
        for name, count in Counter(row["id"] for row in rows).items()
        if count > 1
    ]
    fields: dict[str, dict[str, tuple[str, ...]]] = {}
    for row in rows:
        feature = known[row["id"]]
        added = _added(row, feature)
        problems += _proof_problems(row, feature, added, schema)
        lists = {MAY_ADD[n]: tuple(map(str, _listed(v))) for n, v in added.items() if _listed(v)}
        fields |= {feature.id: lists} if lists else {}
    if not problems and not 0 < len(fields) <= MOST:
        problems = [
            f"it adds something to {len(fields)} features: at least 1, at most {MOST} at a time"
        ]
    return Proposal(fields=fields), problems


def _added(row: Fields, feature: Feature) -> Fields:
    """Return what an answer adds to a feature that has nothing there yet."""
    return {n: v for n, v in row.items() if n in MAY_ADD and not getattr(feature, MAY_ADD[n])}


def _proof_problems(
    row: Fields, feature: Feature, added: Fields, schema: Mapping[str, Any]
) -> Iterator[str]:
    """Yield what is wrong with the fields that an answer has of one feature."""
    rest = {n: v for n, v in row.items() if n not in added}
    yield from (
        f"{feature.id}: its {name} would change, and --prove only adds what is missing"
        for name in _changed(rest, feature)
    )
    proofs = {n: v for n, v in row.items() if n in MAY_ADD}
    yield from (f"{feature.id}: {problem}" for problem in _by_schema(proofs, schema, "proof"))
    if feature.done and added:
        yield f"{feature.id} is done: there is nothing left to prove"


def _by_schema(row: Fields, schema: Mapping[str, Any], part: str) -> list[str]:
    from jsonschema import Draft202012Validator

    errors = Draft202012Validator({**schema, "$ref": f"#/$defs/{part}"}).iter_errors(row)
    return [
        line(f"{'.'.join(map(str, error.absolute_path))} {error.message}".strip(), 200)
        for error in errors
    ][:MOST_REASONS]


def _commands(proposal: Proposal, plan: Plan) -> Iterator[str]:
    """Commands that never succeed, that look at what no agent may change, or that prove two
    features at once."""
    added = {str(item["id"]): tuple(map(str, _listed(item["verify"]))) for item in proposal.items}
    added |= {
        name: fields["verify"] for name, fields in proposal.fields.items() if "verify" in fields
    }
    owners = {
        feature.verify: feature.id
        for feature in plan.features
        if feature.verify and not feature.done
    }
    for name, commands in added.items():
        if never := next(filter(hopeless, commands), ""):
            yield f"{name}: its verify is red whatever is done: {line(never)}"
        plan_name = re.escape(plan.path.rpartition("/")[2] or "prd.json")
        records = rf"(?<![\w.-])({plan_name}|progress\.txt)(?![\w-])"
        # It would be green by what the loop writes itself.
        if record := next(
            filter(None, (re.search(records, command) for command in commands)), None
        ):
            yield f"{name}: its verify looks at {record[1]}, which no agent may change"
        if other := owners.get(commands):
            yield f"{name} and {other} have the same verify, so one of them would prove the other"
        # Also among the new ones: two features with one proof are proved by either's work.
        owners[commands] = name


def _dependencies(proposal: Proposal, plan: Plan) -> Iterator[str]:
    """Yield what is wrong: a dependency that is not known, or one that waits for itself."""
    graph = {
        feature.id: proposal.fields.get(feature.id, {}).get("depends", feature.depends)
        for feature in plan.features
    }
    graph |= {str(item["id"]): tuple(item.get("dependsOn", ())) for item in proposal.items}
    strange = (
        (name, other) for name, others in graph.items() for other in others if other not in graph
    )
    yield from (
        f"{name} depends on {line(other, 60)}, which is not in the plan" for name, other in strange
    )
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        yield f"these wait for each other: {' -> '.join(map(str, error.args[1][::-1]))}"


def _folded(name: str) -> str:
    """Ids that a person would take for one another: case, zeros before a number, separators."""
    return re.sub(r"[\s_.-]+", "-", _ZEROS.sub("", name.casefold()))
