"""Text that somebody else wrote, made harmless before a person sees it."""

import re

CONTROL = re.compile(
    r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2028\u2029\u2066-\u2069\ufeff\ud800-\udfff]"
)


def harmless(text: str) -> str:
    """Return the same lines, each without control characters and none of them cut."""
    return "\n".join(plain(part, len(part)) for part in text.split("\n"))


def folded(text: str) -> str:
    """Return the text without regard to case, line breaks and the width of white space: for
    comparing."""
    return " ".join(text.casefold().split())


def plain(text: str, limit: int = 2_000) -> str:
    """Return the text as one line without control characters, direction marks or lone surrogates,
    cut at `limit` characters."""
    shown = CONTROL.sub(
        lambda m: " " if m[0] in "\n\r" else f"\\x{ord(m[0]):02x}", text[: limit + 1]
    )
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def ends(data: bytes, most: int) -> bytes:
    """Return this many bytes of the beginning and of the end; a line between them says what is left
    out."""
    gone = len(data) - 2 * most
    return data if gone <= 0 else b"%b\n[%d bytes left out]\n%b" % (data[:most], gone, data[-most:])
