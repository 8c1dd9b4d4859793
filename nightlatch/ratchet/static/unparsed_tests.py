"""Test files that no grammar reads: each counts as one test, by the words in its lines."""

import posixpath
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

from nightlatch.ratchet.languages.grammar import languages, matches
from nightlatch.ratchet.model import EXACT, SKIP, Assertion, Source, Test
from nightlatch.suite import test_names

# How a line of comment begins in the languages that are read by file: what such a line says is not
# run.
COMMENT = re.compile(r"--|#|//|%|;|\(\*|/\*")
WHOLE = ""
STRING = re.compile(r"'[^']*'|\"[^\"]*\"")
# Words by which a line decides over others, or ends what runs; a line that brings in a module, with
# the name that it gets.
STEERS = re.compile(
    r"\b(?:if|unless|else|elsif|elif|when|case|cond|switch|while|until|for|foreach|try|catch"
    r"|rescue|begin|return|exit|die|quit|last|next"
    r"|throw|raise|error|halt|abort|stop|sys|os|BEGIN|END|__END__|__DATA__)\b|\|\||&&|\?"
    r"|(?<![=!<>])=(?![=~>])"
)
# Words by which a line gives a name another meaning: what asserts does not do so.
DEFINES = re.compile(r"\b(?:function|sub|def|defn|defmacro|fn|fun|func|proc|let|set|eval)\b|<-|:=")
BRINGS = re.compile(
    r"(?:(?:local|const|final|var|my)\s+[$@%]?(\w+)\s*=\s*)?(?:require|import|use|load|source"
    r"|library|include|open|using|from)\b"
)
# A file by its path: what it defines takes the place of what was there.
BESIDE = re.compile(r"[\"']\.{0,2}/|[\"'](?!package:)[\w./-]+\.\w{1,5}[\"']")
CLOSES = re.compile(r"(?:end|done|fi|esac)?[\s)\]};,.]*(?:end)?[\s)\]};,.]*")


def is_test_file(path: str) -> bool:
    """Does the name of a file say that it is a test, by the customs of any ecosystem, in a
    language that no grammar reads?"""
    others = languages()["others"]
    return matches(others.files, path) and others.words["code"].search(path.lower()) is not None


def says_test(path: str) -> bool:
    """Does the name of the file itself, not of a folder, say that it is a test?"""
    name = posixpath.basename(path)
    return test_names.ANY_CUSTOM.search(name) is not None and test_names.HELPS.search(name) is None


def read(text: str) -> Source:
    """Return the whole file as one test without a name; its assertions are the lines in which
    one stands."""
    words = languages()["others"].words
    lines = [" ".join(line.split()) for line in text.splitlines()]
    code = [line for line in lines if not COMMENT.match(line)]
    told = [
        line for line in code if words["asserts"].search(line) or words["declares"].search(line)
    ]
    skips = sum(len(words["skips"].findall(line)) for line in lines)
    if not any(lines):
        return Source()
    test = Test(
        name=WHOLE,
        line=1,
        text="\n".join(lines),
        marks=Counter({(SKIP, "a word that skips"): skips}),
        limits={},
        assertions=tuple(Assertion(subject=line, rank=EXACT, text=line) for line in told),
    )
    return Source(tests={WHOLE: test})


def rewritten(old: str, new: str) -> Iterator[str]:
    """Yield the first line of each change that is more than new tests, new modules, or further
    assertions: what it does cannot be told.

    Tests that no grammar reads are only their lines here: a branch around them, or another value on
    both sides, is nothing but a line.
    """
    before, after = _code(old), _code(new)
    one, other = ([" ".join(line.split()) for line in side] for side in (before, after))
    # Without autojunk: it takes lines that stand often, such as closing ones, for noise.
    matcher = SequenceMatcher(None, one, other, autojunk=False)
    names = set(re.findall(r"\w+", "\n".join(before)))
    for kind, first, _, start, stop in matcher.get_opcodes():
        if kind in {"delete", "replace"}:
            yield before[first].strip()
        elif kind == "insert" and not any(
            _is_new(after[at : at + stop - start], names) for at in _slid(after, start, stop)
        ):
            yield after[start].strip()


def _slid(lines: Sequence[str], start: int, stop: int) -> Iterator[int]:
    """Yield where else the same insertion can be seen to begin: a block that ends like the one
    before it has two such places."""
    yield start
    words = [line.split() for line in lines]
    up = down = 0
    while start - up > 0 and words[start - up - 1] == words[stop - up - 1]:
        up += 1
        yield start - up
    while stop + down < len(lines) and words[start + down] == words[stop + down]:
        down += 1
        yield start + down


def _code(text: str) -> list[str]:
    """Return the lines that say something, with their indentation."""
    return [
        line.expandtabs()
        for line in text.splitlines()
        if line.strip() and not COMMENT.match(line.strip())
    ]


def _is_new(lines: Sequence[str], names: set[str]) -> bool:
    """Do these lines only bring in modules under new names, declare whole tests, or assert more?"""
    rest = [STRING.sub('""', line) for line in lines if not _brings_new(line, names)]
    return not rest or all(map(_only_asserts, rest)) or _declares_whole(rest)


def _only_asserts(line: str) -> bool:
    """Does a line assert, and neither steer what runs nor give a name another meaning?"""
    if not languages()["others"].words["asserts"].search(line):
        return False
    return not STEERS.search(line) and not DEFINES.search(line) and _is_balanced([line])


def _declares_whole(lines: Sequence[str]) -> bool:
    """Do these lines declare tests from their beginnings to their ends, and nothing beside?"""
    declares = languages()["others"].words["declares"]
    edge = min(map(_indentation, lines))
    outer = [line.strip() for line in lines if _indentation(line) == edge]
    # What stands deeper, before the first declaration, belongs to a test that was there.
    begins = lines[0].strip() == outer[0] and declares.search(outer[0]) is not None
    return (
        begins
        and _is_balanced(lines)
        and all(
            CLOSES.fullmatch(line) or (declares.search(line) and not STEERS.search(line))
            for line in outer
        )
    )


def _indentation(line: str) -> int:
    """Return how far a line stands from the edge."""
    return len(line) - len(line.lstrip())


def _brings_new(line: str, names: set[str]) -> bool:
    """Does this line bring in a module under a name that nothing had, and no file of its own
    choice?"""
    found = BRINGS.match(line.strip())
    return (
        found is not None
        and (found[1] or "") not in names
        and ";" not in line.strip().rstrip(";")
        and not BESIDE.search(line)
    )


def _is_balanced(lines: Sequence[str]) -> bool:
    """Does every bracket that opens in these lines close in them, and none that was open before?"""
    waiting = list[str]()
    for sign in "".join(lines):
        if sign in "([{":
            waiting.append({"(": ")", "[": "]", "{": "}"}[sign])
        elif sign in ")]}" and (not waiting or waiting.pop() != sign):
            return False
    return not waiting
