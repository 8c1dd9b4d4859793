"""Code outside the tests that looks at how it is tested, in what a change adds."""

import ast
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from posixpath import basename
from typing import TypeGuard

from nightlatch.ratchet.file_diffs import Text
from nightlatch.ratchet.languages import grammar
from nightlatch.ratchet.languages.python_scope import Function
from nightlatch.ratchet.languages.tokenizer import Token, brackets, code, language, tokens
from nightlatch.ratchet.static.runner_config import JS_CONFIG, Finding

KNOWS = "ratchet.knows-tests"
END, EQUAL = "an end of the process", "what compares equal to anything"
COMPARING = {"__eq__", "__ne__", "__instancecheck__"}
# Programs that people start to run tests: they speak of tests by trade.
PEOPLE = re.compile(r"(?:noxfile|setup|tasks|fabfile|manage)\.py")
FOLDER = r"(?:tests?|testdata|__tests__|__snapshots__|goldens?)"
FILING = (
    r"(?:open|read\w*|Path|join\w*|resolve|listdir|glob|scandir|File|load\w*|include_str"
    r"|include_bytes|Stat)\b"
)
ANYWHERE = {
    r"PYTEST_(?:CURRENT_TEST|VERSION|XDIST\w*|ADDOPTS|PLUGINS)|\b(?:NODE_TEST_CONTEXT"
    r"|VITEST(?:_\w+)?|JEST_WORKER_ID|NEXTEST\w*)\b"
    r"|NIGHTLATCH_REPORTS|npm_lifecycle_event": "a variable of the test runner",
    r"(?i:env\w*|getenv|lookupenv|get_env|ENV)\W{1,12}(?:(?:get|fetch|var|var_os)\W{1,6})?[\"']?"
    r"(?:CI|CONTINUOUS_INTEGRATION|GITHUB_ACTIONS|GITLAB_CI|PYTHONHASHSEED)\b": (
        "whether it runs in CI, or with a fixed hash seed"
    ),
    r"nightlatch_(?:pytest|unittest|node)|/run/nightlatch\b": "the runner that judges it",
    r"/proc/(?:self|thread-self|1|\{|\$|%|[\"']"
    r" ?\+)[^\"']{0,40}(?:cmdline|comm\b|environ|/exe|status)?|(?i:\bget_?ppid\b)"
    r"|\bparent_?[pP]rocess\b|\bpsutil ?\.": "the process that runs it",
    r"[\"'](?:\./|\.\./)*\.git/(?:HEAD|logs|refs|index|objects|COMMIT_EDITMSG)": (
        "the repository's history"
    ),
    rf"[\"'](?:[\w.-]*/)*{FOLDER}/[^\"'\n]*\.\w+[\"']|{FILING}.*[\"'](?:[\w.-]*/)*{FOLDER}(?:/[^\"'\n]*)?[\"']"
    rf"|{FILING}.*\.snap[\"']": "files of the tests",
}
PYTHON = {
    r"[\"'](?:_?pytest|unittest|nose2?)(?:\.\w+)*[\"'] (?:not )?in"
    r" .*modules|modules(?:\.get\(|\[)[\"'](?:_?pytest|unittest)"
    r"|\bfor \w+(?:, \w+)? in (?:\w+\()?sys\.modules\b": "loaded test runners",
    (
        r"\b_getframe\b|\binspect\.(?:stack|currentframe|getouterframes|trace)\b"
        r"|\btraceback\.(?:extract|walk)_stack\b|\bf_back\b"
    ): ("its callers"),
    r"\bos\._exit\(|\bos\.abort\(|\bos\.kill\(os\.getpid": END,
    (
        r"\b(?:pytest|_pytest|unittest|builtins|pluggy|doctest)(?:\.\w+)+ = |setattr\((?:pytest"
        r"|_pytest|unittest|builtins)\b"
    ): ("the test runner, changed"),
    r"^\s*(?:import|from) (?:_pytest|pytest|pluggy|nose2?)\b|import_module\([\"']_?pytest": (
        "the test runner"
    ),
    r"\borig_argv\b|\bargv(?:\[0\]|\[:1\])? (?:==|!=|in) [\[(]?[\"']-[cm][\"']": (
        "how it was started"
    ),
    (
        r"^\s*(?:time|datetime|random|math|operator|functools|json|decimal|os)(?:\.\w+)+ = "
        r"|setattr\((?:time|datetime|math|operator|json)\b"
    ): ("a module of everybody, changed"),
    (
        r"modules\[[\"']__main__[\"']\]|\bimport __main__|\bargv\[0\].*(?:pytest|py\.test"
        r"|unittest)|\bgc\.get_(?:objects|referrers)\("
    ): ("the program that runs it"),
}
JS = {
    r"process \. env \. NODE_ENV (?:===?|!==?) [\"']test[\"']|import \. meta \. (?:vitest|jest)": (
        "a variable of the test runner"
    ),
    r"new Error \([^)]*\) (?:\?\. |\. )stack|captureStackTrace|prepareStackTrace|getCallSites?\b": (
        "its callers"
    ),
    r"(?:from|require \() [\"'](?:node:test|vitest|@jest/globals|jest|chai)[\"']": (
        "the test runner"
    ),
    (
        r"\bassert \. \w+ = |\bexpect \. extend \(|(?:globalThis|global) \. (?:expect|assert|test"
        r"|it|describe)\b"
    ): ("the test runner, changed"),
    (
        r"process \. on \( [\"'](?:exit|beforeExit)[\"']|process \. exitCode = 0|process \. "
        r"reallyExit"
    ): (END),
    r"\b(?:Object|Array|String|Number|Map|Set|Date|Function|Promise|RegExp) \. prototype \. \w+ = "
    r"|\b(?:Date \. now|Math \. random|JSON \. stringify|Object \. is|globalThis \. \w+|global \."
    r" \w+) = "
    r"|defineProperty \( (?:Object|Array|String|Number|globalThis|global)\b": "a built-in, changed",
    r"process \. (?:ppid|title)\b": "the process that runs it",
    r"asymmetricMatch\b|Symbol \. toPrimitive|\bvalueOf :": EQUAL,
    (
        r"process \. (?:argv|execArgv)\b.*(?:test|vitest|jest)|require \. main\b.*(?:test|vitest"
        r"|jest)"
    ): ("the program that runs it"),
}
GO = {
    r"testing \. Testing \(|flag \. Lookup \( \"test\.": "a variable of the test runner",
    r"os \. Args \[ 0 \].*(?:\.test|_test)|(?:HasSuffix|Contains) \([^)]*Args \[ 0 \].*test": (
        "the program that runs it"
    ),
    r"runtime \. (?:Callers?|CallersFrames|Stack) \(|debug \. Stack \(": "its callers",
    r"(?m)^import .*\"testing\"|^ ?\"testing\"$": "the test runner",
}
RUST = {
    r"cfg ! \( test \)|cfg \( not \( test \) \)|option_env ! \( \"(?:CARGO_TEST|NEXTEST)": (
        "a variable of the test runner"
    ),
    r"Location :: caller \(|Backtrace ::": "its callers",
    r"current_exe \( \).*(?:deps|test)": "the program that runs it",
}
# An end with a number or a text that says what failed is an honest one.
EXITS = re.compile(r"(?:(?:sys\.)?exit|quit|raise SystemExit)(?:\((?!f?['\"1-9])|$)")
# The same in languages for which the words of a line are all that is read.
OTHERS = {
    r"StackTraceElement|getStackTrace|Thread \. currentThread|Environment \."
    r" StackTrace|debug_backtrace|\bcaller(?:_locations)?\b"
    r"|Thread \. callStackSymbols|StackWalker|__CALLER__|BASH_SOURCE|FUNCNAME": "its callers",
    r"org ?\. ?junit|junit ?\."
    r" ?framework|RSpec\b|Minitest|PHPUnit|XCTest|NUnit|xunit|ExUnit|scalatest|munit|gtest"
    r"|catch2|BATS_\w+"
    r"|xctestconfiguration|XCTestConfigurationFilePath|IsRunningTests|isRunningTests": (
        "the test runner"
    ),
    r"Runtime \. getRuntime \( \) \. halt|Environment \. FailFast|\b_[eE]xit \( 0 \)|\bexit!": (
        END
    ),
    r"boolean equals \( [^{]*\{ return true|bool Equals \( [^{]*(?:=> true|\{ return true)|operator"
    r" ?== ?\([^{]*\{ return true"
    r"|def == \( ?\w+ ?\) true|fun equals \([^{=]*(?:= true|\{ return true)": (EQUAL),
    r"sun \. java \. command|ManagementFactory|GetCommandLineArgs|\$0\b|PROGRAM_NAME": (
        "how it was started"
    ),
}
KNOWN = ("java", "kotlin", "csharp", "ruby", "php", "swift", "cpp", "elixir", "scala")
BY_LANGUAGE = {"py": PYTHON, "js": JS, "go": GO, "rust": RUST, **dict.fromkeys(KNOWN, OTHERS)}


