"""What a person approved, or said to be superseded: the trailers of commits that it stands in,
and the objections that it settles."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import TypeAlias
from urllib.parse import unquote

from nightlatch.model.models import Reason, Ruling
from nightlatch.record.progress import line

# Names in one trailer: a commit message of thousands of ids could not be read any more.
MOST_NAMES = 50
SUPERSEDED = frozenset(
    {
        "ratchet.superseded-unnamed",
        "ratchet.test-failed",
        "ratchet.test-removed",
        "ratchet.test-skipped",
    }
)
# Line numbers move when somebody works above: an approval is about the thing, wherever it stands.
NUMBER = re.compile(r":\d+\b| \(line \d+\)")
Approved: TypeAlias = Mapping[str, frozenset[str]]
NOTHING: Approved = MappingProxyType({})


def name_of(detail: str) -> str:
    """Return what one detail of a reason is known by: its first line, without line numbers, which
    move when somebody works above them."""
    return line(NUMBER.sub("", detail.partition("\n")[0]), 200)


def path_of(name: str) -> str:
    """Return the file that a name begins with, where it begins with one."""
    return name.partition("::")[0].partition(" ")[0].rstrip(":")


def names_of(reason: Reason) -> list[str]:
    """Return what a reason names, each once."""
    return list(dict.fromkeys(map(name_of, reason.detail)))


def held_reasons(reasons: Iterable[Reason]) -> Sequence[Reason]:
    """Return the reasons about which a person decides."""
    return [reason for reason in reasons if reason.ruling is Ruling.HOLD]


def asked(reasons: Iterable[Reason], also: Approved = NOTHING) -> Approved:
    """Return what a person is asked to approve, and what they have approved already."""
    new = {reason.rule: frozenset(names_of(reason)) for reason in reasons}
    return {
        rule: new.get(rule, frozenset()) | also.get(rule, frozenset())
        for rule in sorted({*new, *also})
    }


def written(approved: Approved) -> tuple[str, ...]:
    """Return one value of a trailer for each rule: "rule id, id".

    Of very many ids the first stand there; the rest is asked about again.
    """
    return tuple(
        f"{rule} {', '.join(map(escaped, sorted(names)[:MOST_NAMES]))}".strip()
        for rule, names in approved.items()
    )


def escaped(name: str) -> str:
    """Return a name without the signs that part names from each other."""
    # Names stand between commas in a trailer, and an id may hold one itself.
    return name.replace("%", "%25").replace(",", "%2C")


def names_in(value: str) -> list[str]:
    """Return the names of one value of a trailer, a comma and a space between them."""
    return [unquote(name.strip()) for name in value.split(", ") if name.strip()]


def read(values: Iterable[str]) -> Approved:
    """Return what these values approve; a rule that stands alone is approved where it names
    nothing."""
    found: dict[str, frozenset[str]] = {}
    for rule, _, names in (value.partition(" ") for value in values):
        found[rule] = found.get(rule, frozenset()) | frozenset(names_in(names))
    return found


def settle(reasons: Iterable[Reason], approved: Approved) -> tuple[Reason, ...]:
    """Return the reasons, with what a person has approved of what is held only said; a refusal
    stays one, whoever approves it."""
    return tuple(settled(reason, approved) for reason in reasons)


def settled(reason: Reason, approved: Approved) -> Reason:
    """Return one reason, with what a person has approved taken out of it."""
    if reason.ruling is not Ruling.HOLD or reason.rule not in approved:
        return reason
    left = tuple(detail for detail in reason.detail if name_of(detail) not in approved[reason.rule])
    if left:
        return replace(reason, detail=left)
    return replace(reason, ruling=Ruling.FLAG, says=f"{reason.says} (approved by a person)")
