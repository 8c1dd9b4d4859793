"""What the words of a text name: files of a commit, code, and the area that it is about."""

import re
from collections import defaultdict
from collections.abc import Iterable

from nightlatch.util.globs import matcher

NAME = re.compile(r"[\w@*?./-]+")
WORD = re.compile(r"\w+")
PART = re.compile(r"[A-Z]?[^\W\d_A-Z]+|[A-Z]+")
EDGES = re.compile(r"\A(?:\./)+|[./-]+\Z")
OF_A_TEST = re.compile(r"\A(?:test[_-])|(?:[_.-](?:test|spec)s?)\Z", re.IGNORECASE)
CODE = re.compile(
    r"`(\w+)[`(]|\b(\w+)\(|\b(\w*[a-z0-9]_\w+|[a-z]+[A-Z]\w*|[A-Z][a-z0-9]+[A-Z]\w*)\b"
)
ENDINGS = ("ation", "ship", "ing", "ion", "er", "es", "ed", "e", "s", "y")
# characters of a word that names a file; a name of more files than this tells of none of them
SHORTEST, SAME_NAME = 4, 3
WIDEST = 60  # files below a folder that is meant as one thing
# names of files that are words of any sentence
EVERYWHERE = frozenset(("main", "index", "init", "test"))
SMALL = frozenset(  # words of any sentence and folders of any project
    WORD.findall(
        "about after again also always another because been before being both cannot check code"
        " could does done each every fail fails failed file files find fix from give gives have"
        " into just like made make makes many more most must need needs never none nothing only"
        " other over same shall should show shows some still such than that their them then there"
        " these they this those under used user users using very want wants were what when where"
        " which while will with without work works would your src lib app test tests main index"
        " init"
    )
)


def named_files(text: str, paths: Iterable[str], inside: str = "") -> frozenset[str]:
    """Return the files that a text names: by their path or its end, by a folder or a pattern above
    them, by their name without the ending, as an import does or a sentence; a test that is named
    names what it tests, too. `inside` is the project's folder, whose paths need no more."""
    mentions = _Mentions(text, f"{inside}/" if inside else "")
    named = set[str]()
    below = defaultdict[str, list[str]](list)
    alike = defaultdict[str, list[str]](list)
    for path in paths:
        if mentions.has_path(path):
            named.add(path)
        elif folder := mentions.folder_above(path):
            below[folder].append(path)
        elif name := mentions.name_of(path):
            alike[name].append(path)
    # A name that many files have, and a folder of half the project, tell nothing of any of them.
    few = [files for files in alike.values() if len(files) <= SAME_NAME]
    near = [files for files in below.values() if len(files) <= WIDEST]
    return frozenset(named.union(*few, *near))


class _Mentions:
    """What a text may name, each prepared once for all the paths of a project."""

    def __init__(self, text: str, above: str) -> None:
        words = {EDGES.sub("", word) for word in NAME.findall(text)} - {""}
        in_folders = {word for word in words if "/" in word}
        self._paths = {f"{above}{word}" for word in words}
        self._fits_pattern = matcher(f"{above}{word}" for word in in_folders if "*" in word)
        self._folders = tuple(f"{above}{word}/" for word in in_folders)
        self._tails = {word.rpartition("/")[2]: f"/{word}" for word in words if "." in word}
        names = {fold(subject(word)) for word in spoken(words) if len(word) >= SHORTEST}
        self._stems = names - EVERYWHERE

    def has_path(self, path: str) -> bool:
        return path in self._paths or self._fits_pattern(path)

    def folder_above(self, path: str) -> str:
        """Return the folder that is named and that a path is in, "" where none is."""
        # All of them at once first: most paths are in none.
        if not path.startswith(self._folders):
            return ""
        return next(folder for folder in self._folders if path.startswith(folder))

    def name_of(self, path: str) -> str:
        """Return what is named of a file: the end of its path, or its name without the ending."""
        name = path.rpartition("/")[2]
        if name in self._tails and f"/{path}".endswith(self._tails[name]):
            return name
        stem = fold(name.rpartition(".")[0] or name)
        return stem if stem in self._stems else ""


def spoken(said: Iterable[str]) -> Iterable[str]:
    """Yield the words that may be the name of a file: what a path with an ending says beside that
    path is only what its test is of."""
    for name in said:
        if "/" in name and "." in name:
            stem = name.rpartition("/")[2].rpartition(".")[0]
            yield from (stem,) if OF_A_TEST.search(stem) else ()
        else:
            yield from (name, name.rpartition(".")[0], *WORD.findall(name))


def subject(stem: str) -> str:
    """Return what a test is of, by its name."""
    return OF_A_TEST.sub("", stem)


def fold(name: str) -> str:
    """Return a name without regard to case, singular and plural."""
    return name.casefold().rstrip("s")


def code_words(text: str) -> frozenset[str]:
    """Return the names of functions and classes that a text has: in backticks, before a bracket, or
    spelled as only code is."""
    return frozenset(word for found in CODE.findall(text) for word in found if word)


def stems(text: str) -> frozenset[str]:
    """Return the words of a text that say what it is about, each without its endings, so that
    `invites` and `invitation` are the same."""
    return frozenset(
        map(
            stem,
            (
                word
                for word in map(str.casefold, PART.findall(text))
                if len(word) >= SHORTEST and word not in SMALL
            ),
        )
    )


def stem(word: str) -> str:
    ending = next(
        (end for end in ENDINGS if word.endswith(end) and len(word) - len(end) >= SHORTEST), ""
    )
    return stem(word.removesuffix(ending)) if ending else word
