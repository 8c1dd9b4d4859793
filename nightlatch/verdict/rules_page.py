"""Every rule that a verdict can name, in one listing, and the part of docs/ratchet.md that is
made from it."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from nightlatch.model.models import Rule, Ruling
from nightlatch.model.rules import rules
from nightlatch.util.made_pages import between_marks

FAMILIES = {
    "scope": "What a candidate may hold at all, before anything runs",
    "ratchet": "What protected the base may not become weaker",
    "tests": "The suite as such",
    "unwatched": "The same once more, where nothing of the loop can be known",
    "check": "The base's checks",
    "verify": "The feature's own command",
    "judge": "What no command can tell",
    "land": "On the way to the branch",
}
RULINGS = {Ruling.REJECT: "refused", Ruling.HOLD: "held for a person", Ruling.FLAG: "only said"}


def listing() -> Mapping[str, Rule]:
    """Return every rule by its id, by family and name."""
    known = rules()
    return MappingProxyType(
        {name: known[name] for name in sorted(known, key=lambda name: (family_index(name), name))}
    )


def family_index(rule: str) -> int:
    return [*FAMILIES].index(rule.partition(".")[0])


def page(text: str) -> str:
    """Return docs/ratchet.md with its rules made anew."""
    return between_marks(text, "rules", [*sections()][:-1])


def sections() -> Iterator[str]:
    rules = listing()
    for family, title in FAMILIES.items():
        if named := [name for name in rules if name.startswith(f"{family}.")]:
            yield from (f"## {title}", "")
        for name in named:
            yield from rule_lines(name, rules[name])


def rule_lines(name: str, rule: Rule) -> Iterator[str]:
    """Yield the lines on one rule.

    They are what it says, what it refuses, what the next session is told, and what to do where it
    is wrong.
    """
    yield from (
        f"### `{name}`",
        "",
        f"{rule.says.removesuffix(': {n}').format(n='some')}: **{RULINGS[rule.ruling]}**.",
        "",
    )
    for word, text in (
        ("For example", rule.example),
        ("The next session is told", rule.next),
        ("When it is wrong", rule.wrong),
    ):
        if text:
            yield f"- {word}: {text}"
    yield ""
