"""What a test looks like to the ratchet, whatever language it is written in."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

# More than any test asserts by itself: a loop whose length nobody knows is not made up for.
MANY = 1000
# In this order: a lower rank in the place of a higher one is looser.
EXACT, PARTLY, VAGUE = 3, 2, 1
SKIP, WHEN, CONSTANT, SWALLOWED, MOCKED, LOOSER = (
    f"ratchet.{name}"
    for name in (
        "skip-added",
        "skip-condition",
        "constant-assertion",
        "swallowed",
        "unit-mocked",
        "looser",
    )
)
Marks = Counter[tuple[str, str]]


class UnreadableError(Exception):
    """The text is not in its language."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assertion:
    """One thing that a test claims of its `subject`, and how often it does so: 0 never, MANY:
    it cannot be told.

    `inside` counts the branches, loops and functions of the test that it stands in: each may keep
    it from being reached.
    """

    subject: str
    rank: int
    text: str
    weight: int = 1
    inside: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedNames:
    """The names in a test: `calls` are the last names of what it tests, `stands` says what its
    names stand for that are assigned once."""

    calls: frozenset[str] = frozenset()
    stands: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Test:
    """One test, or one helper with assertions.

    `marks` count what weakens it; of `limits`, by what they limit, larger is looser.

    `rows` are its rows of parameters, None where there are none or they cannot be told. `raises`
    are the exceptions it expects, as (type, message).
    """

    # pytest would take a class of this name for tests.
    __test__ = False
    name: str
    line: int
    text: str
    assertions: tuple[Assertion, ...]
    marks: Marks
    limits: Mapping[str, tuple[float, ...]]
    raises: tuple[tuple[str, str], ...] = ()
    rows: tuple[str, ...] | None = None
    helper: bool = False
    names: UsedNames = field(default_factory=UsedNames)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One test file: its tests by name, where its imported names come from, and what it defines
    at its top.

    `broken`: its grammar met something that it cannot read; `torn` are the tests in which that is
    so. `focused` are those that put all others aside. `origins` says of each imported name which
    module the file names for it, and "" for a module that it names alone; `package` is the package
    or module that it is part of itself. `around` are the words and literals that stand outside its
    tests, imports aside, each as often as it does.
    """

    tests: Mapping[str, Test] = field(default_factory=dict)
    imports: Mapping[str, str] = field(default_factory=dict)
    defined: frozenset[str] = frozenset()
    shadowed: frozenset[str] = frozenset()
    broken: bool = False
    torn: frozenset[str] = frozenset()
    focused: frozenset[str] = frozenset()
    origins: frozenset[tuple[str, str]] = frozenset()
    package: str = ""
    around: tuple[str, ...] = ()
