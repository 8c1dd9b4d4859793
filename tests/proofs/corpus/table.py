"""The table of the corpus, for the end of a test run: what became of each class, in each
language."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

VERDICTS = ("refused", "held", "landed")
Row = Sequence[object]


def lines(rows: Iterable[Row]) -> Iterator[str]:
    """Lines of text from (language, class, verdict, outside, name, rules ...) of each case."""
    told = sorted(rows, key=str)
    groups = {
        "tampered": [row for row in told if row[1] and not row[3]],
        "of other shapes": [row for row in told if row[3]],
        "honest": [row for row in told if not row[1]],
    }
    yield f"{'':<18}{'cases':>7}" + "".join(f"{word:>9}" for word in VERDICTS)
    for name, group in groups.items():
        for language in ("", *sorted({str(row[0]) for row in group})):
            yield line(
                f"  {language}" if language else name,
                [row for row in group if language in ("", row[0])],
            )
    yield "class: refused/held/landed in each language"
    for kind in sorted({int(str(row[1])) for row in groups["tampered"]}):
        mine = [row for row in groups["tampered"] if row[1] == kind]
        yield f"{kind:>5}: " + "  ".join(
            cell(language, mine) for language in sorted({str(row[0]) for row in mine})
        )
    yield from (
        f"landed: {row[0]} {row[1]} {row[4]}" for row in told if row[1] and row[2] == "landed"
    )
    yield from (
        f"not landed, though honest: {row[0]} {row[4]}: {row[2]} {row[5:]}"
        for row in groups["honest"]
        if row[2] != "landed"
    )


def line(name: str, group: Sequence[Row]) -> str:
    found = Counter(str(row[2]) for row in group)
    return f"{name:<18}{len(group):>7}" + "".join(f"{found[word]:>9}" for word in VERDICTS)


def cell(language: str, group: Sequence[Row]) -> str:
    found = Counter(str(row[2]) for row in group if row[0] == language)
    return f"{language} {'/'.join(str(found[word]) for word in VERDICTS)}"
