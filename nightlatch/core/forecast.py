"""What will prove each feature, as far as can be told before the night."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from nightlatch.core.evidence import Said, last_lines
from nightlatch.core.models import Feature
from nightlatch.core.results import Answer
from nightlatch.core.text import plain

VACUOUS = frozenset({"", "true", ":", "exit", "exit 0", "/bin/true"})
ONE = "one feature only: an agent by hand is quicker than a night; nightlatch is overhead here"
NOTHING = "nothing here can be proved by a command or a test, so every feature waits for you; nightlatch is overhead here"


class Level(StrEnum):
    """Whether something is fine, worth knowing, or would stop the night."""

    OK = "ok"
    WARN = "warn"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at: what about it, and what to do where it is not fine."""

    level: Level
    topic: str
    says: str
    fix: str = ""


def forecast(feature: Feature, said: Said | None, *, tests: bool) -> Finding:
    """`said` is what its verify answers at the base, None without one; `tests`: whether a new test could be run by id."""
    level, says, fix = _told(feature, said, tests=tests)
    return Finding(level=level, topic=plain(feature.id, 60), says=says, fix=fix)


def _told(feature: Feature, said: Said | None, *, tests: bool) -> tuple[Level, str, str]:
    failing = f"give {plain(feature.id)} a verify command that fails today"
    if feature.verify and all(command.strip() in VACUOUS for command in feature.verify):
        return Level.WARN, f"its verify ({feature.verify[0]}) says nothing: it is always green", failing
    match said.answer if said else None:
        case Answer.GREEN:
            return Level.WARN, "its verify is green already", f"nightlatch done {plain(feature.id)}, or {failing}"
        case Answer.RED:
            return Level.OK, "its verify is red now; green will prove it", ""
        case Answer.FAULT | Answer.SKIP:
            tail = " / ".join([line for line in last_lines(said.tail) if line][-2:]) if said else ""
            return Level.FAIL, f"its verify cannot be run: {plain(tail, 200)}", "install what it needs in init.sh, or correct the command"
    if tests:
        return Level.OK, "no verify: a new test that fails on today's code will prove it, else it waits for you", ""
    return Level.WARN, "nothing can prove it: it will wait for you", failing


def overhead(left: Sequence[Feature], findings: Sequence[Finding]) -> str:
    """When nightlatch is more trouble than help, "" when it is not."""
    if len(left) == 1:
        return ONE
    return NOTHING if left and not any(finding.level is Level.OK for finding in findings) else ""
