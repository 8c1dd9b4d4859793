"""The page docs/languages.md, made from the data file of each language."""

from collections.abc import Iterator

from nightlatch.ratchet.languages.grammar import Language, languages

BEGINNING = """\
# Languages

Whatever runs a project's tests, and if nothing does: the ratchet reads what the test files declare, by the grammar of their language
(tree-sitter; Python with its own parser), and misses a test that is gone, emptied, skipped, put aside by a focus on others, renamed to what
its runner does not collect, or that asserts less. What moves, or is renamed, merged, split or turned into rows of parameters, with as much
in it, lands. Where a run of the base gave ids for a file, the ids decide about it; elsewhere its declarations are the ids, and the
`supersedes` of a feature names them as `path::name`.

| language | frameworks | how |
|---|---|---|
"""
LEVELS = """
- **By declaration**: each test by its name, with its assertions and how exactly each of them claims something, its rows of parameters,
  skips, focus, stand-ins for the code under test, expected errors, tolerances and time-outs.
- **By file**: a test file counts as one test. It may not go, nor lose lines that assert or declare something, nor gain a word that skips.
  Whole new tests, further assertions and new modules land; any other change of its lines waits for a person. That holds for every language
  that no grammar here reads, and for a file of a known one in which nothing that its grammar finds is a test.

Where no run gives ids, each test of the base has to claim what it claimed, of the same unit, with the same values, in whatever framework's
words, and so have the constants, helpers and data files that it works with: what claims something else waits for a person, or for the
feature's `supersedes` (`ratchet.expectation-changed`).

Where no run gives ids for a language, its build files and the settings of its runners are read too: one that skips, excludes or names fewer
tests than before (a `pom.xml`, a `CMakeLists.txt`, `.rspec`, `phpunit.xml`, `mod tests;` in Rust) is `ratchet.runner-selection`.

A file that could be read at the base and cannot be read now is `ratchet.unreadable-test`, as far as a test of it is lost or changed where
the grammar stumbles.
"""
ENDING = """
## Another language

One file, `nightlatch/ratchet/languages/data/NAME.toml`, and its grammar among the dependencies. `[grammar]` names the package and holds the query, whose
captures mean the same in every language: `@function` with `@name` and `@body`, `@group`, `@call` with `@args` and `@block`, `@mark` (an
annotation or an attribute), `@if` and `@loop` with `@condition` and `@body`, `@try` with `@tried` and `@handler`, `@return`, `@lambda`,
`@infix` with `@left`, `@op` and `@right`, `@assert` (an expression that must hold). `[words]` are regular expressions over the tokens of a
test, with one space between them. `[[claims]]` say which calls assert, and how they are read. What matchers are worth stands in
`ranks.toml`. This page is made from these files by docs/make.py.
"""


def page() -> str:
    """The whole page."""
    shown = [*languages().values()]
    rows = "".join(
        f"| {one.title} | {one.frameworks} | {how(one)} |\n" for one in sorted(shown, key=sort_key)
    )
    files = "\n".join(line for one in sorted(shown, key=sort_key) for line in patterns(one))
    return f"{BEGINNING}{rows}{LEVELS}\n## Where tests are looked for\n\n{files}\n{ENDING}"


def sort_key(language: Language) -> tuple[bool, str]:
    """In the order of their titles, what no grammar reads last."""
    return how(language) == "by file", language.title


def how(language: Language) -> str:
    return "by declaration" if language.endings else "by file"


def patterns(language: Language) -> Iterator[str]:
    """The files of one language that hold tests by custom, and those that its runners take by
    themselves."""
    told = f"- **{language.title}**: {listed(language.files)}."
    anywhere = "hint" in language.words
    elsewhere = bool(language.endings) and language.collected != language.files
    more = " A file that declares tests counts wherever it lies." if anywhere else ""
    taken = f" A moved test is looked for in {listed(language.collected)}." if elsewhere else ""
    yield f"{told}{more}{taken}"


def listed(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)
