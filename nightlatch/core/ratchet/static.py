"""Everything that can be said against a change without running anything."""

import ast
from collections.abc import Iterator, Sequence

from nightlatch.core.globs import matcher
from nightlatch.core.models import Reason
from nightlatch.core.ratchet.texts import Text
from nightlatch.core.rules import reason


def static_reasons(
    texts: Sequence[Text], supersedes: Sequence[str] = (), runner: str = "", protected: Sequence[str] = ()
) -> tuple[Reason, ...]:  # fmt: skip
    """One reason for each rule that has something to name; a detail is `path::name (line 3): what`, as far as there is such a thing.

    `runner` is the name of the base's runner, "" where it has none. `protected` are patterns of files that only people change: empty
    where such changes are put back anyway.
    """
    changed = [text for text in texts if text.old != text.new and text.path not in supersedes and runner is not None]
    is_protected = matcher(protected)
    found = {("ratchet.protected-path", text.path) for text in changed if is_protected(text.path)} | set(_findings(changed))
    return tuple(reason(rule, sorted(line for name, line in found if name == rule)) for rule in sorted({rule for rule, _ in found}))


def _findings(texts: Sequence[Text]) -> Iterator[tuple[str, str]]:
    for text in texts:
        if text.test and text.path.endswith(".py") and _readable(text.old) and not _readable(text.new):
            yield "ratchet.unreadable-test", text.path


def _readable(text: str | None) -> bool:
    try:
        ast.parse(text or "")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True
