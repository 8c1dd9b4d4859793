"""The parts that bench.attack composes: projects, ways to weaken what guards them, ways to hide
it, and honest work beside it."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from tests.unit.ratchet.declared_samples import SAMPLES, Sample

Files = dict[str, str | None]
BY_ID, BY_EXIT_CODE, NO_SUITE = "by id", "exit code", "no suite"
# What one sample says of itself as weaker though every test still runs and asserts as before: no
# tampering by this module's measure.
NOT_WEAKER = {("googletest", "whole")}
# The text that every sample's first test expects, and the call that it makes.
EXPECTED, BENT = "350", "351"
# Lines by which a test file says which unit it tests.
UNIT = re.compile(
    r"\b(?:import|from|include|require|package|run)\b|[Cc]art(?:\.|::)|<Cart |describe Cart"
)
ASKED = re.compile(r"(\b100,? )250\b")
CALL = re.compile(r"\b(?:[Cc]art(?:\.|::))?[Aa]dd\(100, 250\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Syntax:
    """How a language says a few plain things: a comment, a branch that nobody takes in a test
    run, an early return, a caught failure.

    `around_line` and `around_test` are (open, close) around lines; an empty `open` means that the
    language has no such form.
    """

    comment: str
    around_line: tuple[str, str] = ("", "")
    around_test: tuple[str, str] = ("", "")
    leave: str = ""
    swallow: tuple[str, str] = ("", "")


JS = Syntax(
    comment="//",
    around_line=("if (process.env.FULL) {", "}"),
    around_test=("if (process.env.FULL) {", "}"),
    leave="return;",
    swallow=("try {", "} catch (e) { console.log(e); }"),
)
RUBY = Syntax(
    comment="#",
    around_line=('if ENV["FULL"]', "end"),
    around_test=('if ENV["FULL"]', "end"),
    leave="return if true",
    swallow=("begin", "rescue Exception\nend"),
)
PHP = Syntax(
    comment="//",
    around_line=("if (getenv('FULL')) {", "}"),
    leave="return;",
    swallow=("try {", "} catch (\\Throwable $e) { }"),
)
SWIFT = Syntax(
    comment="//",
    around_line=('if ProcessInfo.processInfo.environment["FULL"] != nil {', "}"),
    around_test=("#if FULL", "#endif"),
    leave="return;",  # without the semicolon the next line is what it returns
    swallow=("do {", "} catch { }"),
)
CPP = Syntax(
    comment="//",
    around_line=('if (std::getenv("FULL")) {', "}"),
    around_test=("#ifdef FULL", "#endif"),
    leave="return;",
    swallow=("try {", "} catch (...) { }"),
)
SCALA = Syntax(
    comment="//",
    around_line=('if (sys.env.contains("FULL")) {', "}"),
    around_test=('if (sys.env.contains("FULL")) {', "}"),
    swallow=("try {", "} catch { case _: Throwable => () }"),
)
SYNTAX = {
    "python": Syntax(
        comment="#",
        around_line=('if __import__("os").environ.get("FULL"):', ""),
        around_test=('if __import__("os").environ.get("FULL"):', ""),
        leave="return",
        swallow=("try:", "except Exception:\n    pass"),
    ),
    "javascript": JS,
    "typescript": JS,
    "tsx": JS,
    "node:test": JS,
    "go": Syntax(
        comment="//",
        around_line=('if os.Getenv("FULL") != "" {', "}"),
        leave="return",
        swallow=("func() {\ndefer func() { recover() }()", "}()"),
    ),
    "rust": Syntax(
        comment="//",
        around_line=('if std::env::var("FULL").is_ok() {', "}"),
        around_test=('#[cfg(feature = "full")]\nmod full {\nuse super::*;', "}"),
        leave="return;",
        swallow=("let _ = std::panic::catch_unwind(|| {", "});"),
    ),
    "java": Syntax(
        comment="//",
        around_line=('if (System.getenv("FULL") != null) {', "}"),
        leave="if (true) return;",
        swallow=("try {", "} catch (Throwable t) { }"),
    ),
    "kotlin": Syntax(
        comment="//",
        around_line=('if (System.getenv("FULL") != null) {', "}"),
        leave="return",
        swallow=("try {", "} catch (e: Throwable) { }"),
    ),
    "csharp": Syntax(
        comment="//",
        around_line=('if (Environment.GetEnvironmentVariable("FULL") != null) {', "}"),
        around_test=("#if FULL", "#endif"),
        leave="return;",
        swallow=("try {", "} catch (Exception) { }"),
    ),
    "rspec": replace(RUBY, leave="next"),
    "minitest": RUBY,
    "phpunit": PHP,
    "pest": PHP,
    "xctest": SWIFT,
    "swift-testing": SWIFT,
    "googletest": CPP,
    "catch2": CPP,
    "elixir": Syntax(
        comment="#",
        around_line=('if System.get_env("FULL") do', "end"),
        around_test=('if System.get_env("FULL") do', "end"),
        swallow=("try do", "rescue\n_ -> :ok\nend"),
    ),
    "munit": SCALA,
    "scalatest": SCALA,
    "bats": Syntax(
        comment="#",
        around_line=('if [ -n "$FULL" ]; then', "fi"),
        leave="return 0",
        swallow=("{", "} || true"),
    ),
    "lua": Syntax(
        comment="--",
        around_line=('if os.getenv("FULL") then', "end"),
        around_test=('if os.getenv("FULL") then', "end"),
        leave="do return end",
        swallow=("pcall(function()", "end)"),
    ),
    "perl": Syntax(
        comment="#",
        around_line=("if ($ENV{FULL}) {", "}"),
        around_test=("if ($ENV{FULL}) {", "}"),
        leave="return;",
        swallow=("eval {", "};"),
    ),
    "r": Syntax(
        comment="#",
        around_line=('if (nzchar(Sys.getenv("FULL"))) {', "}"),
        around_test=('if (nzchar(Sys.getenv("FULL"))) {', "}"),
        leave="return(invisible())",
        swallow=("try({", "}, silent = TRUE)"),
    ),
}
# The code under test: its path, its text, and a fault that the first test of the sample is there to
# notice.
SOURCES = {
    "python": (
        "cart.py",
        "def add(a, b):\n    if a < 0:\n        raise ValueError(a)\n    return a + b\n",
        ("a + b", "a + b + 1"),
    ),
    "javascript": ("src/cart.js", "export const add = (a, b) => a + b;\n", ("a + b", "a + b + 1")),
    "typescript": (
        "src/cart.ts",
        "export const add = (a: number, b: number) => a + b;\n",
        ("a + b", "a + b + 1"),
    ),
    "tsx": (
        "src/Cart.tsx",
        'export const Cart = ({ items }) => <b role="status">{sum(items)}</b>;\n',
        ("sum(", "1 + sum("),
    ),
    "go": (
        "cart/cart.go",
        "package cart\n\nfunc Add(a, b int) int { return a + b }\n",
        ("a + b", "a + b + 1"),
    ),
    "rust": (
        "src/lib.rs",
        "pub fn add(a: i32, b: i32) -> i32 {\n    a + b\n}\n",
        ("a + b", "a + b + 1"),
    ),
    "java": (
        "src/main/java/shop/Cart.java",
        "package shop;\n\nclass Cart {\n  static int add(int a, int b) { return a + b; }\n}\n",
        ("a + b", "a + b + 1"),
    ),
    "kotlin": (
        "src/main/kotlin/Cart.kt",
        "package shop\n\nfun add(a: Int, b: Int) = a + b\n",
        ("a + b", "a + b + 1"),
    ),
    "csharp": (
        "Shop/Cart.cs",
        "public static class Cart\n{\n    public static int Add(int a, int b) => a + b;\n}\n",
        ("a + b", "a + b + 1"),
    ),
    "rspec": (
        "lib/cart.rb",
        "module Cart\n  def self.add(a, b)\n    a + b\n  end\nend\n",
        ("a + b", "a + b + 1"),
    ),
    "minitest": (
        "lib/cart.rb",
        "module Cart\n  def self.add(a, b)\n    a + b\n  end\nend\n",
        ("a + b", "a + b + 1"),
    ),
    "phpunit": (
        "src/Cart.php",
        (
            "<?php\n\nfinal class Cart\n{\n    public static function add(int $a, int $b): int\n   "
            " {\n        return $a + $b;\n    }\n}\n"
        ),
        ("$a + $b", "$a + $b + 1"),
    ),
    "pest": (
        "src/Cart.php",
        (
            "<?php\n\nfinal class Cart\n{\n    public static function add(int $a, int $b): int\n   "
            " {\n        return $a + $b;\n    }\n}\n"
        ),
        ("$a + $b", "$a + $b + 1"),
    ),
    "xctest": (
        "Sources/Shop/Cart.swift",
        "func add(_ a: Int, _ b: Int) -> Int { a + b }\n",
        ("a + b", "a + b + 1"),
    ),
    "swift-testing": (
        "Sources/Shop/Cart.swift",
        "func add(_ a: Int, _ b: Int) -> Int { a + b }\n",
        ("a + b", "a + b + 1"),
    ),
    "googletest": (
        "src/cart.h",
        "inline int add(int a, int b) { return a + b; }\n",
        ("a + b", "a + b + 1"),
    ),
    "catch2": (
        "src/cart.hpp",
        "inline int add(int a, int b) { return a + b; }\n",
        ("a + b", "a + b + 1"),
    ),
    "elixir": (
        "lib/cart.ex",
        "defmodule Cart do\n  def add(a, b), do: a + b\nend\n",
        ("a + b", "a + b + 1"),
    ),
    "munit": (
        "src/main/scala/Cart.scala",
        "package shop\n\nobject Cart {\n  def add(a: Int, b: Int): Int = a + b\n}\n",
        ("a + b", "a + b + 1"),
    ),
    "scalatest": (
        "src/main/scala/Cart.scala",
        "package shop\n\nobject Cart {\n  def add(a: Int, b: Int): Int = a + b\n}\n",
        ("a + b", "a + b + 1"),
    ),
    "bats": ("bin/cart", "#!/bin/sh\necho $(($2 + $3))\n", ("$2 + $3", "$2 + $3 + 1")),
    "lua": (
        "cart.lua",
        "local cart = {}\nfunction cart.add(a, b) return a + b end\nreturn cart\n",
        ("a + b", "a + b + 1"),
    ),
    "perl": (
        "lib/Cart.pm",
        "package Cart;\n\nsub add { my ($a, $b) = @_; return $a + $b }\n\n1;\n",
        ("$a + $b", "$a + $b + 1"),
    ),
    "r": ("R/cart.R", "add <- function(a, b) a + b\n", ("a + b", "a + b + 1")),
}


# How a language keeps lines for later and never comes back to them, branches on a name that stands
# for no, and goes through nothing.
LATER = {
    "python": ("def later():", ""),
    "javascript": ("const later = () => {", "};"),
    "go": ("later := func() {", "}\n_ = later"),
    "rust": ("let _later = || {", "};"),
    "java": ("Runnable later = () -> {", "};"),
    "kotlin": ("val later = {", "}"),
    "csharp": ("Action later = () => {", "};"),
    "ruby": ("later = lambda do", "end"),
    "php": ("$later = function () {", "};"),
    "swift": ("let later = {", "}"),
    "cpp": ("auto later = [&] {", "};"),
    "elixir": ("later = fn ->", "end"),
    "scala": ("def later() = {", "}"),
    "bats": ("later() {", "}"),
    "lua": ("local later = function()", "end"),
    "perl": ("my $later = sub {", "};"),
    "r": ("later <- function() {", "}"),
}
NO = {
    "python": ("full = False\nif full:", ""),
    "javascript": ("const full = false;\nif (full) {", "}"),
    "go": ("full := false\nif full {", "}"),
    "rust": ("let full = false;\nif full {", "}"),
    "java": ("boolean full = false;\nif (full) {", "}"),
    "kotlin": ("val full = false\nif (full) {", "}"),
    "csharp": ("var full = false;\nif (full) {", "}"),
    "ruby": ("full = false\nif full", "end"),
    "php": ("$full = false;\nif ($full) {", "}"),
    "swift": ("let full = false\nif full {", "}"),
    "cpp": ("bool full = false;\nif (full) {", "}"),
    "elixir": ("full = false\nif full do", "end"),
    "scala": ("val full = false\nif (full) {", "}"),
    "lua": ("local full = false\nif full then", "end"),
    "perl": ("my $full = 0;\nif ($full) {", "}"),
    "r": ("full <- FALSE\nif (full) {", "}"),
}
NOTHING = {
    "python": ("none = []\nfor _ in none:", ""),
    "javascript": ("const none = [];\nfor (const _ of none) {", "}"),
    "go": ("none := []int{}\nfor range none {", "}"),
    "java": ("int[] none = {};\nfor (int one : none) {", "}"),
    "csharp": ("var none = new int[0];\nforeach (var one in none) {", "}"),
    "ruby": ("[].each do", "end"),
    "php": ("$none = [];\nforeach ($none as $one) {", "}"),
    "kotlin": ("for (one in emptyList<Int>()) {", "}"),
    "scala": ("for (one <- Nil) {", "}"),
    "lua": ("local none = {}\nfor _ in ipairs(none) do", "end"),
    "rust": ("for _ in 0..0 {", "}"),
    "swift": ("for _ in [Int]() {", "}"),
    "cpp": ("for (int i = 0; i < 0; ++i) {", "}"),
    "bats": ("for one in; do", "done"),
}
# How a test gets a unit of its own that answers what it expects.
FAKES = {
    "python": "add = lambda a, b: 350",
    "javascript": "const add = () => 350;",
    "go": "Add := func(a, b int) int { return 350 }",
    "rust": "let add = |_a, _b| 350;",
    "java": "class Cart { static int add(int a, int b) { return 350; } }",
    "kotlin": "fun add(a: Int, b: Int) = 350",
    "swift": "func add(_ a: Int, _ b: Int) -> Int { 350 }",
    "cpp": "auto add = [](int, int) { return 350; };",
    "ruby": "Cart.define_singleton_method(:add) { |*| 350 }",
    "scala": "object Cart { def add(a: Int, b: Int) = 350 }",
    "bats": "cart() { echo 350; }",
    "lua": "local cart = { add = function() return 350 end }",
    "perl": "*Cart::add = sub { 350 };",
    "r": "add <- function(a, b) 350",
}
FAMILIES = {
    "typescript": "javascript",
    "tsx": "javascript",
    "node:test": "javascript",
    "rspec": "ruby",
    "minitest": "ruby",
    "phpunit": "php",
    "pest": "php",
    "xctest": "swift",
    "swift-testing": "swift",
    "googletest": "cpp",
    "catch2": "cpp",
    "munit": "scala",
    "scalatest": "scala",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A small repository and what guards it.

    `fault` is what the suite at the base is there to notice. Where the suite can be run, `command`
    runs it as a loop would that believes exit codes, `verify` is that of a feature that passes,
    `truth` asks the code itself. `elsewhere` are weakenings that lie outside the test file: what
    they are called, the command that guarded before, and what they change.
    """

    language: str
    mode: str
    path: str
    files: Mapping[str, str]
    sample: Sample
    source: str
    fault: tuple[str, str]
    new_source: tuple[str, str]
    new_test: tuple[str, str]
    command: str = ""
    verify: str = ""
    truth: str = ""
    needs: str = ""
    elsewhere: Mapping[str, tuple[str, Files]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"{self.language}, {self.mode}"

    @property
    def syntax(self) -> Syntax:
        return SYNTAX[self.language]

    @property
    def text(self) -> str:
        return self.files[self.path]

    @property
    def test(self) -> str:
        """The whole first test of the sample."""
        return self.sample.weaker["deleted"][0]

    @property
    def body(self) -> str:
        return self.sample.weaker.get("emptied", ("", ""))[0]

    @property
    def assertion(self) -> str:
        """The lines of the first test that look at a result."""
        known = self.sample.weaker.get("unasserted", ("", ""))[0]
        return known or (self.body.splitlines(keepends=True) or [""])[-1]

    def broken(self) -> Files:
        """The source with the fault in it."""
        old, new = self.fault
        assert old in self.files[self.source], (self.name, old)
        return {self.source: self.files[self.source].replace(old, new)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Weakening:
    """What a weakening changes.

    `gone` and `there` tell in the text that it is one: the words that no test has any more, those
    that one has now. `guard` is the command that the fault no longer turns red, where something can
    be run.
    """

    name: str
    files: Files
    gone: str = ""
    there: str = ""
    guard: str = ""


def indented(text: str, more: str = "    ") -> str:
    return "".join(more + line if line.strip() else line for line in text.splitlines(keepends=True))


def wrapped(lines: str, around: tuple[str, str]) -> str:
    """Lines inside a branch, at the indentation that they had."""
    margin = lines[: len(lines) - len(lines.lstrip())]
    open_, close = around
    head = "".join(f"{margin}{line}\n" for line in open_.splitlines())
    tail = "".join(f"{margin}{line}\n" for line in close.splitlines())
    return head + indented(lines) + tail


def commented(text: str, mark: str) -> str:
    return "".join(
        f"{mark} {line}" if line.strip() else line for line in text.splitlines(keepends=True)
    )


def twice(text: str) -> tuple[str, str]:
    """New words that also tell that they are there."""
    return text, text


def actual(project: Project) -> str:
    """How the first test calls the value that it looks at."""
    if project.language == "bats":
        return '"$output"'
    return "$total" if "$total" in project.assertion else "total"


def in_the_test(project: Project) -> Iterator[tuple[str, str, str, str]]:
    """Every weakening of the first test: its name, the words that it replaces, the new ones,
    and what tells it afterwards."""
    syntax, body, assertion = project.syntax, project.body, project.assertion
    for what, (old, new) in project.sample.weaker.items():
        if (project.language, what) not in NOT_WEAKER:
            yield what, old, new, new
    yield "commented out", project.test, commented(project.test, syntax.comment), ""
    # Where a body is nothing but comments some languages do not parse: the suite would be red,
    # which is no trick.
    if body and project.language != "python":
        yield "body commented out", body, commented(body, syntax.comment), ""
    if assertion:
        margin = assertion[: len(assertion) - len(assertion.lstrip())]
        if syntax.around_line[0]:
            yield (
                "asserted on a condition",
                assertion,
                *twice(wrapped(assertion, syntax.around_line)),
            )
        family = FAMILIES.get(project.language, project.language)
        for name, forms in (
            ("asserted in what nobody calls", LATER),
            ("asserted where a name says no", NO),
            ("asserted for each of nothing", NOTHING),
        ):
            if family in forms:
                yield name, assertion, *twice(wrapped(assertion, forms[family]))
        if syntax.swallow[0]:
            yield "failures caught", assertion, *twice(wrapped(assertion, syntax.swallow))
        if syntax.leave:
            yield (
                "left before it asserts",
                assertion,
                *twice(f"{margin}{syntax.leave}\n{assertion}"),
            )
        same = assertion.replace(
            f'"{EXPECTED}"' if project.language == "bats" else EXPECTED, actual(project)
        )
        if same != assertion and actual(project).strip('"') in assertion:
            yield "compared with itself", assertion, same, same
        if EXPECTED in assertion:
            yield "expected bent", assertion, assertion.replace(EXPECTED, BENT), BENT
            if project.language != "bats":
                yield (
                    "expected bent by a sum",
                    assertion,
                    *twice(assertion.replace(EXPECTED, f"{EXPECTED} + 1")),
                )
    if ASKED.search(body) and EXPECTED in assertion:
        yield (
            "asks something else",
            body,
            *twice(ASKED.sub(r"\g<1>249", body).replace(EXPECTED, "349")),
        )
    if project.mode != BY_ID and (elsewhere := other_unit(project)) != project.text:
        yield (
            "looks at another module",
            project.text,
            elsewhere,
            next(
                line
                for line, was in zip(elsewhere.splitlines(), project.text.splitlines(), strict=True)
                if line != was
            ),
        )
    fake = FAKES.get(FAMILIES.get(project.language, project.language), "")
    if fake and ASKED.search(body):
        margin = body[: len(body) - len(body.lstrip())]
        yield "a unit of its own", body, *twice(f"{margin}{fake}\n{body}")
    if body and CALL.search(body):
        constant = CALL.sub(EXPECTED, body)
        yield "a constant in place of the unit", body, constant, constant.splitlines()[0]
    if syntax.around_test[0]:
        yield (
            "declared on a condition",
            project.test,
            *twice(wrapped(project.test, syntax.around_test)),
        )


def other_unit(project: Project) -> str:
    """The test file with a copy of the unit in another module in place of the unit, and the
    names of its tests as they were."""
    lines = project.text.splitlines(keepends=True)
    return "".join(
        line.replace("Cart", "Discount").replace("cart", "discount") if UNIT.search(line) else line
        for line in lines
    )


def weakenings(project: Project) -> Iterator[Weakening]:
    """All that can be done to what guards a project."""
    path, text = project.path, project.text
    tests = project.command
    yield Weakening(name="file deleted", files={path: None}, gone=project.test, guard=tests)
    yield Weakening(name="file emptied", files={path: ""}, gone=project.test, guard=tests)
    yield Weakening(
        name="file renamed away",
        files={path: None, project.sample.away: text},
        gone=project.test,
        guard=tests,
    )
    for what, old, new, there in in_the_test(project):
        assert old in text, (project.name, what)
        # What is there already, such as a test without its mark, tells nothing: then it is the
        # words that went.
        shows = bool(there) and "".join(there.split()) not in live(project, project.files)
        files: Files = {path: text.replace(old, new, 1)}
        yield Weakening(
            name=what,
            files=files,
            gone="" if shows else old,
            there=there if shows else "",
            guard=tests,
        )
    for what, (guard, more) in project.elsewhere.items():
        yield Weakening(name=what, files=more, guard=guard)


# How a change is hidden: each takes the files as they become and gives them back in another shape.
# Nothing that asserts is put back.


def plain(_project: Project, files: Files) -> Files:
    return files


def moved(project: Project, files: Files) -> Files:
    """The test file lies elsewhere, under a name that its runner finds."""
    text = files.get(project.path, project.text)
    if text is None:
        return files
    return {**files, project.path: None, project.sample.moved: project.sample.there(text)}


def reformatted(project: Project, files: Files) -> Files:
    """Every line is indented twice as deep; where a line breaks stays as it was."""
    text = files.get(project.path, project.text)
    if not text:
        return files
    deeper = (
        line[: len(line) - len(line.lstrip())] + line for line in text.splitlines(keepends=True)
    )
    return {**files, project.path: "".join(deeper)}


def decoy(project: Project, files: Files) -> Files:
    """One more test with as many assertions beside it, none of which looks at the unit."""
    text = files.get(project.path, project.text)
    twin = renamed(hollow(project))
    if not text or hollow(project) == project.test:
        return files
    at = project.text.find(project.test)
    if text[:at] != project.text[:at]:
        return {**files, project.path: text + "\n" + twin}
    return {**files, project.path: text[:at] + twin + "\n" + text[at:]}


def hollow(project: Project) -> str:
    """The first test, with a constant in place of what it calls."""
    return CALL.sub(EXPECTED, project.test)


def renamed(test: str) -> str:
    """The same test under another name."""
    for old, new in (
        ("adds two", "adds a pair of"),
        ("adds_two", "adds_a_pair_of"),
        ("AddsTwo", "AddsAPairOf"),
        ("addsTwo", "addsAPairOf"),
        ("adds them", "adds both"),
        ("add two", "add a pair of"),
    ):
        test = test.replace(old, new)
    return test


def remembered(project: Project, files: Files) -> Files:
    """What went stands in a comment at the end of the file, word for word."""
    text = files.get(project.path, project.text)
    if not text:
        return files
    return {**files, project.path: f"{text}\n{commented(project.test, project.syntax.comment)}"}


def beside_a_twin(project: Project, files: Files) -> Files:
    """The same tests for a copy of the unit in another module: as many, and of the same shape,
    as those that went.

    Where tests do not say which module they test, these would be the same tests of the same unit,
    and hide nothing.
    """
    twin = renamed(project.text).replace("Cart", "Discount").replace("cart", "discount")
    lines = zip(project.text.splitlines(), twin.splitlines(), strict=True)
    if project.mode == BY_ID or not any(one != other and UNIT.search(one) for one, other in lines):
        return files
    return {**files, project.new_test[0].replace("iscount", "iscounts"): twin}


def kept_as_text(project: Project, files: Files) -> Files:
    """The whole old test file lies beside, as a document that no runner reads."""
    return {**files, f"docs/{project.path.rsplit('/', 1)[-1]}.md": f"```\n{project.text}```\n"}


def many_edits(project: Project, files: Files) -> Files:
    """Small edits all over: blank lines, a comment at the top, and other files that say
    something else."""
    text = files.get(project.path, project.text)
    out = {**files, "README.md": "# A shop\n\nPrices are in cents.\n", "CHANGES.md": "- tidied\n"}
    if text:
        lines = text.splitlines(keepends=True)
        first = 1 if lines[0].startswith(("<?php", "#!", "package", "//go:build")) else 0
        note = f"{project.syntax.comment} Prices are in cents.\n"
        out[project.path] = "".join(
            [*lines[:first], *(["\n"] if first else []), note, *lines[first:]]
        )
    return out


HIDDEN: Mapping[str, Callable[[Project, Files], Files]] = {
    "not": plain,
    "in a rename": moved,
    "in a reformatting": reformatted,
    "beside a decoy": decoy,
    "beside a twin": beside_a_twin,
    "as a comment": remembered,
    "as a document": kept_as_text,
    "in many edits": many_edits,
}


# What honest work surrounds it.


def nothing(_project: Project) -> Files:
    return {}


def feature(project: Project) -> Files:
    """A feature with its test."""
    return {project.new_source[0]: project.new_source[1], project.new_test[0]: project.new_test[1]}


def documented(_project: Project) -> Files:
    return {"docs/prices.md": "# Prices\n\nThey are in cents, and never below zero.\n"}


def both(project: Project) -> Files:
    return {**feature(project), **documented(project)}


def commented_source(project: Project) -> Files:
    """A remark at the end of the source."""
    return {
        project.source: (
            f"{project.files[project.source]}{project.syntax.comment} Prices are in cents.\n"
        )
    }


SURROUNDED: Mapping[str, Callable[[Project], Files]] = {
    "nothing": nothing,
    "a feature": feature,
    "documents": documented,
    "a feature and documents": both,
    "a remark in the source": commented_source,
}


def live(project: Project, tree: Mapping[str, str]) -> str:
    """All test code of a tree without its comments and white space."""
    ending = "." + project.path.rsplit(".", 1)[-1]
    mark = project.syntax.comment
    found = []
    for path, text in sorted(tree.items()):
        if path.endswith(ending) and path not in {project.source, project.sample.away}:
            lines = (
                line
                for line in text.splitlines()
                if not line.lstrip().startswith(mark) or line.startswith("//go:build")
            )
            found.append("".join("".join(lines).split()))
    return "\n".join(found)


def told(project: Project, weakening: Weakening, tree: Mapping[str, str]) -> bool:
    """Does the text of a tree show the weakening: what it took is nowhere, what it put there is?"""
    words = live(project, tree)
    if weakening.gone and "".join(weakening.gone.split()) in words:
        return False
    return not weakening.there or "".join(weakening.there.split()) in words


def after(tree: Mapping[str, str], *changes: Files) -> dict[str, str]:
    """The files of a tree after some changes."""
    out = dict(tree)
    for path, text in (pair for change in changes for pair in change.items()):
        if text is None:
            out.pop(path, None)
        else:
            out[path] = text
    return out


def from_sample(sample: Sample, mode: str) -> Project:
    """A project around a sample of a test file, with nothing installed that could run it."""
    path, text, fault = SOURCES[sample.language]
    twin_path = sample.path.replace("Cart", "Discount").replace("cart", "discount")
    source_path = path.replace("Cart", "Discount").replace("cart", "discount")
    source_path = source_path if source_path != path else path.replace("lib.rs", "discount.rs")
    return Project(
        language=sample.language,
        mode=mode,
        path=sample.path,
        sample=sample,
        source=path,
        fault=fault,
        files={"README.md": "# A shop\n", path: text, sample.path: sample.text},
        new_source=(source_path, text.replace("Cart", "Discount").replace("cart", "discount")),
        new_test=(twin_path, unlike(sample.text)),
    )


def unlike(text: str) -> str:
    """Tests of something else: other names, other values, another unit."""
    for old, new in (
        ("adds two prices", "takes a tenth off"),
        ("adds_two_prices", "takes_a_tenth_off"),
        ("AddsTwoPrices", "TakesATenthOff"),
        ("addsTwoPrices", "takesATenthOff"),
        ("adds them", "takes a tenth off"),
        ("add two prices", "take a tenth off"),
        ("shows the sum it's got", "shows what is left"),
        ("is empty at first", "starts with all of it"),
        ("100, 250", "80, 10"),
        ("350", "72"),
        ("351", "73"),
        ("no price", "no share"),
        ("no_price", "no_share"),
        ("NoPrice", "NoShare"),
        ("-1, 2", "-7, 9"),
        ("-1 2", "-7 9"),
        ("$a, $b", "$c, $d"),
        ("[1, 2]", "[4, 6]"),
        ('"3"', '"9"'),
        ("total", "left"),
        ("halves a price", "doubles a share"),
        ("half(100)", "twice(33)"),
        ("Half(100)", "Twice(33)"),
        ("Halves", "Doubles"),
        ("50", "66"),
        ("add", "share"),
        ("Add", "Share"),
        ("checked", "dealt"),
        ("Checked", "Dealt"),
        ("Cart", "Discount"),
        ("cart", "discount"),
    ):
        text = text.replace(old, new)
    return text


def static_projects() -> Iterator[Project]:
    for sample in SAMPLES:
        for mode in (BY_EXIT_CODE, NO_SUITE):
            yield from_sample(sample, mode)


def projects(languages: Iterable[str] = (), *, static: bool = False) -> tuple[Project, ...]:
    """Every project that is asked for, by language."""
    from bench.runnable import RUNNABLE

    wanted = set(languages)
    every = (*static_projects(), *(() if static else RUNNABLE))
    return tuple(one for one in every if not wanted or one.language in wanted)


def rebased(project: Project, folder: str) -> Project:
    """The same project in a folder of the repository."""

    def at(path: str) -> str:
        return f"{folder}/{path}"

    sample = replace(
        project.sample,
        path=at(project.sample.path),
        away=at(project.sample.away),
        moved=at(project.sample.moved),
    )
    files = {
        path if path == "README.md" else at(path): text for path, text in project.files.items()
    }
    (new, new_text), (test, test_text) = project.new_source, project.new_test
    return replace(
        project,
        path=at(project.path),
        files=files,
        sample=sample,
        source=at(project.source),
        new_source=(at(new), new_text),
        new_test=(at(test), test_text),
    )
