"""Everything that can be said against a change without running anything."""

from collections.abc import Iterator, Sequence

from nightlatch.model.models import Reason
from nightlatch.model.rules import reason
from nightlatch.ratchet.file_diffs import Text
from nightlatch.ratchet.mutation.lookup_tables import tabled
from nightlatch.ratchet.static.checker_config import loosened
from nightlatch.ratchet.static.checkers import NOTHING_KNOWN, Checkers
from nightlatch.ratchet.static.dependencies import brought_in
from nightlatch.ratchet.static.runner_config import selected
from nightlatch.ratchet.static.runner_hooks import steering
from nightlatch.ratchet.static.suppressions import added
from nightlatch.ratchet.static.test_awareness import knowing
from nightlatch.ratchet.static.weakening import weakened
from nightlatch.util.globs import matcher


def static_reasons(
    texts: Sequence[Text],
    supersedes: Sequence[str] = (),
    runner: str = "",
    protected: Sequence[str] = (),
    *,
    checkers: Checkers = NOTHING_KNOWN,
    beside: Sequence[Text] = (),
    asked: Sequence[Text] = (),
    commands: Sequence[str] = (),
) -> tuple[Reason, ...]:
    """Return one reason for each rule that has something to name; a detail is `path::name (line 3):
    what`, as far as there is such a thing.

    `runner` is the name of the base's runner, "" where it has none. `protected` are patterns of
    files that only people change: empty where such changes are put back anyway. `checkers` are the
    tools that check the base, `beside` the unchanged files that configure them. `asked` are
    unchanged tests and checks, `commands` what proves features.
    """
    # Unchanged texts are there for what they configure, and are no change.
    changed = [text for text in texts if text.old != text.new]
    is_protected = matcher(protected)
    found = {("ratchet.protected-path", text.path) for text in changed if is_protected(text.path)}
    found |= set(_findings(changed, supersedes, runner))
    found |= {
        *loosened([*texts, *beside], checkers),
        *added(texts, checkers),
        *tabled(changed, asked, commands),
    }
    return tuple(
        reason(rule, sorted(line for name, line in found if name == rule))
        for rule in sorted({rule for rule, _ in found})
    )


def _findings(
    texts: Sequence[Text], names: Sequence[str], runner: str
) -> Iterator[tuple[str, str]]:
    """Yield (rule, detail) of all that is asked of changed texts alone."""
    for text in texts:
        yield from brought_in(text, runner)
        yield from steering(text)
        yield from knowing(text)
    # In a project without a runner a new file only chooses one.
    yield from selected([text for text in texts if runner or text.old is not None])
    yield from weakened(texts, names)
