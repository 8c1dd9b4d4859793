"""What docs/languages.md says of each language, made from their data files."""

from collections.abc import Iterator

from nightlatch.ratchet.languages.grammar import Language, languages
from nightlatch.util.made_pages import between_marks


def page(text: str) -> str:
    """Return docs/languages.md with its table and its patterns of test files made anew."""
    shown = sorted(languages().values(), key=sort_key)
    table = [f"| {one.title} | {one.frameworks} | {how(one)} |" for one in shown]
    head = ("| language | frameworks | how |", "|---|---|---|")
    text = between_marks(text, "languages", (*head, *table))
    return between_marks(text, "patterns", (line for one in shown for line in patterns(one)))


def sort_key(language: Language) -> tuple[bool, str]:
    """In the order of their titles, what no grammar reads last."""
    return how(language) == "by file", language.title


def how(language: Language) -> str:
    """Return how files of a language are read."""
    return "by declaration" if language.endings else "by file"


def patterns(language: Language) -> Iterator[str]:
    """Yield the files of one language that hold tests by custom, and those that its runners take
    by themselves."""
    told = f"- **{language.title}**: {listed(language.files)}."
    anywhere = "hint" in language.words
    elsewhere = bool(language.endings) and language.collected != language.files
    more = " A file that declares tests counts wherever it lies." if anywhere else ""
    taken = f" A moved test is looked for in {listed(language.collected)}." if elsewhere else ""
    yield f"{told}{more}{taken}"


def listed(names: tuple[str, ...]) -> str:
    """Return names as the page has them."""
    return ", ".join(f"`{name}`" for name in names)
