"""Streams of every dialect, cut to what matters and in no way runs, and what an agent's end is
made of."""

import json
from datetime import UTC, datetime
from functools import reduce
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightlatch.agents.exit_classification import Summary, after, ended
from nightlatch.agents.streams.dialects import DIALECTS, reader
from nightlatch.errors import ConfigError
from nightlatch.model.models import AgentEnd, End, Event, Kind, Usage

NOW = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)
Line = dict[str, object] | str

STREAMS = Path(__file__).with_name("streams")
SAYS_DONE: dict[str, list[Line]] = {
    file.stem: [json.loads(line) for line in file.read_text().splitlines()]
    for file in sorted(STREAMS.iterdir())
}
CLAUDE_ERROR: dict[str, object] = {"type": "result", "subtype": "success", "is_error": True}
SETTLED: Line = {"type": "agent_settled"}


def claude_said(*blocks: dict[str, object]) -> Line:
    return {"type": "assistant", "message": {"content": blocks}}


def pi_stopped(reason: str, error: str = "") -> list[Line]:
    return [
        {
            "type": "message_end",
            "message": {"role": "assistant", "stopReason": reason, "errorMessage": error},
        },
        SETTLED,
    ]


def codex_failed(words: str) -> list[Line]:
    return [{"type": "turn.failed", "error": {"message": words}}]


def opencode_failed(words: str, status: int) -> list[Line]:
    return [
        {
            "type": "error",
            "error": {"name": "APIError", "data": {"message": words, "statusCode": status}},
        }
    ]


def events(dialect: str, lines: list[Line]) -> list[Event]:
    read = reader(dialect)
    return [
        e
        for line in lines
        for e in read.feed((line if isinstance(line, str) else json.dumps(line)).encode())
    ]


def summary(dialect: str, lines: list[Line]) -> Summary:
    return reduce(after, events(dialect, lines), Summary())


def end(
    dialect: str, lines: list[Line], *, code: int | None = 0, by: str = "self", question: str = ""
) -> AgentEnd:
    return ended(
        summary(dialect, lines),
        events=dialect,
        code=code,
        signal=None,
        by=by,
        now=NOW,
        zone=UTC,
        question=question,
    )


@pytest.mark.parametrize("dialect", SAYS_DONE)
def test_a_session_reads_the_same_in_every_dialect(dialect: str) -> None:
    found = events(dialect, SAYS_DONE[dialect])
    came = reduce(after, found, Summary())
    assert (came.session, came.output.words, came.open_tools) == ("s1", "Done.", ())
    assert came.result
    assert came.result.ok
    call = next(e for e in found if e.kind is Kind.TOOL_CALL)
    assert (call.text, call.data["id"]) == ("ls", "t")
    result = next(e for e in found if e.kind is Kind.TOOL_RESULT)
    assert (result.text, result.data) == ("files", {"id": "t", "ok": True})
    assert all(e.raw for e in found)


@pytest.mark.parametrize("dialect", sorted(set(SAYS_DONE) - {"copilot"}))
def test_tokens_and_dollars_are_counted_as_the_agent_reports_them(dialect: str) -> None:
    told = {"claude": 0.5, "pi": 0.5, "opencode": 0.5, "jsonl": 0.5}.get(dialect)
    assert summary(dialect, SAYS_DONE[dialect]).usage == Usage(
        input=3000, cached=600, output=80, usd=told
    )


def test_what_was_used_before_the_end_is_known_when_the_end_never_comes() -> None:
    assert summary("claude", SAYS_DONE["claude"][:-1]).usage == Usage(input=10, output=1)
    assert summary("claude", SAYS_DONE["claude"][:-1]).turns == 2
    assert summary("pi", SAYS_DONE["pi"][:-2]).usage == Usage(
        input=1500, cached=300, output=40, usd=0.25
    )


@pytest.mark.parametrize("dialect", SAYS_DONE)
def test_without_its_result_event_nothing_has_finished_whatever_the_exit_code(dialect: str) -> None:
    came = end(dialect, SAYS_DONE[dialect][:-1], code=0)
    assert (came.end, came.says[:22]) == (End.FAULT, "ended without a result")


@pytest.mark.parametrize("dialect", SAYS_DONE)
def test_with_its_result_event_it_has_finished_also_when_it_had_to_be_ended(dialect: str) -> None:
    assert end(dialect, SAYS_DONE[dialect], by="result", code=None).end is End.FINISHED


def test_a_tool_call_is_open_until_its_result_comes() -> None:
    lines = SAYS_DONE["claude"]
    assert summary("claude", lines[:3]).open_tools == ("t",)
    assert summary("claude", lines[:4]).open_tools == ()


def test_open_tool_calls_are_remembered_in_bounded_memory() -> None:
    calls: list[Line] = [{"kind": "tool_call", "id": str(n)} for n in range(1000)]
    assert len(summary("jsonl", calls).open_tools) <= 256


