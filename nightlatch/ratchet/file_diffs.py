"""The texts that the static layers look at."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """One changed file, paths from the project's folder.

    "" where a version is binary, None where it does not exist.

    `test`: it is a test, a helper or a configuration file of the runner. `declares`: it lies
    elsewhere, and declares tests all the same.
    """

    path: str
    old: str | None
    new: str | None
    test: bool
    declares: bool = False
