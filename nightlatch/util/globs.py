"""Patterns of the configuration and the plan that name files."""

import re
from collections.abc import Callable, Iterable

WILD = {"**/": "(?:[^/]+/)*", "**": ".*", "*": "[^/]*", "?": "[^/]"}
TOKEN = re.compile(r"\*\*/|\*\*|[*?]|[^*?]+")


def matcher(patterns: Iterable[str]) -> Callable[[str], bool]:
    """Return a function that tells whether a path, or a folder above it, matches any of these
    patterns.

    `*` and `?` stay inside one name, `**` crosses folders (`**/x` is also `x` at the top),
    everything else means itself. A pattern that names a folder names all that lies in it, and
    `x/**` names `x` too: a folder is also protected from becoming a file or a link.
    """
    wanted = "|".join(expression(pattern.removesuffix("/**").rstrip("/")) for pattern in patterns)
    named = re.compile(rf"(?:{wanted})(?:/.*)?\Z", re.DOTALL)
    return (lambda path: named.match(path) is not None) if wanted else (lambda _path: False)


def expression(pattern: str) -> str:
    return "".join(WILD.get(token, re.escape(token)) for token in TOKEN.findall(pattern))