@pytest.mark.parametrize(
    ("dialect", "lines", "code", "wanted"),
    [
        (
            "claude",
            [
                {
                    **CLAUDE_ERROR,
                    "api_error_status": 429,
                    "result": "API Error: Request rejected (429) · slow down",
                }
            ],
            1,
            End.LIMIT,
        ),
        (
            "claude",
            [{**CLAUDE_ERROR, "api_error_status": 529, "result": "API Error: 529 Overloaded."}],
            1,
            End.FAULT,
        ),
        (
            "claude",
            [
                {
                    **CLAUDE_ERROR,
                    "api_error_status": 400,
                    "terminal_reason": "prompt_too_long",
                    "result": "Too much",
                }
            ],
            1,
            End.CONTEXT,
        ),
        (
            "claude",
            [
                {
                    "type": "result",
                    "subtype": "error_max_turns",
                    "is_error": True,
                    "errors": ["Reached maximum"],
                }
            ],
            1,
            End.TURNS,
        ),
        (
            "claude",
            [{"type": "result", "subtype": "error_during_execution", "is_error": False}],
            0,
            End.FAULT,
        ),
        (
            "claude",
            [{"type": "assistant", "error": "billing_error"}, {**CLAUDE_ERROR, "result": "no"}],
            1,
            End.CREDIT,
        ),
        (
            "claude",
            [
                {"type": "assistant", "error": "authentication_failed"},
                {**CLAUDE_ERROR, "result": "no"},
            ],
            1,
            End.LOGIN,
        ),
        ("codex", codex_failed("You’ve hit your usage limit. try again at 8:12 AM."), 1, End.LIMIT),
        (
            "codex",
            codex_failed("Quota exceeded. Check your plan and billing details."),
            1,
            End.CREDIT,
        ),
        (
            "codex",
            codex_failed("Codex ran out of room in the model's context window."),
            1,
            End.CONTEXT,
        ),
        ("codex", codex_failed("stream disconnected before completion"), 1, End.FAULT),
        (
            "gemini",
            [
                {
                    "type": "result",
                    "status": "error",
                    "error": {"type": "unknown", "message": "[API Error: no]"},
                }
            ],
            173,
            End.LIMIT,
        ),
        (
            "gemini",
            [
                {
                    "type": "result",
                    "status": "error",
                    "error": {"message": "[API Error: terminated]"},
                }
            ],
            1,
            End.FAULT,
        ),
        ("gemini", [{"type": "init", "session_id": "s"}], 53, End.TURNS),
        (
            "qwen",
            [{"type": "system", "subtype": "init"}, "Reached max session turns"],
            53,
            End.TURNS,
        ),
        ("pi", pi_stopped("error", "429: rate"), 0, End.LIMIT),
        ("pi", pi_stopped("aborted"), 0, End.FAULT),
        ("opencode", opencode_failed("slow down", 429), 1, End.LIMIT),
        ("opencode", opencode_failed("who are you", 401), 1, End.LOGIN),
        (
            "copilot",
            [
                {"type": "session.error", "data": {"statusCode": 429}},
                {"type": "result", "exitCode": 1},
            ],
            1,
            End.LIMIT,
        ),
        ("jsonl", [{"kind": "result", "ok": False, "cls": "context"}], 1, End.CONTEXT),
        ("jsonl", [{"kind": "error", "text": "Invalid API key"}], 1, End.LOGIN),
        ("text", ["working", "You've hit your limit · resets 3am (UTC)"], 1, End.LIMIT),
        ("text", ["litellm.AuthenticationError: invalid api key"], 1, End.LOGIN),
        ("text", ["Traceback"], 1, End.FAULT),
        ("text", [], 0, End.FINISHED),
        ("codex", ["error: unexpected argument '--frobnicate'"], 2, End.FAULT),
        ("claude", ["Invalid API key · Please run /login"], 1, End.LOGIN),
    ],
)
def test_an_end_is_what_the_agent_says_it_is_and_never_a_finish(
    dialect: str, lines: list[Line], code: int, wanted: End
) -> None:
    assert end(dialect, lines, code=code).end is wanted


