"""A scripted model on loopback that speaks the four protocols the agent CLIs use, and fails the
way providers do."""

import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType

Json = dict[str, object]
Script = Callable[[str], Sequence[str]]
"""Given the text of a request: the shell commands that this conversation runs before its last
words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """What goes wrong with a request: an HTTP status with its body and headers, or a stream
    that is dropped or stalls."""

    status: int = 200
    message: str = ""
    kind: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    more: Mapping[str, int] = field(default_factory=dict)
    stream: str = ""


RATE_LIMIT = Failure(
    status=429,
    kind="rate_limit_error",
    message="Number of request tokens has exceeded your per-minute rate limit",
)
OVERLOAD = Failure(status=529, kind="overloaded_error", message="Overloaded")
CONTEXT = Failure(
    status=400,
    kind="invalid_request_error",
    message="prompt is too long: 215000 tokens > 200000 maximum",
)
DROPPED = Failure(stream="dropped")
STALLED = Failure(stream="stalled")


def usage_limit(resets_at: int) -> Failure:
    """A subscription that is used up until an epoch second, told the way each provider tells it."""
    unified = {"status": "rejected", "reset": str(resets_at), "representative-claim": "five_hour"}
    headers = {
        "x-should-retry": "false",
        **{f"anthropic-ratelimit-unified-{name}": value for name, value in unified.items()},
    }
    said = "You have reached your usage limit"
    return Failure(
        status=429,
        kind="usage_limit_reached",
        message=said,
        headers=headers,
        more={"resets_at": resets_at},
    )


@dataclass(slots=True)
class ModelServer:
    """Has an agent run `commands`, one a turn, then says `last`; after `good` requests of the
    conversation, `failing` meet `failure`."""

    commands: Script | Sequence[str] = ()
    last: str = "Done."
    failure: Failure | None = None
    good: int = 0
    failing: int = 1_000_000
    requests: list[Json] = field(default_factory=list)
    _http: ThreadingHTTPServer | None = None
    _closed: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> "ModelServer":
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), handler_of(self))
        self._http.daemon_threads = True
        threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        ).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closed.set()
        if self._http is not None:
            self._http.shutdown()
            self._http.server_close()

    @property
    def url(self) -> str:
        assert self._http is not None
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def next_failure(self, body: Json) -> Failure | None:
        """The failure that this request meets; side requests (titles, quota probes) carry no
        tools and never fail."""
        with self._lock:
            self.requests.append(body)
            if self.failure is None or not body.get("tools"):
                return None
            self.good -= 1
            return self.failure if -self.failing <= self.good < 0 else None

    def next_command(self, body: Json) -> str | None:
        """The command of this turn: as many were run before as the conversation holds results."""
        text = json.dumps(body)
        commands = self.commands(text) if callable(self.commands) else self.commands
        done = results_in(body)
        return commands[done] if body.get("tools") and done < len(commands) else None

    def wait_until_closed(self) -> None:
        self._closed.wait(600)


def results_in(body: Json) -> int:
    """How many tool results a conversation holds, in whatever protocol."""
    text = json.dumps({k: v for k, v in body.items() if k in {"messages", "input", "contents"}})
    return len(
        re.findall(
            r'"type": "(tool_result|function_call_output)"|"role": "tool"|"functionResponse":', text
        )
    )


def call_of(body: Json, command: str) -> tuple[str, Json]:
    """The shell tool that a request offers, and its arguments for a command."""
    for tool in tools_in(body):
        if tool.get("name") in {
            "Bash",
            "bash",
            "shell",
            "shell_command",
            "exec_command",
            "run_shell_command",
        }:
            schema = (
                tool.get("parameters")
                or tool.get("input_schema")
                or tool.get("parametersJsonSchema")
            )
            properties = schema.get("properties", {}) if isinstance(schema, dict) else {}
            return str(tool["name"]), arguments(command, properties)
    raise AssertionError(f"no shell tool among {[t.get('name') for t in tools_in(body)]}")


def tools_in(body: Json) -> Iterator[Json]:
    tools = body.get("tools")
    for tool in tools if isinstance(tools, list) else []:
        inner = tool.get("functionDeclarations") or tool.get("function") or tool
        yield from inner if isinstance(inner, list) else [inner]


def arguments(command: str, properties: Json) -> Json:
    if "cmd" in properties:
        return {"cmd": command}
    wanted = properties.get("command")
    as_list = isinstance(wanted, dict) and wanted.get("type") == "array"
    told: Json = {"description": "runs a step"} if "description" in properties else {}
    return {**told, "command": ["sh", "-c", command] if as_list else command}


def anthropic(body: Json, command: str | None, last: str) -> Iterator[Json]:
    usage = {
        "input_tokens": 1000,
        "cache_read_input_tokens": 200,
        "cache_creation_input_tokens": 0,
        "output_tokens": 1,
    }
    yield {
        "type": "message_start",
        "message": {
            "id": f"msg_{results_in(body)}",
            "type": "message",
            "role": "assistant",
            "model": body.get("model"),
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": usage,
        },
    }
    if command is None:
        yield {
            "type": "content_block_start",
            "index": 0,
            "content_block": {"type": "text", "text": ""},
        }
        yield {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "text_delta", "text": last},
        }
    else:
        name, args = call_of(body, command)
        block = {"type": "tool_use", "id": f"toolu_{results_in(body)}", "name": name, "input": {}}
        yield {"type": "content_block_start", "index": 0, "content_block": block}
        yield {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "input_json_delta", "partial_json": json.dumps(args)},
        }
    yield {"type": "content_block_stop", "index": 0}
    stop = "end_turn" if command is None else "tool_use"
    yield {
        "type": "message_delta",
        "delta": {"stop_reason": stop, "stop_sequence": None},
        "usage": {"output_tokens": 40},
    }
    yield {"type": "message_stop"}


def responses(body: Json, command: str | None, last: str) -> Iterator[Json]:
    yield {"type": "response.created", "response": {"id": "resp_1"}}
    if command is None:
        said = {"type": "output_text", "text": last, "annotations": []}
        item: Json = {"type": "message", "id": "item_1", "role": "assistant", "content": [said]}
    else:
        name, args = call_of(body, command)
        key = f"call_{results_in(body)}"
        item = {
            "type": "function_call",
            "id": "item_1",
            "call_id": key,
            "name": name,
            "arguments": json.dumps(args),
        }
    yield {"type": "response.output_item.done", "output_index": 0, "item": item}
    usage = {
        "input_tokens": 1200,
        "input_tokens_details": {"cached_tokens": 200},
        "output_tokens": 40,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 1240,
    }
    yield {"type": "response.completed", "response": {"id": "resp_1", "usage": usage}}


def chat(body: Json, command: str | None, last: str) -> Iterator[Json]:
    head = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": body.get("model"),
    }
    delta: Json = {"role": "assistant", "content": last}
    if command is not None:
        name, args = call_of(body, command)
        told = {"name": name, "arguments": json.dumps(args)}
        call = {"index": 0, "id": f"call_{results_in(body)}", "type": "function", "function": told}
        delta = {"role": "assistant", "content": None, "tool_calls": [call]}
    yield head | {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
    yield head | {
        "choices": [
            {"index": 0, "delta": {}, "finish_reason": "stop" if command is None else "tool_calls"}
        ]
    }
    usage = {
        "prompt_tokens": 1200,
        "prompt_tokens_details": {"cached_tokens": 200},
        "completion_tokens": 40,
        "total_tokens": 1240,
    }
    yield head | {"choices": [], "usage": usage}


def gemini(body: Json, command: str | None, last: str) -> Iterator[Json]:
    part: Json = {"text": last}
    if command is not None:
        name, args = call_of(body, command)
        part = {"functionCall": {"name": name, "args": args}}
    yield {"candidates": [{"content": {"role": "model", "parts": [part]}, "index": 0}]}
    usage = {
        "promptTokenCount": 1200,
        "cachedContentTokenCount": 200,
        "candidatesTokenCount": 40,
        "totalTokenCount": 1240,
    }
    yield {
        "candidates": [
            {"content": {"role": "model", "parts": []}, "finishReason": "STOP", "index": 0}
        ],
        "usageMetadata": usage,
    }


SPEAKERS = {
    "/messages": anthropic,
    "/responses": responses,
    "/chat/completions": chat,
    "enerateContent": gemini,
}


def error_body(path: str, failure: Failure) -> Json:
    """An error as the provider of that path words it."""
    if "/messages" in path:
        return {"type": "error", "error": {"type": failure.kind, "message": failure.message}}
    if "enerateContent" in path:
        status = {429: "RESOURCE_EXHAUSTED", 400: "INVALID_ARGUMENT"}.get(
            failure.status, "UNAVAILABLE"
        )
        return {"error": {"code": failure.status, "message": failure.message, "status": status}}
    code = "context_length_exceeded" if failure == CONTEXT else failure.kind
    return {
        "error": {"type": failure.kind, "code": code, "message": failure.message, **failure.more}
    }


def handler_of(server: ModelServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name that http.server calls it by
            """Silence: the tests read `requests`."""

        def do_HEAD(self) -> None:
            self.reply(200, b"")

        def do_GET(self) -> None:
            self.reply(200, b'{"data": [], "models": []}')

        def do_POST(self) -> None:
            body = json.loads(
                self.rfile.read(int(self.headers.get("content-length") or 0)) or b"{}"
            )
            speak = next((speak for end, speak in SPEAKERS.items() if end in self.path), None)
            if speak is None or "count" in self.path:
                return self.reply(200, b'{"input_tokens": 10, "totalTokens": 10}')
            failure = server.next_failure(body) or Failure()
            if failure.status != 200:
                return self.reply(
                    failure.status,
                    json.dumps(error_body(self.path, failure)).encode(),
                    failure.headers,
                )
            if failure.stream:
                return self.trouble(list(speak(body, None, server.last)), failure.stream)
            chunks = list(speak(body, server.next_command(body), server.last))
            if ":generateContent" in self.path:
                return self.reply(200, json.dumps(chunks[0]).encode())
            return self.stream(chunks)

        def reply(self, status: int, data: bytes, headers: Mapping[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in {
                "content-type": "application/json",
                "content-length": str(len(data)),
                **(headers or {}),
            }.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def stream(self, chunks: Sequence[Json], end: bytes = b"0\r\n\r\n") -> None:
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.send_header("transfer-encoding", "chunked")
            self.end_headers()
            last = b"data: [DONE]\n\n" if "chat" in self.path and end else b""
            for data in (*map(event, chunks), last):
                self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data) if data else b"")
            self.wfile.write(end)
            self.wfile.flush()

        def trouble(self, chunks: Sequence[Json], kind: str) -> None:
            """Half of an answer, and then nothing more, or no connection either."""
            self.stream(chunks[: max(1, len(chunks) // 2)], end=b"")
            if kind == "stalled":
                server.wait_until_closed()
            self.close_connection = True

    return Handler


def event(chunk: Json) -> bytes:
    name = f"event: {chunk['type']}\n" if "type" in chunk else ""
    return f"{name}data: {json.dumps(chunk)}\n\n".encode()
