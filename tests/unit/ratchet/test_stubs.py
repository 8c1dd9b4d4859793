"""Code with everything that was added emptied."""

import pytest

from nightlatch.ratchet.mutation.stubs import stubbed


@pytest.mark.parametrize(
    ("path", "old", "new", "stub"),
    [
        (
            "a.py",
            "def f():\n    return 1\n",
            "def f():\n    return 1\n\n\ndef g(x):\n    '''Doc.'''\n    y = x\n    return y\n",
            "def f():\n    return 1\n\n\ndef g(x):\n    '''Doc.'''\n    return None\n",
        ),
        (
            "a.py",
            None,
            (
                "class A:\n    def __init__(self):\n        self.x = 1\n\n    def f(self):\n       "
                " return self.x\n"
            ),
            (
                "class A:\n    def __init__(self):\n        self.x = 1\n\n    def f(self):\n       "
                " return None\n"
            ),
        ),
        (
            "a.py",
            None,
            "def f():\n    def g():\n        return 1\n    return g\n",
            "def f():\n    return None\n",
        ),
        ("a.py", "def f():\n    return 1\n", "def f():\n    return 2\n", None),
        ("a.py", None, "def f(:\n", None),
        (
            "a.js",
            None,
            "export function f(a) { return a; }\nconst g = (a) => a + 1;\n",
            "export function f(a) { }\nconst g = (a) => undefined;\n",
        ),
        (
            "a.tsx",
            "",
            "export const V = () => { return <p>it's</p>; };\n",
            "export const V = () => { return undefined as never; };\n",
        ),
        (
            "a.go",
            "package a\n",
            "package a\n\nfunc F(a int) int { return a }\n",
            "package a\n\nfunc F(a int) int { return *new(int) }\n",
        ),
        (
            "a.go",
            "package a\n",
            (
                'package a\n\nimport (\n\t"errors"\n\t"os"\n)\n\nvar E = errors.New("a")\n\nfunc (t'
                " *T) F(p string) (n, m int, err error) { _, err = os.Stat(p); return 1, 2, err }\n"
            ),
            (
                'package a\n\nimport (\n\t"errors"\n\t_ "os"\n)\n\nvar E = errors.New("a")\n\nfunc'
                " (t *T) F(p string) (n, m int, err error) { return *new(int), *new(int),"
                " *new(error) }\n"
            ),
        ),
        (
            "a.go",
            "package a\n",
            'package a\n\nimport "fmt"\n\nfunc F() { fmt.Println() }\n',
            'package a\n\nimport _ "fmt"\n\nfunc F() { }\n',
        ),
        (
            "a.ts",
            "",
            "export function f(a: number): number { return a; }\n",
            "export function f(a: number): number { return undefined as never; }\n",
        ),
        ("a.rs", "", "fn f() -> i32 { 1 }\n", "fn f() -> i32 { Default::default() }\n"),
        (
            "a.rs",
            "",
            (
                "fn f() -> Result<Vec<u8>, Error> { Ok(vec![1]) }\nfn g(a: &mut A) { a.b = 1; }\nfn"
                " h() -> A { A { b: 1 } }\n"
            ),
            (
                "fn f() -> Result<Vec<u8>, Error> { Ok(Default::default()) }\nfn g(a: &mut A) {"
                " }\nfn h() -> A { todo!() }\n"
            ),
        ),
        (
            "a.rs",
            "",
            "#[derive(Debug, Default)]\nstruct A { b: i32 }\nfn h() -> A { A { b: 1 } }\n",
            "#[derive(Debug, Default)]\nstruct A { b: i32 }\nfn h() -> A { Default::default() }\n",
        ),
        (
            "A.java",
            "",
            "class A { int f() { return 1; } }\n",
            "class A { int f() { return 0; } }\n",
        ),
        (
            "A.java",
            "",
            (
                'class A { void f() { g(1); } boolean h() { return true; } String s() { return "a";'
                " } <T> T t(T a) { return a; } }\n"
            ),
            (
                "class A { void f() { } boolean h() { return false; } String s() { return null; }"
                " <T> T t(T a) { return null; } }\n"
            ),
        ),
        ("a.rb", "", "def f(a)\n  a + 1\nend\n", "def f(a)\n  nil\nend\n"),
        ("a.php", "", "<?php\nfunction f($a) { return $a; }\n", "<?php\nfunction f($a) { }\n"),
        ("a.sh", "", "f() {\n  echo 1\n}\n", "f() { :; }\n"),
        ("a.txt", "", "anything\n", None),
    ],
)
def test_what_was_added_is_emptied_and_the_rest_stays(
    path: str, old: str | None, new: str, stub: str | None
) -> None:
    assert stubbed(path, old, new) == stub
