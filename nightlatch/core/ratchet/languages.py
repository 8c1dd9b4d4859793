"""The words in which tests of JavaScript, TypeScript, Go and Rust skip, assert, mock and catch; patterns are over spaced tokens."""

import re

from nightlatch.core.ratchet.seen import EXACT, VAGUE

SUITES = {"describe", "suite", "context", "xdescribe", "fdescribe"}
CALLS = SUITES | {"it", "test", "specify", "xit", "xtest", "fit", "ftest"}
SKIPPED = {"skip", "todo", "fails", "failing", "skipIf", "runIf"}
ROWS = {"each", "for"}
RECEIVERS = {"t", "ctx", "context", "suite"}
SKIPPERS = {"t", "tb", "b", "ctx", "context", "this", "test", ")"}
SKIP_CALLS = {"skip", "todo", "Skip", "Skipf", "SkipNow"}
LEAVES = re.compile(r"process (?:\.|::) exit \(|runtime \. Goexit \(|os \. Exit \(")
OPTION = re.compile(r"\{ (?:[^{}]* )?(skip|todo|only|fails) : (?!false)")
RETRY = re.compile(r"\b(?:retry|retries|flakyTestRetries) : [1-9]|\b(?:retries|retryTimes) \( [1-9]")
TIMEOUT = re.compile(r"\btimeout : ([\d_]+)|\bsetTimeout \( ([\d_]+) \)")
GATE = re.compile(
    r"process \. env|os \. (?:Getenv|LookupEnv|Hostname)|testing \. Short|\bDate\b|time \. Now|runtime \. GO|\bplatform\b|\benv ::|env !"
    r"|SystemTime"
)
NEVER = re.compile(r"\(? ?(?:false|0|! true|! 1)(?: &&.*)? ?\)?$")
EMPTY_LOOP = re.compile(r"(?:of|in|range) (?:\[ \]|nil|\[ \] [\w.* ]+ \{ \}|vec ! \[ \])(?: \)| \{|$)")
HANDLED = re.compile(r"\b(?:throw|expect|assert|fail|reject|done|caught|err\w* =)\b")
MOCK = re.compile(
    r"\b(?:spyOn|method|replaceProperty) \( [^,]+ , [\"'](\w+)[\"']"
    r"|(?<!const )(?<!let )(?<!var )\b(\w+) = (?:async )?(?:\( [^()]* \) =>|function\b|func \(|vi \.|jest \.)"
)
SPIED = re.compile(r"\b(?:spyOn|method) \( [^,]+ , [\"'](\w+)[\"']")
MODULE_MOCK = re.compile(r"\b(?:vi|jest|mock) \. (?:mock|doMock|module|unstable_mockModule) \( (?:import \( )?[\"'`]([^\"'`]+)")
IMPORT = re.compile(
    r"\bimport (?:type )?([^;\"']*?) from [\"']([^\"']+)[\"']"
    r"|\b(?:const|let|var) ([^=;]+) = (?:await )?(?:require|import) \( [\"']([^\"']+)[\"']"
)
DEFINED = re.compile(r"(?:^|[;}] ?|export )(?:async )?(?:function|const|let|var|class|func|fn) (\w+)")
HELPER = re.compile(r"(?:assert|check|verify|expect|ensure|must)[A-Z_]")
GO_TEST = re.compile(r"(?:Test|Fuzz|Example)(?![a-z])")
RUST_TEST = re.compile(r"(?:\w+ :: )*(?:test|rstest|test_case)\b")
RUST_OFF = re.compile(r"(?:ignore|should_panic|cfg|cfg_attr)\b")
GO_FAILS = {"Error", "Errorf", "Fatal", "Fatalf", "Fail", "FailNow"}
RUST = {
    "assert", "assert_eq", "assert_ne", "assert_matches", "debug_assert", "debug_assert_eq", "debug_assert_ne", "assert_snapshot",
    "matches",
}  # fmt: skip
EXPRESSIONS = {"ok", "assert", "true", "True", "istrue", "isTrue", "matches"}
FIXED = re.compile(r"(?:true|false|null|undefined|nil|-?[\d_.]+\w*|\"[^\"]*\"|'[^']*')$")
ALWAYS = re.compile(r"(?:true|! false|[1-9]\d*|\"[^\"]+\"|'[^']+'|\[.*\]|\{.*\})$|(?:^|.*\|\| )true$")
EQUAL = re.compile(r"(.+?) ===? (.+)")
ORDER = re.compile(r"(.+?) (<=?|>=?) (.+)")
PARTIAL = re.compile(r"matches !|\. (?:includes|contains|startsWith|starts_with|test|match) \(")
ANY_VALUE = re.compile(r"expect \. any(?:thing)? \(")
SOME_VALUE = re.compile(r"expect \. (?:not \. )?(?:\w+Containing|stringMatching|closeTo) \(")
NUMBER = re.compile(r"-? ?[\d_]+(?:\.[\d_]*)?(?:e-?\d+)?\Z")
GO_SAME = re.compile(r"! (?:\w+ \. (?:DeepEqual|Equal|EqualFold|Is|As)|cmp \. Diff) \( (.+?) [,)]|cmp \. Diff \( (.+?) ,")
EXACTLY = (
    "tobe", "toequal", "tostrictequal", "equal", "equals", "strictequal", "deepequal", "deepstrictequal", "eql", "eq", "same", "deep",
    "tomatchsnapshot", "tomatchinlinesnapshot", "tobecloseto", "tobenull", "tobeundefined", "jsoneq", "elementsmatch", "indelta", "null",
    "inepsilon", "equalvalues", "equalerror", "nil", "noerror", "empty", "len", "exactly", "tohavebeencalledwith", "tohavebeencalledtimes",
    "tohavebeennthcalledwith", "tothrow", "tothrowerror", "throws", "rejects", "erroris", "errorcontains", "tohavelength",
    "tohaveproperty", "assert_eq", "assert_snapshot",
)  # fmt: skip
VAGUELY = (
    "tobetruthy", "tobefalsy", "tobedefined", "tobeinstanceof", "tobetypeof", "tohavebeencalled", "ok", "true", "false", "notnil",
    "notempty", "error", "notequal", "notstrictequal", "notdeepequal", "notdeepstrictequal", "doesnotthrow", "doesnotreject", "exist",
    "exists", "an", "a", "isdefined", "istrue", "assert_ne", "instanceof", "resolves", "notzero", "zero", "panics", "notpanics", "any",
    "anything",
)  # fmt: skip
MATCHERS = dict.fromkeys(EXACTLY, EXACT) | dict.fromkeys(VAGUELY, VAGUE)