def knowing(text: Text) -> Iterator[Finding]:
    """Yield (rule, detail) for each thing that the new version of a source file looks at more
    often than the old one did."""
    name, lang = basename(text.path), spoken(text.path)
    if (
        text.test
        or not text.new
        or lang not in BY_LANGUAGE
        or PEOPLE.fullmatch(name)
        or JS_CONFIG.fullmatch(name)
    ):
        return
    # What the file looked at before is counted, so that a line that moves is not new.
    before = Counter(what for _, what in _looks(text.path, lang, text.old or ""))
    for line, what in _looks(text.path, lang, text.new):
        before[what] -= 1
        if before[what] < 0:
            yield KNOWS, f"{text.path} (line {line}): {what}"


def spoken(path: str) -> str:
    """Return the language of a file as its patterns know it, "" for none."""
    if path.endswith(".py"):
        return "py"
    found = grammar.language_of(path)
    return language(path) or (found.name if found and found.name in KNOWN else "")


def _looks(path: str, lang: str, text: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the kind of everything in a file that looks at how it is tested."""
    others = lang in KNOWN
    lines = list(
        python_lines(text)
        if lang == "py"
        else word_lines(text, path)
        if others
        else block_lines(text, path)
    )
    for pattern, what in (ANYWHERE | BY_LANGUAGE[lang]).items():
        looks = re.compile(pattern)
        yield from ((number, what) for number, line in lines if looks.search(line))
    if lang == "py":
        yield from _python(text)
    elif not others:
        yield from _ends(lines, text, path)


def python_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield the statements without comments and docstrings, each on one line, words put together
    from pieces as one word."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    for node in ast.walk(tree):
        if not isinstance(node, ast.stmt) or (
            isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        ):
            continue
        bodies = [
            child
            for name in ("body", "orelse", "finalbody", "handlers", "cases")
            for child in getattr(node, name, ())
        ]
        parts = [child for child in ast.iter_child_nodes(node) if child not in bodies]
        line = ast.unparse(node) if not bodies else " ".join(map(ast.unparse, parts))
        # "PYTEST_" + "CURRENT_TEST" must not hide what it names.
        yield node.lineno, re.sub(r"(['\"]) \+ f?\1", "", line)


def block_lines(text: str, path: str) -> Iterator[tuple[int, str]]:
    """Yield the lines of other languages without comments, with one space between tokens."""
    number, words = 1, list[str]()
    for token in tokens(text, path):
        if token.kind not in {"space", "comment"}:
            words.append(token.text)
        if breaks := token.text.count("\n"):
            yield number, re.sub(r"([\"'`]) \+ [\"'`]", "", " ".join(words)).replace("`", '"')
            number, words = number + breaks, []
    yield number, " ".join(words)


def word_lines(text: str, path: str) -> Iterator[tuple[int, str]]:
    """Yield each line of a language that only its grammar reads, as words parted by one space,
    and the whole text as one more."""
    found = grammar.language_of(path)
    if found is None or not text:
        return
    parsed = grammar.parse(path, text, found)
    rows: dict[int, list[str]] = {}
    for at, token in enumerate(parsed.tokens):
        rows.setdefault(parsed.line(at), []).append(token.text)
    yield from ((number, " ".join(words)) for number, words in rows.items())
    # What goes over several lines, such as an equality with a body of its own; one line of it
    # counts.
    yield 1, " ".join(token.text for token in parsed.tokens)


def _python(text: str) -> Iterator[tuple[int, str]]:
    """Yield equality that is always true, and a process that ends while the module is imported."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    for node in ast.walk(tree):
        if _equals_anything(node):
            yield node.lineno, EQUAL
    for statement in tree.body:
        if _ends_process(statement):
            yield statement.lineno, END


def _equals_anything(node: ast.AST) -> TypeGuard[ast.stmt]:
    """Does this define an equality that is true whatever the other one is?"""
    if isinstance(node, ast.Assign):
        return re.search(r"(?s)__eq__ = lambda.*: True$", ast.unparse(node)) is not None
    if not isinstance(node, Function) or node.name not in COMPARING:
        return False
    returns = [
        ast.unparse(n.value) for n in ast.walk(node) if isinstance(n, ast.Return) and n.value
    ]
    if not returns:
        return False
    # What is never unequal is equal to anything, too.
    return set(returns) == {str(node.name != "__ne__")} or _blind(node, returns)


def _ends_process(node: ast.stmt) -> bool:
    """Does a statement at the top of a module end the process when it is imported?"""
    is_main = isinstance(node, ast.If) and "__name__" in ast.unparse(node.test)
    if is_main or isinstance(node, (Function, ast.ClassDef)):
        return False
    steps = (n for n in ast.walk(node) if isinstance(n, (ast.Call, ast.Raise)))
    return any(EXITS.match(ast.unparse(step)) for step in steps)


def _blind(node: ast.FunctionDef | ast.AsyncFunctionDef, returns: list[str]) -> bool:
    """Does an equality only ask of which type, or of which built-in type, the other one is?"""
    own = node.args.args[0].arg if node.args.args else "self"
    looks = any(re.search(rf"\b{own}\b", ast.unparse(part)) for part in node.body)
    built_in = re.compile(
        r"isinstance\(\w+, \(?(?:int|float|str|bytes|list|dict|tuple|set|bool|object)\b"
    )
    return node.name == "__eq__" and not looks and any(built_in.match(said) for said in returns)


def _ends(lines: list[tuple[int, str]], text: str, path: str) -> Iterator[tuple[int, str]]:
    """Yield a process that ends with success at the top of a module or in init, and equality
    that is always true."""
    words = code(tokens(text, path))
    match language(path):
        case "go":
            yield from _go_ends(lines, _spaced(words))
        case "rust":
            if re.search(r"fn eq \([^{]*\{ true \}", _spaced(words)):
                yield _where(lines, "fn eq"), EQUAL
        case _:
            if re.search(r"process \. exit \( 0? ?\)", _outside_blocks(words)):
                yield _where(lines, "process . exit"), END


def _go_ends(lines: list[tuple[int, str]], words: str) -> Iterator[tuple[int, str]]:
    """Yield an end of the process in an init, or one with success in what is no program."""
    for body in re.findall(r"func init \( \) \{ (.*?) \}(?= func| var| type|$)", words):
        if "os . Exit (" in body:
            yield _where(lines, "os . Exit"), END
    if not words.startswith("package main ") and "os . Exit ( 0" in words:
        yield _where(lines, "os . Exit ( 0"), END


def _spaced(words: Iterable[Token]) -> str:
    """Return tokens as one text, with a space between them."""
    return " ".join(token.text for token in words)


def _outside_blocks(words: Sequence[Token]) -> str:
    """Return the tokens that stand in no braces: what runs while a module is loaded."""
    pairs = brackets(words)
    inside = {
        k for start, end in pairs.items() if words[start].text == "{" for k in range(start, end)
    }
    return _spaced(token for k, token in enumerate(words) if k not in inside)


def _where(lines: list[tuple[int, str]], words: str) -> int:
    """Return the line on which words stand first."""
    return next((number for number, line in lines if words in line), 1)
