"""Ways around the reader of tests: what hides, replaces or disarms them without touching what
they say; and honest work that looks alike."""

import pytest

from tests.unit.ratchet.declared_samples import SAMPLES
from tests.unit.ratchet.test_declared import refused

BY_LANGUAGE = {sample.language: sample for sample in SAMPLES}
# Language, what is done, and the edits (old, new) of its sample.
HIDDEN = [
    (
        "javascript",
        "its own test",
        [("import { add", "const test = (name, f) => {};\nimport { add")],
    ),
    (
        "javascript",
        "its own expect",
        [
            (
                "import { add",
                "function expect() { return { toBe() {}, toThrow() {} }; }\nimport { add",
            )
        ],
    ),
    ("javascript", "the runner from another file", [('from "vitest"', 'from "./noop.js"')]),
    (
        "javascript",
        "declared under a condition",
        [('test("adds', 'if (process.env.SLOW) test("adds')],
    ),
    (
        "javascript",
        "a process that ends before",
        [('\ntest("adds', '\nprocess.exit(0);\ntest("adds')],
    ),
    (
        "javascript",
        "a skip before each",
        [('\ntest("adds', '\nbeforeEach((ctx) => ctx.skip());\ntest("adds')],
    ),
    (
        "javascript",
        "a generator that nobody runs",
        [("() => {\n  const total", "function* () {\n  const total")],
    ),
    ("javascript", "a matcher that is not called", [("toBe(350)", "toBe")]),
    ("javascript", "compared with itself", [("toBe(350)", "toBe(total)")]),
    (
        "javascript",
        "or true",
        [("expect(total).toBe(350)", "expect(total === 350 || true).toBe(true)")],
    ),
    (
        "javascript",
        "in a comment",
        [('test("adds', '/*\ntest("adds'), ("350);\n});", "350);\n});\n*/")],
    ),
    (
        "javascript",
        "in a text",
        [('test("adds', 'const s = `\ntest("adds'), ("350);\n});", "350);\n});\n`;")],
    ),
    ("tsx", "behind a return", [('  it("shows', '  return;\n  it("shows')]),
    (
        "java",
        "its own assertEquals",
        [
            (
                "class CartTest {",
                "class CartTest {\n  static void assertEquals(Object a, Object b) { }\n",
            )
        ],
    ),
    (
        "java",
        "a failure is expected",
        [("@Test\n  void adds", "@Test(expected = AssertionError.class)\n  void adds")],
    ),
    (
        "java",
        "an assumption before each",
        [
            (
                "class CartTest {",
                "class CartTest {\n  @BeforeEach void setUp() { assumeTrue(false); }\n",
            )
        ],
    ),
    ("java", "private", [("void addsTwo", "private void addsTwo")]),
    ("java", "an abstract class", [("class CartTest", "abstract class CartTest")]),
    ("kotlin", "a private class", [("class CartTest {", "private class CartTest {")]),
    (
        "csharp",
        "not built",
        [("    [Fact]", "#if NEVER\n    [Fact]"), ("    [Theory]", "#endif\n    [Theory]")],
    ),
    ("csharp", "an abstract class", [("public class", "public abstract class")]),
    ("csharp", "a class that nobody sees", [("public class", "class")]),
    ("csharp", "private", [("public void Adds", "private void Adds")]),
    (
        "googletest",
        "its own macro",
        [
            (
                '#include "cart.h"',
                '#include "cart.h"\n#undef EXPECT_EQ\n#define EXPECT_EQ(a, b) (void)(a)',
            )
        ],
    ),
    (
        "googletest",
        "not built",
        [("TEST(Cart", "#ifdef NEVER\nTEST(Cart"), ("350);\n}\n", "350);\n}\n#endif\n")],
    ),
    (
        "rust",
        "its own macro",
        [("#[test]\nfn adds", "macro_rules! assert_eq { ($($t:tt)*) => {}; }\n\n#[test]\nfn adds")],
    ),
    ("go", "another t", [("\ttotal := Add", "\tt = &testing.T{}\n\ttotal := Add")]),
    ("go", "and false", [("if total != 350 {", "if total != 350 && false {")]),
    ("rspec", "behind the end", [('  it "refuses', '  end\n__END__\n  it "refuses')]),
    (
        "rspec",
        "if false",
        [
            ('  it "refuses', '  if false\n  it "refuses'),
            ('"no price")\n  end\n', '"no price")\n  end\n  end\n'),
        ],
    ),
    ("rspec", "a skip before each", [("  context", '  before { skip "later" }\n  context')]),
    ("rspec", "its own it", [("RSpec.describe", "def it(*); end\nRSpec.describe")]),
    (
        "minitest",
        "a skip before each",
        [("  def test_adds", '  def setup\n    skip "later"\n  end\n\n  def test_adds')],
    ),
    (
        "minitest",
        "its own assertion",
        [("  def test_adds", "  def assert_equal(*); end\n\n  def test_adds")],
    ),
    ("minitest", "no test class", [(" < Minitest::Test", "")]),
    (
        "phpunit",
        "a skip before each",
        [
            (
                "    public function testAdds",
                (
                    '    function setUp(): void { $this->markTestSkipped("x"); }\n    public'
                    " function testAdds"
                ),
            )
        ],
    ),
    ("phpunit", "an abstract class", [("final class", "abstract class")]),
    ("phpunit", "private", [("public function testAdds", "private function testAdds")]),
    ("phpunit", "no test class", [(" extends TestCase", "")]),
    (
        "xctest",
        "not built",
        [
            ("    func testAdds", "#if os(Windows)\n    func testAdds"),
            ("350)\n    }\n", "350)\n    }\n#endif\n"),
        ],
    ),
    ("xctest", "no test class", [(": XCTestCase", ": NSObject")]),
    ("xctest", "private", [("    func testAdds", "    private func testAdds")]),
    ("xctest", "a parameter", [("testAddsTwoPrices()", "testAddsTwoPrices(_ x: Int = 1)")]),
    ("elixir", "no test module", [("  use ExUnit.Case, async: true\n", "")]),
    (
        "elixir",
        "if false",
        [
            ('  test "refuses', '  if false do\n  test "refuses'),
            ("-1, 2) end\n  end\n", "-1, 2) end\n  end\n  end\n"),
        ],
    ),
    ("munit", "no test class", [("extends munit.FunSuite", "extends Object")]),
    ("scalatest", "an abstract class", [("class CartSpec", "abstract class CartSpec")]),
    ("bats", "an end before", [('@test "adds', 'exit 0\n@test "adds')]),
    ("bats", "a skip before each", [("load helper", "load helper\n  skip")]),
    ("bats", "failures passed over", [('[ "$output" = "350" ]', '[ "$output" = "350" ] || true')]),
    (
        "bats",
        "failures passed over in a group",
        [('[ "$output" = "350" ]', '{ [ "$output" = "350" ]; } || :')],
    ),
    (
        "bats",
        "failures only told",
        [('[ "$output" = "350" ]', '[ "$output" = "350" ] || echo "not 350"')],
    ),
    (
        "java",
        "left on a condition that holds",
        [("    assertEquals(350", "    if (true) return;\n    assertEquals(350")],
    ),
    (
        "minitest",
        "left on a condition that holds",
        [("    assert_equal 350", "    return if true\n    assert_equal 350")],
    ),
    ("rspec", "on to the next", [("      expect(total)", "      next\n      expect(total)")]),
    ("bats", "its own assertion", [('@test "adds', 'assert_output() { :; }\n@test "adds')]),
    (
        "lua",
        "failures caught",
        [("assert.are.equal(350, total)", "pcall(function() assert.are.equal(350, total) end)")],
    ),
    ("lua", "left before it asserts", [("    assert.are", "    do return end\n    assert.are")]),
    (
        "lua",
        "declared under a condition",
        [
            ('  it("adds', '  if os.getenv("FULL") then\n  it("adds'),
            ("total)\n  end)", "total)\n  end)\n  end"),
        ],
    ),
    ("lua", "a process that ends before", [('describe("cart"', 'os.exit(0)\ndescribe("cart"')]),
    ("lua", "turned round", [("assert.are.equal(350", "assert.are_not.equal(350")]),
    ("lua", "its own assert", [("local cart", 'local assert = require "calm"\nlocal cart')]),
    (
        "lua",
        "another runner of its own",
        [('describe("cart"', 'local function it() end\ndescribe("cart"')],
    ),
    (
        "lua",
        "the unit replaced",
        [("    local total", "    cart.add = function() return 350 end\n    local total")],
    ),
]
AWAY = [
    ("go", "cart/cart_windows_test.go"),
    ("go", "cart/testdata/cart_test.go"),
    ("go", "_cart/cart_test.go"),
    ("rust", "tests/old/cart.rs"),
    ("javascript", "node_modules/cart.test.js"),
    ("javascript", "tests/fixtures/cart.test.js"),
    ("java", "target/CartTest.java"),
    ("rspec", "vendor/cart_spec.rb"),
    ("phpunit", "vendor/CartTest.php"),
    ("elixir", "test/archive/cart_test.exs"),
    ("lua", "old/cart_spec.lua"),
]
HONEST = [
    (
        "bats",
        "told before it fails",
        [('[ "$output" = "350" ]', '[ "$output" = "350" ] || { echo "not 350"; false; }')],
    ),
    ("bats", "fails by itself", [('[ "$output" = "350" ]', '[ "$output" = "350" ] || return 1')]),
    (
        "bats",
        "cleans up whatever is there",
        [("  run cart add 100", "  rm -r old || true\n  run cart add 100")],
    ),
    (
        "java",
        "a branch that holds",
        [("    int total", "    if (true) { System.out.println(1); }\n    int total")],
    ),
    (
        "java",
        "a constant to compare with",
        [
            (
                "    assertEquals(350, total)",
                "    int wanted = 350;\n    assertEquals(wanted, total)",
            )
        ],
    ),
    ("go", "a constant to compare with", [("if total != 350", "want := 350\n\tif total != want")]),
    (
        "javascript",
        "a constant to compare with",
        [("expect(total).toBe(350)", "const wanted = 350;\n  expect(total).toBe(wanted)")],
    ),
    (
        "javascript",
        "a new test with a skip",
        [('\ntest("refuses', '\ntest.skip("new", () => {});\n\ntest("refuses')],
    ),
    (
        "javascript",
        "set up before each",
        [('\ntest("adds', '\nbeforeEach(() => { add(0, 0); });\n\ntest("adds')],
    ),
    (
        "javascript",
        "a helper of its own",
        [('\ntest("adds', '\nfunction sum(...all) { return all.reduce(add); }\n\ntest("adds')],
    ),
    (
        "javascript",
        "a branch that ends early",
        [
            (
                "  const total",
                (
                    "  const list = [1].filter((x) => { if (x > 1) return false; return true; });\n"
                    "  const total"
                ),
            )
        ],
    ),
    (
        "javascript",
        "grouped",
        [('test("adds', 'describe("cart", () => {\ntest("adds'), ("350);\n});", "350);\n});\n});")],
    ),
    ("javascript", "another matcher as exact", [("toBe(350)", "toStrictEqual(350)")]),
    (
        "tsx",
        "another component",
        [("const Shelf", "const Other = () => <p>don't</p>;\nconst Shelf")],
    ),
    (
        "java",
        "AssertJ for JUnit",
        [("assertEquals(350, total)", "assertThat(total).isEqualTo(350)")],
    ),
    (
        "java",
        "a helper of its own",
        [
            (
                "  @Test\n  void adds",
                "  private int twice(int x) { return 2 * x; }\n\n  @Test\n  void adds",
            )
        ],
    ),
    ("java", "a message", [("assertEquals(350, total)", 'assertEquals(350, total, "the sum")')]),
    (
        "java",
        "a new disabled test",
        [
            (
                "  @Test\n  void adds",
                (
                    "  @Test\n  @Disabled\n  void news() { assertEquals(1, 1); }\n\n  @Test\n  void"
                    " adds"
                ),
            )
        ],
    ),
    (
        "kotlin",
        "a private helper",
        [("class CartTest {", "class CartTest {\n    private fun twice(x: Int) = 2 * x\n")],
    ),
    (
        "csharp",
        "an asynchronous test",
        [("public void AddsTwoPrices", "public async Task AddsTwoPrices")],
    ),
    (
        "googletest",
        "a condition about includes",
        [('#include "cart.h"', '#include "cart.h"\n#ifdef _WIN32\n#include <windows.h>\n#endif')],
    ),
    (
        "go",
        "a helper of its own",
        [("func TestAdds", "func twice(x int) int { return 2 * x }\n\nfunc TestAdds")],
    ),
    ("go", "in parallel", [("\ttotal := Add", "\tt.Parallel()\n\ttotal := Add")]),
    (
        "rspec",
        "let for a local",
        [('  context "with', '  let(:cart) { Cart.new }\n\n  context "with')],
    ),
    (
        "rspec",
        "a new pending test",
        [('  it "refuses', '  xit "news" do\n    expect(1).to eq(2)\n  end\n\n  it "refuses')],
    ),
    (
        "minitest",
        "set up before each",
        [("  def test_adds", "  def setup\n    @cart = Cart.new\n  end\n\n  def test_adds")],
    ),
    (
        "phpunit",
        "set up before each",
        [
            (
                "    public function testAdds",
                (
                    "    protected function setUp(): void { $this->cart = new Cart(); }\n\n   "
                    " public function testAdds"
                ),
            )
        ],
    ),
    (
        "xctest",
        "a private helper",
        [
            (
                "    func testAdds",
                "    private func twice(_ x: Int) -> Int { 2 * x }\n\n    func testAdds",
            )
        ],
    ),
    ("elixir", "set up", [('  describe "add', '  setup do\n    :ok\n  end\n\n  describe "add')]),
    (
        "munit",
        "a new ignored test",
        [('  test("adds', '  test("news".ignore) {\n    assertEquals(1, 2)\n  }\n\n  test("adds')],
    ),
    ("bats", "a helper of its own", [('@test "adds', 'twice() { echo "$1 $1"; }\n\n@test "adds')]),
    (
        "catch2",
        "another section",
        [
            (
                '  SECTION("and',
                '  SECTION("more") {\n    CHECK(add(1, 1) == 2);\n  }\n\n  SECTION("and',
            )
        ],
    ),
    (
        "rust",
        "a helper of its own",
        [("#[test]\nfn adds", "fn twice(x: i32) -> i32 {\n    2 * x\n}\n\n#[test]\nfn adds")],
    ),
    (
        "lua",
        "an error that is looked at",
        [
            (
                "    local total",
                "    local ok = pcall(cart.add)\n    assert.is_false(ok)\n    local total",
            )
        ],
    ),
    (
        "lua",
        "another matcher as exact",
        [("assert.are.equal(350, total)", "assert.equals(350, total)")],
    ),
    ("lua", "a new pending test", [('  it("refuses', '  pending("halves")\n\n  it("refuses')]),
    (
        "lua",
        "a new test",
        [
            (
                '  it("refuses',
                (
                    '  it("halves", function()\n    assert.are.equal(2, cart.half(4))\n  end)\n\n '
                    ' it("refuses'
                ),
            )
        ],
    ),
]


