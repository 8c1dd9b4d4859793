"""Tell a limit that a program of plain text announces from a sentence that is about limits.

A CLI that meets a limit prints a line that is nothing else: how an error begins, what was reached,
and what to do about it. A sentence on the project's own rate limiter has a subject, and goes on.
Either way it is only a reason to ask the agent once more.
"""

import re

from nightlatch.agents.usage_limits import sort_of

LAST_LINES = 6  # of plain text, where what the agent read cannot be told from what it says
SORTS = frozenset({"limit", "credit", "login"})

_STAMP = r"\[?\d{4}-\d\d-\d\d[T ][\d:.,]+(?:Z|[+-]\d\d:?\d\d)?\]?:?\s*"
_LEVEL = r"\[?(?:ERROR|FATAL|WARN(?:ING)?|INFO)\]?:?\s+"
# marks, and what loggers write first
_LEAD = re.compile(rf"^(?:[^\w'\"{{\[(<]+|{_STAMP}|{_LEVEL})+")

_ERRORS = (  # how a line begins that is an error's, whatever follows
    (
        r"[\[({]?\s*(?:(?:api|fatal|stream|request|llm|http|[a-z]+:) )?(?:error|failed|failure)\b"
        r"\s*(?:code|with status code)?\s*(?:[:(\[|–—-]|\d{3}\b)"
    ),
    r"[a-z_.]*(?:error|exception)\b\s*[:(]",
    r"\w+(?:_exceeded|_exhausted|_error|_reached|_quota)\b\s*[:({]",
    r'\{\s*"(?:error|type|code|status|message)"',
    r"(?:http/?[\d.]*|status(?: code)?|code)\s*:?\s*[45]\d\d\b(?! (?:is|are|was|in|for|on)\b)",
    r"[45]\d\d \{",
    r"unexpected status [45]\d\d\b",
)
_ERROR = re.compile(rf"(?i)(?:{'|'.join(_ERRORS)})")

_WHO = r"(?:claude(?: ai| code)?|codex|gemini|copilot|cursor|opencode|openai|anthropic)"
_WHAT = (
    r"(?:\d-hour|five-hour|usage|session|daily|weekly|monthly|hourly|rate|request|token|message"
    r"|model|opus|sonnet|haiku|api|plan|spend)"
)
_OWNED = r"(?:limits?|quota|usage|allowance|allocation|credits?|requests)"
_YOURS = (
    r"(?:usage allocation|account|plan|subscription|organi[sz]ation|api key|access"
    r" token|login|session|token|credit balance|quota)"
)
_OPENINGS = (  # what was reached, as a CLI says it to the person in front of it
    rf"(?:{_WHO} )?(?:{_WHAT} )+limits? (?:(?:has|have) been |was |is )?(?:reached|hit|exceeded)",
    (
        rf"you(?:['’]ve| have) (?:hit|reached|exceeded|exhausted|used(?: up)?(?:"
        rf" all)?)\b[^.!·∙|;]{{0,60}}?"
        rf"\b{_OWNED}\b(?! (?:limit|quota))(?: (?:on|for) [^.!·∙|;]+)?"
    ),
    rf"you exceeded your current {_OWNED}",
    (
        r"you(?:['’]re| are| have run|['’]ve run) (?:out of (?:extra |your"
        r" )?(?:usage|credits?|quota|requests)|not logged in)"
    ),
    (
        rf"your {_YOURS} (?:has|is|was) (?:been )?"
        r"(?:disabled|reached|exceeded|exhausted|too low|expired|invalid|revoked|suspended)(?: by"
        r" your admin)?"
    ),
    r"your limit will reset [^;]+",
    (
        r"insufficient[ _](?:credits?|quota|funds|balance)|out of (?:extra usage|credits?)|credit"
        r" balance is too low"
    ),
    r"(?:quota|rate limit|token limit|usage limit) (?:has been )?(?:exceeded|exhausted|reached)",
    (
        r"resource.?exhausted|too many (?:requests|tokens)|request rejected \(429\)|exceeded retry"
        r" limit"
    ),
    r"(?:4\d\d )?(?:too many requests|unauthori[sz]ed|payment required)",
    (
        r"invalid (?:api key|api token|credentials)|(?:api key|credentials?) (?:is |are"
        r" )?(?:missing|not (?:found|set|valid)|invalid|expired)"
    ),
    (
        r"not logged in|no api key (?:found|set|provided|configured)|please (?:run /login|log"
        r" ?in|sign in)"
    ),
    (
        r"(?:oauth |access |refresh |auth )?token (?:has |is )?(?:expired|been"
        r" revoked|revoked|invalid)"
    ),
    r"authentication (?:failed|required|error)|login (?:required|expired)",
)
_OPENING = re.compile(rf"(?i)(?:{'|'.join(_OPENINGS)})")
_ADVICE = (
    r"resets?|renews?|retry|retrying|try|again|available|please|upgrade|visit|purchase|buy"
    r"|contact|ask|add|switch|see|check|wait|sign|log|run"
    r"|set|fix|api error|obtain|export|use|regain|to get more|last status|missing|increase|next"
    r" request|reset at|retry-after"
)
_SUBJECT = (
    r"(?:(?:the|your|this|it|limits?|quota|access|you|will|can|may|must|to|upgrade to \w+ or)\s+)*"
)
_REST = re.compile(
    rf"(?i)(?:\W*| for metric.*|\s*\{{.*|[|]\d{{9,13}}|\W+{_SUBJECT}(?:{_ADVICE})\b.*)$"
)


def announced(text: str) -> str:
    """Return what the last lines of a program announce: "limit", "credit" or "login"; "" where they
    only mention it, or nothing of the kind."""
    return next(
        (sort for line in reversed(last_words(text).splitlines()) if (sort := _announced(line))), ""
    )


def last_words(text: str) -> str:
    return "\n".join([line for line in text.splitlines() if line.strip()][-LAST_LINES:])


def _announced(line: str) -> str:
    bare = _LEAD.sub("", line.strip())
    opening = _OPENING.match(bare)
    says_no_more = opening is not None and _REST.match(bare, opening.end()) is not None
    sort = sort_of(bare) if says_no_more or _ERROR.match(bare) else ""
    return sort if sort in SORTS else ""
