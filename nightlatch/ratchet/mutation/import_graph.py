"""Which files tests reach, by what they import: nearest first, and never more than a few."""

import ast
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from posixpath import basename, dirname, join, normpath

from nightlatch.ratchet.languages.tokenizer import language
from nightlatch.ratchet.mutation.edits import python
from nightlatch.suite import test_names

MOST = 12
JS_NAMED = re.compile(
    r"""(?:\bfrom|\bimport|\brequire\s*\(|\bimport\s*\(|\bmock\s*\()\s*['"`]([^'"`\n]+)['"`]"""
)
JS_ENDS = (
    "",
    ".js",
    ".ts",
    ".mjs",
    ".cjs",
    ".jsx",
    ".tsx",
    ".mts",
    ".cts",
    *(f"/index.{end}" for end in ("js", "ts", "mjs", "tsx")),
)
QUOTED = re.compile(r'"([\w./-]+)"')


def reached(
    tests: Mapping[str, str],
    sources: Collection[str],
    through: Collection[str] = (),
    read: Callable[[str], str] | None = None,
    most: int = MOST,
) -> tuple[str, ...]:
    """Return the sources that these tests (path to text) import, and what those import; `through`
    are helpers that are followed, not returned.

    Where imports lead nowhere: the source that a test is named after, else those that lie nearest.
    Without `read` only the tests' own imports are known.
    """
    index, seen, ahead = _index({*sources, *through}), list(tests), list(tests)
    # The nearest come first, so a large project is not walked through to its end.
    while ahead and len(seen) < 20 * most:
        path = ahead.pop(0)
        text = tests.get(path) or (read(path) if read else "")
        for found in references(path, text, index):
            if found not in seen:
                seen.append(found)
                ahead.append(found)
    wanted = frozenset(sources) - frozenset(tests)
    return tuple(
        [path for path in seen if path in wanted][:most] or _nearest(tests, sorted(wanted))[:most]
    )


def users(helpers: Iterable[str], tests: Mapping[str, str]) -> frozenset[str]:
    """Return the test files that import any of these helpers, also by way of others."""
    index = _index({*tests, *helpers})
    known = {path: frozenset(references(path, text, index)) for path, text in tests.items()}
    found, size = frozenset(helpers), -1
    while size != len(found):
        size, found = len(found), found | {path for path, named in known.items() if named & found}
    return found


def references(path: str, text: str, index: Mapping[str, list[str]]) -> list[str]:
    """Return the known files that one file imports, in the order in which it names them."""
    if path.endswith(".py"):
        # pytest loads these without being told to.
        beside = [join(folder, "conftest.py") for folder in _above(path)]
        return [
            *_python(path, text, index),
            *(file for file in beside if file in index["conftest.py"] and file != path),
        ]
    lang = language(path)
    found = {"js": _js, "go": _go, "rust": _rust}[lang](path, text, index) if lang else ()
    return list(dict.fromkeys(file for file in found if file != path))


def _index(paths: Iterable[str]) -> Mapping[str, list[str]]:
    """Return paths by file name, the shortest first."""
    index: dict[str, list[str]] = defaultdict(list)
    for path in sorted(paths, key=lambda p: (p.count("/"), p)):
        index[basename(path)].append(path)
    return index


def _ending(index: Mapping[str, list[str]], end: str) -> Iterator[str]:
    """Yield the files whose path ends so."""
    yield from (
        path for path in index.get(basename(end), ()) if path == end or path.endswith(f"/{end}")
    )


def _above(path: str) -> Iterator[str]:
    """Yield the folder of a file and all above it, the project's own last."""
    folder = dirname(path)
    while folder:
        yield folder
        folder = dirname(folder)
    yield ""


def _python(path: str, text: str, index: Mapping[str, list[str]]) -> Iterator[str]:
    """Yield the modules that a Python file imports; of a name in a package first its own module."""
    for node in ast.walk(python(text) or ast.Module(body=[], type_ignores=[])):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _module(alias.name.replace(".", "/"), index)
        elif isinstance(node, ast.ImportFrom):
            here = path
            for _ in range(node.level):
                here = dirname(here)
            module = join(here if node.level else "", (node.module or "").replace(".", "/"))
            for alias in node.names:
                yield from list(_module(join(module, alias.name), index))[:1] or _module(
                    module, index
                )


def _module(name: str, index: Mapping[str, list[str]]) -> Iterator[str]:
    """Yield a module's file, whatever folder it is imported from: the project's, src/, or that
    of the test."""
    for end in (f"{name}.py", f"{name}/__init__.py"):
        yield from list(_ending(index, end))[:1]


def _js(path: str, text: str, index: Mapping[str, list[str]]) -> Iterator[str]:
    """Yield the files that a script imports; one that names no ending may have any."""
    for name in JS_NAMED.findall(text):
        near = name.startswith(".")
        whole = normpath(join(dirname(path), name)) if near else name.lstrip("@~#/")
        stem = re.sub(r"\.[cm]?jsx?$", "", whole)
        for end in dict.fromkeys(base + more for base in (whole, stem) for more in JS_ENDS):
            yield from [found for found in _ending(index, end) if found == end or not near][:1]


def _go(path: str, text: str, index: Mapping[str, list[str]]) -> Iterator[str]:
    """Yield the files of the package, and of the packages that it names."""
    sources = _go_sources(index)
    yield from (file for file in sources if dirname(file) == dirname(path))
    lines = re.findall(r"^import\s*\([^)]*\)|^import\s.*$", text, re.MULTILINE)
    for name in (name for line in lines for name in QUOTED.findall(line)):
        yield from (file for file in sources if dirname(file) and _is_package(name, dirname(file)))
        # `example.org/group/shop` is the module itself, whose package lies at the top.
        if "." in name.split("/")[0] and name.count("/") == 2:
            yield from (file for file in sources if not dirname(file))


def _go_sources(index: Mapping[str, list[str]]) -> list[str]:
    """Return the files of Go in a project that are no tests."""
    return [
        file
        for files in index.values()
        for file in files
        if file.endswith(".go") and not file.endswith("_test.go")
    ]


def _is_package(name: str, folder: str) -> bool:
    """Could a package of this name lie in that folder?"""
    return f"/{name}".endswith(f"/{folder}")


def _rust(path: str, text: str, index: Mapping[str, list[str]]) -> Iterator[str]:
    """Yield the files of the crate; first those whose names the text has."""
    crate = next(
        (
            folder
            for folder in _above(path)
            if any(join(folder, "src", f) in index[f] for f in ("lib.rs", "main.rs"))
        ),
        None,
    )
    files = [
        file
        for name in index
        for file in index[name]
        if crate is not None and file.startswith(join(crate, "src/"))
    ]
    yield from sorted(
        files, key=lambda file: (re.search(rf"\b{basename(file)[:-3]}\b", text) is None, file)
    )


def _nearest(tests: Iterable[str], sources: list[str]) -> list[str]:
    """Where nothing is imported: sources of the same name, else those that share the most
    folders with a test."""
    readable = [path for path in sources if path.endswith(".py") or language(path)]
    names = {test_names.AFFIXES.sub("", basename(path).partition(".")[0] or path) for path in tests}
    folders = [set(_above(path)) for path in tests]

    def distance(path: str) -> tuple[int, int, str]:
        """Return how far a source is from the tests, the nearest first."""
        return (
            -max((len(set(_above(path)) & above) for above in folders), default=0),
            path.count("/"),
            path,
        )

    return [path for path in readable if basename(path).partition(".")[0] in names] or sorted(
        readable, key=distance
    )