ONLY_MENTIONS = [
    "You've hit your 5-hour limit · resets 3am (UTC)",
    "Claude AI usage limit reached|1795228200",
    "I made the API answer 429 Too Many Requests when the rate limit is exceeded.",
    "The test expects 'Quota exceeded. Check your plan and billing details.'",
    "README: if you see `Please run /login`, run it.",
    'The parser now knows RESOURCE_EXHAUSTED and retryDelay: "34s".',
    "Prompt is too long is now an error of its own.",
    "Reached maximum number of turns (2) is printed by claude.",
    "usage_limit_reached resets_at: 1795228200",
    "Credit balance is too low: shown in red.",
    "401 Unauthorized when the token has expired",
    "529 Overloaded is retried three times",
    "context_length_exceeded",
    "5-hour limit reached ∙ resets 2am",
    "You've hit your session limit · resets 8:20pm (Europe/Oslo)",
    "You've hit your weekly limit · resets Nov 24, 2am (UTC)",
    "You're out of extra usage · resets 3pm",
    "You've hit your individual spend limit · ask your admin",
    "You’ve hit your usage limit. Upgrade to Pro or try again at 8:12 AM.",
    "You've hit your usage limit. Try again in 2 days 17 hours 14 minutes.",
    "TerminalQuotaError: You have exhausted your daily quota on this model.",
    "RetryableQuotaError: Please retry in 34.07s.",
    "exceeded retry limit, last status: 429 Too Many Requests",
    '{"type":"rate_limit_event","rate_limit_info":{"status":"rejected","resetsAt":1795228200}}',
    '{"type":"turn.failed","error":{"message":"You have hit your usage limit."}}',
    '{"kind":"limit","status":"rejected","resets_at":1795228200}',
    "HTTP/1.1 429 Too Many Requests\nretry-after: 3600",
    "rate_limit_error: Number of request tokens has exceeded your per-minute rate limit",
    "insufficient_quota: add credits to go on",
    "def test_the_rate_limit_is_reached(): ...",
    "The wiki says that the 5-hour limit resets at midnight.",
    "I raised the message limit to 40, and the limit is hit in the test.",
    "Selected model is at capacity. Please try a different model.",
    "x-ratelimit-reset-requests: 6m0s",
    "402 Payment Required is now handled.",
    "The API key is missing: the error page says so.",
    "Maximum context length is 128000 tokens in the docs.",
    "FatalTurnLimitedError is what gemini calls it.",
    "Your limit will reset at 2pm (America/New_York).",
    "model limit, opus limit, token limit, request limit",
]


@pytest.mark.parametrize("text", ONLY_MENTIONS)
@pytest.mark.parametrize("where", ["said", "read", "thought", "stray"])
def test_a_good_run_that_only_mentions_a_limit_has_finished(text: str, where: str) -> None:
    lines: dict[str, Line] = {
        "said": claude_said({"type": "text", "text": text}),
        "read": {
            "type": "user",
            "message": {
                "content": [
                    {"type": "tool_result", "tool_use_id": "t", "content": text, "is_error": True}
                ]
            },
        },
        "thought": claude_said({"type": "thinking", "thinking": text}),
        "stray": text,
    }
    told = {"type": "result", "subtype": "success", "is_error": False, "result": text}
    assert end("claude", [lines[where], told], code=0).end is End.FINISHED
    assert end("text", [text], code=0).end is End.FINISHED


@pytest.mark.parametrize("text", ONLY_MENTIONS)
def test_a_run_that_failed_is_not_sorted_by_what_it_read_before(text: str) -> None:
    """The tool's output and the agent's words are not its error."""
    read: Line = {
        "type": "user",
        "message": {"content": [{"type": "tool_result", "tool_use_id": "t", "content": text}]},
    }
    said = claude_said({"type": "text", "text": text})
    broke: Line = {
        "type": "result",
        "subtype": "error_during_execution",
        "is_error": True,
        "errors": ["TypeError: x is undefined"],
    }
    assert end("claude", [read, said, broke], code=1).end is End.FAULT
    assert end("claude", [read, said], code=1).end is End.FAULT


def test_a_limit_event_counts_only_when_it_was_enforced_and_the_run_ended_in_an_error() -> None:
    def told(status: str) -> Line:
        return {
            "type": "rate_limit_event",
            "rate_limit_info": {
                "status": status,
                "resetsAt": 1795228200,
                "overageStatus": "rejected",
            },
        }

    broke: Line = {**CLAUDE_ERROR, "result": "You've reached it"}
    good = SAYS_DONE["claude"][-1]
    came = end("claude", [told("rejected"), broke], code=1)
    assert (came.end, came.window.resets_at) == (End.LIMIT, datetime.fromtimestamp(1795228200, UTC))
    assert end("claude", [told("allowed"), broke], code=1).end is End.FAULT
    assert (
        end("claude", [told("rejected"), told("allowed_warning"), broke], code=1).end is End.FAULT
    )
    assert end("claude", [told("rejected"), good], code=0).end is End.FINISHED


def test_a_limit_in_plain_text_brings_its_time() -> None:
    came = end("text", ["You've hit your limit · resets 3am (UTC)"], code=1)
    assert came.window.resets_at == datetime(2026, 11, 21, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("by", "wanted"),
    [("wall", End.WALL), ("idle", End.IDLE), ("tool", End.TOOL), ("stop", End.STOPPED)],
)
def test_what_ended_it_is_told_when_it_did_not_end_itself(by: str, wanted: End) -> None:
    assert end("claude", SAYS_DONE["claude"][:3], code=None, by=by).end is wanted
    assert end("text", ["working"], code=143, by=by).end is wanted


