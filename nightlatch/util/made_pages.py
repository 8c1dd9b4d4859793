"""Pages of docs/ that are written by hand, but for lists that the code makes."""

from collections.abc import Iterable


def between_marks(page: str, name: str, lines: Iterable[str]) -> str:
    """Return a page of docs/ with these lines between the two marks of this name, the rest as it
    is."""
    begin, end = f"<!-- {name}: made by docs/make.py -->", f"<!-- end of the {name} -->"
    before, _, rest = page.partition(begin)
    return "\n".join((f"{before}{begin}", "", *lines, "", f"{end}")) + rest.partition(end)[2]
