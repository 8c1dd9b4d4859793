"""Read the rules that a verdict can name, and give the reasons that they stand for.

The rules are data, in shipped/rules.toml: this module knows none of them by name.
"""

import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from types import MappingProxyType

from nightlatch import data
from nightlatch.model.models import Reason, Rule, Ruling

# A reason that names more than this is cut: nobody reads on, and it is quoted to the next session.
MOST_DETAILS = 100
# The layers in which a test of the base becomes weaker: two signs from these are a refusal.
WEAKENING_LAYERS = frozenset({"old", "ids", "weaker", "strength"})


@cache
def rules() -> Mapping[str, Rule]:
    """Return every rule by its id, family by family. Read once, when the first is asked for."""
    return parse_rules(data.text("shipped", "rules.toml"))


def parse_rules(text: str) -> Mapping[str, Rule]:
    """Return the rules of a text in TOML; the text itself says what its keys mean.

    Raises ValueError, KeyError or TypeError where it holds anything else.
    """
    families = tomllib.loads(text)
    advice = families.pop("advice")
    return MappingProxyType(
        {
            f"{family}.{name}": _rule(values, advice)
            for family, members in families.items()
            for name, values in members.items()
        }
    )


def _rule(values: Mapping[str, str | bool], advice: Mapping[str, str]) -> Rule:
    known = dict(values)
    if shared := known.pop("advice", ""):
        known["wrong"] = advice[str(shared)]
    ruling = Ruling(str(known.pop("ruling", Ruling.REJECT)))
    mended = bool(known.pop("mended", False))
    # What is left are texts; a key that there is not is a TypeError.
    return Rule(ruling=ruling, mended=mended, **{key: str(value) for key, value in known.items()})


def reason(rule: str, detail: Iterable[str] = (), ruling: Ruling | None = None) -> Reason:
    """Return the reason of one rule, with what it is about, and perhaps another ruling."""
    known, lines = rules()[rule], tuple(detail)
    cut = len(lines) - MOST_DETAILS
    return Reason(
        rule=rule,
        says=known.says.format(n=len(lines)),
        ruling=ruling or known.ruling,
        detail=(*lines[:MOST_DETAILS], *((f"and {cut} more",) if cut > 0 else ())),
        next=known.next,
    )


def layer_of(rule: str) -> str:
    """Return the layer that a rule belongs to: the one it names, else the part before the dot.

    A test may leave a layer out, to see that it is this one which refuses.
    """
    known = rules().get(rule)
    return known.layer if known and known.layer else rule.partition(".")[0]


@cache
def layers() -> Mapping[str, frozenset[str]]:
    """Return the rules of each layer that rules name."""
    named = {rule: known.layer for rule, known in rules().items() if known.layer}
    names = dict.fromkeys(named.values())
    return MappingProxyType(
        {layer: frozenset(rule for rule, own in named.items() if own == layer) for layer in names}
    )


@cache
def weakening() -> frozenset[str]:
    """Return the rules that are each a sign of a test becoming weaker."""
    return frozenset(rule for layer in WEAKENING_LAYERS for rule in layers()[layer])


@cache
def mended() -> frozenset[str]:
    """Return the rules that the next session of a run can put right without a person."""
    return frozenset(rule for rule, known in rules().items() if known.mended)