def edited(language: str, edits: list[tuple[str, str]]) -> str:
    text = BY_LANGUAGE[language].text
    for old, new in edits:
        assert old in text, (language, old)
        text = text.replace(old, new, 1)
    return text


def named(cases: list[tuple[str, str, list[tuple[str, str]]]]) -> list[object]:
    return [
        pytest.param(language, edits, id=f"{language}: {what}") for language, what, edits in cases
    ]


@pytest.mark.parametrize(("language", "edits"), named(HIDDEN))
def test_what_hides_or_disarms_a_test_is_missed(
    language: str, edits: list[tuple[str, str]]
) -> None:
    sample = BY_LANGUAGE[language]
    assert refused({sample.path: sample.text}, {sample.path: edited(language, edits)})


@pytest.mark.parametrize(("language", "path"), AWAY)
def test_a_test_that_moves_where_no_runner_looks_is_missed(language: str, path: str) -> None:
    sample = BY_LANGUAGE[language]
    assert refused({sample.path: sample.text}, {path: sample.text}) == {"test-removed"}


@pytest.mark.parametrize(("language", "edits"), named(HONEST))
def test_honest_work_that_looks_alike_is_refused_nothing(
    language: str, edits: list[tuple[str, str]]
) -> None:
    sample = BY_LANGUAGE[language]
    assert refused({sample.path: sample.text}, {sample.path: edited(language, edits)}) == set()