@pytest.mark.parametrize(
    ("text", "status", "by", "wanted"),
    [
        ("rate_limit", 429, "idle", End.LIMIT),
        ("rate_limit", 429, "wall", End.LIMIT),
        ("waiting for network", 0, "idle", End.FAULT),
        ("waiting for network", 0, "wall", End.WALL),
        ("rate_limit", 429, "stop", End.STOPPED),
    ],
)
def test_an_agent_that_was_only_retrying_when_its_time_was_up_failed_at_that(
    text: str, status: int, by: str, wanted: End
) -> None:
    retrying: list[Line] = [
        {"kind": "message", "text": "I begin"},
        {"kind": "retry", "text": text, "status": status},
    ]
    assert end("jsonl", retrying, code=None, by=by).end is wanted
    assert (
        end("jsonl", [*retrying, {"kind": "message", "text": "On."}], code=None, by="idle").end
        is End.IDLE
    )


def test_a_question_blocks_however_the_session_ended() -> None:
    came = end("claude", SAYS_DONE["claude"], question="Which library?")
    assert (came.end, came.question, came.says) == (End.BLOCKED, "Which library?", "Which library?")
    assert end("claude", [], code=1, question="Which?").end is End.BLOCKED
    assert end("claude", [], by="stop", question="Which?").end is End.STOPPED


def test_the_words_of_a_subagent_are_not_the_last_words() -> None:
    helper: Line = {
        "type": "assistant",
        "parent_tool_use_id": "t",
        "message": {"content": [{"type": "text", "text": "I found it"}]},
    }
    assert summary("claude", [*SAYS_DONE["claude"][:-1], helper]).output.words == "Done."


CLAUDE_TODO = [{"content": "a", "status": "completed"}, {"content": "b", "status": "pending"}]
CODEX_TODO = [{"text": "a", "completed": True}, {"text": "b", "completed": False}]


@pytest.mark.parametrize(
    ("dialect", "line"),
    [
        (
            "claude",
            claude_said({"type": "tool_use", "name": "TodoWrite", "input": {"todos": CLAUDE_TODO}}),
        ),
        ("codex", {"type": "item.updated", "item": {"type": "todo_list", "items": CODEX_TODO}}),
        ("jsonl", {"kind": "todo", "items": [{"text": "a", "done": True}, {"text": "b"}]}),
    ],
)
def test_a_list_of_things_to_do_is_read(dialect: str, line: Line) -> None:
    assert summary(dialect, [line]).todo == (("a", True), ("b", False))


@pytest.mark.parametrize("dialect", sorted(set(DIALECTS) - {"text"}))
def test_unknown_lines_are_kept(dialect: str) -> None:
    for line in (
        '{"type": "from the future", "n": 1}',
        "a crash on standard error",
        "[1, 2]",
        '{"torn',
    ):
        (event,) = events(dialect, [line])
        assert (event.kind, event.raw) == (Kind.OTHER, line)
    assert events(dialect, ["", "  "]) == []


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_line_of_fifty_megabytes_is_kept_small(dialect: str) -> None:
    line = b'{"type": "result", "kind": "result", "text": "' + b"x" * 50_000_000 + b'"}'
    found = reader(dialect).feed(line)
    assert sum(len(e.raw) + len(e.text) for e in found) < 200_000


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
json_values = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
)
messages = st.dictionaries(st.sampled_from(["content", "usage", "role", "type"]), json_values)
KNOWN = [line for lines in SAYS_DONE.values() for line in lines if isinstance(line, dict)]
keys = st.sampled_from(
    sorted({key for line in KNOWN for key in line} | {"rate_limit_info", "error"})
)
types = st.sampled_from(sorted({str(line.get("type") or line.get("kind")) for line in KNOWN}))


@given(
    dialect=st.sampled_from(sorted(DIALECTS)),
    kind=types,
    rest=st.dictionaries(keys, json_values | messages),
)
def test_no_line_breaks_a_reader(dialect: str, kind: str, rest: dict[str, object]) -> None:
    line = json.dumps({**rest, "type": kind, "kind": kind})
    ended(
        summary(dialect, [line]), events=dialect, code=1, signal=None, by="self", now=NOW, zone=UTC
    )


@given(st.binary())
def test_no_bytes_break_a_reader(line: bytes) -> None:
    for dialect in DIALECTS:
        reduce(after, reader(dialect).feed(line), Summary())


def test_an_unknown_dialect_is_named_with_the_known_ones() -> None:
    with pytest.raises(ConfigError) as error:
        reader("xml")
    assert "claude" in error.value.fix
