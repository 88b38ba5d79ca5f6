"""Programs that call models over HTTP: the real vitrine-gateway, with the real vitrine-inference and
the shipped models, and with one that may be slow, silent, or die.

usage: gateway_models.py GATEWAY INFERENCE [TEST...]
"""

import base64
import json
import os
import socket
import struct
import subprocess
import sys
import threading
import time
import zlib

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from gateway_fakes import *  # noqa: F401,F403,E402

CALL, STOP, TOKEN, RESULT, ERROR = 0xB0, 0xB1, 0xB8, 0xB9, 0xBA
CALLER, LIST, WAITS = 0xC2, 0xC8, 0xCB
ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
MOOD, WRITER = "vitrine/tiny-sentiment", "vitrine/tiny-writer"
ANN = "Authorization: Bearer hf_ann"
HELLO_THERE = [{"role": "user", "content": "Write about the sea."}]


class Orchestrator(threading.Thread):
    """Knows the tokens hf_ann and hf_bob."""

    def __init__(self, edge):
        super().__init__(daemon=True)
        self.edge = edge
        self.start()

    def run(self):
        try:
            while True:
                f = self.edge.next()
                if f.type == IDENTIFY:
                    name = f.json()["cookie"][3:]
                    self.edge.send(Frame(IDENTITY, {"user": name} if name in ("ann", "bob") else {},
                                         seq=f.seq))
        except (Closed, OSError, AssertionError):
            pass


class RealInference:
    def __init__(self, g):
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listener.bind(g.path("run/infer.sock"))
        self.listener.listen(16)
        self.start()

    def start(self):
        fd = self.listener.fileno()
        self.process = subprocess.Popen(
            [INFERENCE, "--listen-fd", str(fd), "--models", os.path.join(ROOT, "models"),
             "--models", os.path.join(ROOT, "tests/oracle/known-pictures")],
            pass_fds=(fd,), stderr=subprocess.DEVNULL)

    def stop(self):
        self.process.kill()
        self.process.wait()


class FakeInference:
    """The other end of the gateway's links."""

    MODELS = [{"id": "a/chat", "task": "chat", "loaded": True, "error": ""},
              {"id": "a/bert", "task": "fill-mask", "loaded": True, "error": ""},
              {"id": "a/broken", "task": "", "loaded": False, "error": "no tensors"}]

    def __init__(self, g):
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listener.bind(g.path("run/infer.sock"))
        self.listener.listen(16)
        self.listener.settimeout(DEADLINE)

    def accept(self):
        """Another link of the gateway's comes too, which tells of grants."""
        self.peers = []
        for _ in range(2):
            peer = Peer(self.listener.accept()[0])
            peer.send(Frame(LIST, {"models": self.MODELS}))
            self.peers.append(peer)
            if peer.next().type == CALLER:
                assert len(peer.fds) == 1
                self.link = Peer(socket.socket(fileno=peer.fds.pop()))
        return self

    def call(self):
        return self.link.expect(CALL, skip=(STOP,))

    def token(self, call, text):
        self.link.send(Frame(TOKEN, text.encode(), seq=call.seq))

    def result(self, call, value, tokens_in=3, tokens_out=2):
        self.link.send(Frame(RESULT, {"value": value, "device_usec": 10, "queue_usec": 1,
                                      "tokens_in": tokens_in, "tokens_out": tokens_out},
                             seq=call.seq))

    def error(self, call, code, message):
        self.link.send(Frame(ERROR, {"code": code, "message": message}, seq=call.seq))

    def die(self):
        for peer in (self.link, *self.peers):
            peer.close()


class Asked(threading.Thread):
    """A request under way."""

    def __init__(self, g, path, body, *headers):
        super().__init__(daemon=True)
        self.arguments = (g.port, path, *(headers or (ANN,)))
        self.body = json.dumps(body).encode()
        self.heard = b""
        self.start()

    def run(self):
        self.answer = get(*self.arguments, method="POST", body=self.body, heard=self.hear)

    def hear(self, data):
        self.heard = data

    def got(self):
        self.join(DEADLINE)
        assert not self.is_alive(), "no answer"
        return self.answer[0], json.loads(self.answer[2])

    def events(self):
        self.join(DEADLINE)
        assert not self.is_alive() and self.answer[0] == 200, self.answer
        assert self.answer[1]["content-type"].startswith("text/event-stream")
        return events(self.answer[2])


def events(body):
    lines = [b[6:] for b in body.decode().split("\n\n") if b.startswith("data: ")]
    assert lines[-1] == "[DONE]", lines
    return [json.loads(line) for line in lines[:-1]]


def begin(g, arguments=()):
    picture = os.path.join(os.path.dirname(g.program), "vitrine-picture")
    g.start(arguments=("--picture", picture, *arguments))
    g.edge.send(Frame(SYNCED))
    Orchestrator(g.edge)
    g.synced()


def fake(g, **more):
    f = FakeInference(g)
    begin(g, **more)
    return f.accept()


def real(g):
    f = RealInference(g)
    begin(g)
    return f


def ask(g, path, body, *headers):
    return Asked(g, path, body, *headers).got()


# --- with the shipped models ---


def what_is_served_is_listed_and_each_is_found_by_its_id(g):
    inference = real(g)
    try:
        status, _, body = get(g.port, "/v1/models", ANN)
        rows = json.loads(body)["data"]
        assert status == 200 and {MOOD, WRITER} <= {r["id"] for r in rows}, body
        assert all(r["object"] == "model" and type(r["created"]) is int and
                   r["owned_by"] == "vitrine" for r in rows)
        for path in ("vitrine%2Ftiny-writer", "vitrine/tiny-writer"):
            status, _, body = get(g.port, "/v1/models/" + path, ANN)
            assert status == 200 and json.loads(body)["id"] == WRITER
        status, _, body = get(g.port, "/v1/models/no%2Fsuch", ANN)
        assert status == 404 and json.loads(body)["error"]["code"] == "model_not_found", body
    finally:
        inference.stop()


def a_chat_and_a_completion_are_written_whole_and_as_a_stream_of_the_same_words(g):
    inference = real(g)
    try:
        body = {"model": WRITER, "messages": HELLO_THERE, "temperature": 0, "max_tokens": 24,
                "user": "u", "n": 1, "top_p": 0.9, "seed": 1, "stop": ["\n\n\n"]}
        status, whole = ask(g, "/v1/chat/completions", body)
        assert status == 200 and whole["object"] == "chat.completion", whole
        choice, usage = whole["choices"][0], whole["usage"]
        assert choice["message"]["role"] == "assistant" and choice["finish_reason"] in (
            "stop", "length")
        assert usage["completion_tokens"] <= 24 and usage["total_tokens"] == (
            usage["prompt_tokens"] + usage["completion_tokens"])

        stream = Asked(g, "/v1/chat/completions", {**body, "stream": True, "stream_options": {
            "include_usage": True}}).events()
        assert stream[0]["choices"][0]["delta"]["role"] == "assistant"
        assert len({e["id"] for e in stream}) == 1
        assert all(e["object"] == "chat.completion.chunk" for e in stream)
        text = "".join(c["delta"].get("content", "") for e in stream for c in e["choices"])
        assert text == choice["message"]["content"] and text
        reasons = [c["finish_reason"] for e in stream for c in e["choices"] if c["finish_reason"]]
        assert reasons == [choice["finish_reason"]]
        assert stream[-1]["choices"] == [] and stream[-1]["usage"] == usage
        assert all(e["usage"] is None for e in stream[:-1])

        body = {"model": WRITER, "prompt": "The sea", "temperature": 0, "max_tokens": 6}
        status, whole = ask(g, "/v1/completions", body)
        assert status == 200 and whole["object"] == "text_completion", whole
        stream = Asked(g, "/v1/completions", {**body, "stream": True}).events()
        assert "".join(c["text"] for e in stream for c in e["choices"]) == \
            whole["choices"][0]["text"]
        assert stream[-1]["choices"][0]["finish_reason"] == "length"
    finally:
        inference.stop()


def a_text_is_classified_at_the_models_path_and_at_its_tasks(g):
    inference = real(g)
    try:
        status, value = ask(g, "/models/" + MOOD, {"inputs": "I love this."})
        assert status == 200 and value[0][0]["label"] == "POSITIVE" and len(value[0]) == 2, value
        status, value = ask(g, "/models/%s/pipeline/text-classification" % MOOD,
                            {"inputs": ["Good.", "Bad."], "parameters": {"top_k": 1}})
        assert status == 200 and [len(v) for v in value] == [1, 1], value
        status, value = ask(g, "/models/" + WRITER, {
            "inputs": "The sea", "parameters": {"max_new_tokens": 4, "do_sample": False}})
        assert status == 200 and value[0]["generated_text"].startswith("The sea"), value
        # The path's model is the one that counts, whatever the body says.
        status, value = ask(g, "/models/%s/v1/chat/completions" % WRITER, {
            "model": "http://127.0.0.1/models/x", "messages": HELLO_THERE, "max_tokens": 2})
        assert status == 200 and value["model"] == WRITER, value
        for path, body, status, words in (
                ("no/such", {"inputs": "x"}, 404, "no/such"),
                (MOOD + "/pipeline/juggling", {"inputs": "x"}, 400, "juggling"),
                (MOOD, {"inputs": "x", "parameters": {"wild": 1}}, 400, "parameters.wild"),
                (MOOD, {"parameters": {}}, 400, "inputs"),
                (MOOD, [1], 400, "object")):
            got, value = ask(g, "/models/" + path, body)
            assert got == status and words in value["error"], (path, got, value)
    finally:
        inference.stop()


def png(width, height, claim=None):
    """A PNG of RGB; claim: the size that its head says."""
    def chunk(kind, data):
        return (struct.pack(">I", len(data)) + kind + data +
                struct.pack(">I", zlib.crc32(kind + data)))
    head = struct.pack(">IIBBBBB", *(claim or (width, height)), 8, 2, 0, 0, 0)
    data = b"".join(b"\0" + bytes((x * 255 // width, y * 255 // height, 128)[c]
                                  for x in range(width) for c in range(3)) for y in range(height))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(data)) +
            chunk(b"IEND", b""))


def a_picture_is_labelled_whatever_its_body_is_called_and_a_bad_one_refused(g):
    inference = real(g)
    try:
        def look(body, *headers):
            status, _, answer = get(g.port, "/models/vitrine/vit", ANN, *headers, method="POST",
                                    body=body)
            return status, json.loads(answer)
        picture = png(40, 30)
        status, labels = look(picture)
        assert status == 200 and len(labels) > 1, labels
        assert labels[0]["score"] >= labels[1]["score"] and type(labels[0]["label"]) is str
        assert look(picture, "Content-Type: image/png") == (200, labels)
        status, best = look(json.dumps({"inputs": base64.b64encode(picture).decode(),
                                        "parameters": {"top_k": 1}}).encode())
        assert status == 200 and best == labels[:1], best
        for bad in (b"not a picture", picture[:60], picture[:8] + b"\0" * 100,
                    png(8, 8, claim=(60000, 60000)), json.dumps({"inputs": "!"}).encode(),
                    b"GIF89a"):
            status, value = look(bad)
            assert status == 400 and value["error"], (bad[:20], status, value)
        assert look(b"")[0] == 400
        assert look(b"x" * (17 << 20))[0] == 413
        status, value = ask(g, "/models/%s/pipeline/image-classification" % MOOD, {"inputs": "AA=="})
        assert status == 400 and "picture" in value["error"], value
        # Sixteen at once, each read by a process of its own, and none is left.
        asked = [threading.Thread(target=lambda: done.append(look(picture))) for _ in range(16)]
        done = []
        for t in asked:
            t.start()
        for t in asked:
            t.join(DEADLINE)
        assert done == [(200, labels)] * 16, done
    finally:
        inference.stop()


# --- who may ---


def without_a_known_token_nothing_is_answered_unless_the_operator_lets_everybody_in(g):
    inference = fake(g)
    for path in ("/v1/chat/completions", "/models/a/chat"):
        for headers in (("Accept: */*",), ("Authorization: Bearer hf_eve",)):
            status, value = ask(g, path, {"model": "a/chat", "messages": HELLO_THERE}, *headers)
            words = value["error"] if path.startswith("/models") else value["error"]["message"]
            assert status == 401 and "token" in words, value
    inference.link.quiet()
    g.kill()
    g.start(arguments=("--open-models",))
    Orchestrator(g.edge)
    inference.accept()
    asked = Asked(g, "/v1/completions", {"model": "a/chat", "prompt": "x"}, "Accept: */*")
    call = inference.call()
    assert call.json()["payer"].startswith("network:") and "127.0.0.1" not in call.json()["payer"]
    inference.result(call, {"text": "y", "finish_reason": "stop"})
    assert asked.got()[0] == 200


# --- what the call is ---


def a_call_names_who_pays_and_carries_what_the_program_asked_for(g):
    inference = fake(g)
    asked = Asked(g, "/v1/chat/completions", {
        "model": "a/chat", "max_completion_tokens": 4, "temperature": 0.5, "top_p": 0, "seed": 7,
        "stop": "x", "presence_penalty": 0, "frequency_penalty": 1.5, "logit_bias": {},
        "tools": None, "messages": [
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "a"},
                                         {"type": "text", "text": "b"}]}]})
    call = inference.call()
    value = call.json()
    assert value["payer"] == "user:ann" and value["model"] == "a/chat" and value["task"] == "chat"
    assert value["inputs"] == [{"role": "system", "content": "Be brief."},
                               {"role": "user", "content": "ab"}]
    assert value["options"] == {"max_tokens": 4, "temperature": 0.5, "top_p": 1e-06, "seed": 7,
                                "stop": "x", "frequency_penalty": 1.5}, value
    inference.result(call, {"text": "c", "finish_reason": "length"})
    assert asked.got()[1]["choices"][0]["message"]["content"] == "c"


def probabilities_are_told_in_each_apis_own_form(g):
    inference = fake(g)
    tokens = [{"token": "wé", "id": 1, "logprob": -0.5, "top_logprobs": [
        {"token": "wé", "id": 1, "logprob": -0.5}, {"token": "no", "id": 2, "logprob": -1.5}]},
        {"token": "\ufffd", "id": 3, "logprob": -2, "top_logprobs": []}]
    value = {"text": "wé\ufffd", "finish_reason": "stop", "logprobs": tokens}
    chat = {"model": "a/chat", "messages": HELLO_THERE, "logprobs": True, "top_logprobs": 2}
    for stream in (False, True):
        asked = Asked(g, "/v1/chat/completions", {**chat, "stream": stream})
        call = inference.call()
        assert call.json()["options"] == {"logprobs": True, "top_logprobs": 2}
        inference.token(call, value["text"])
        inference.result(call, value)
        choices = [e["choices"][0] for e in asked.events()] if stream else \
            asked.got()[1]["choices"]
        content = choices[-1]["logprobs"]["content"]
        assert content[0] == {"token": "wé", "logprob": -0.5, "bytes": [119, 195, 169],
                              "top_logprobs": [
                                  {"token": "wé", "logprob": -0.5, "bytes": [119, 195, 169]},
                                  {"token": "no", "logprob": -1.5, "bytes": [110, 111]}]}, content
        assert content[1]["bytes"] is None
        assert all(c["logprobs"] is None for c in choices[:-1])
    asked = Asked(g, "/v1/completions", {"model": "a/chat", "prompt": "x", "logprobs": 2,
                                         "logit_bias": {"7": -100}})
    call = inference.call()
    assert call.json()["options"] == {"logprobs": True, "top_logprobs": 2,
                                      "logit_bias": {"7": -100}}
    inference.result(call, value)
    assert asked.got()[1]["choices"][0]["logprobs"] == {
        "tokens": ["wé", "\ufffd"], "token_logprobs": [-0.5, -2],
        "top_logprobs": [{"wé": -0.5, "no": -1.5}, {}], "text_offset": [0, 2]}


def a_request_that_cannot_be_met_is_refused_by_the_name_of_its_field(g):
    inference = fake(g)
    chat = {"model": "a/chat", "messages": HELLO_THERE}
    for path, body, param in (
            ("chat/completions", {"model": "a/chat"}, "messages"),
            ("chat/completions", {**chat, "messages": []}, "messages"),
            ("chat/completions", {**chat, "messages": [{"role": "user"}]}, "messages[0].content"),
            ("chat/completions", {**chat, "messages": [{"role": "judge", "content": "x"}]},
             "messages[0].role"),
            ("chat/completions", {**chat, "messages": [{"role": "user", "content": [
                {"type": "image_url", "image_url": {"url": "x"}}]}]}, "messages[0].content"),
            ("chat/completions", {**chat, "n": 2}, "n"),
            ("chat/completions", {**chat, "temperature": 3}, "temperature"),
            ("chat/completions", {**chat, "max_tokens": 0}, "max_tokens"),
            ("chat/completions", {**chat, "stop": list("abcde")}, "stop"),
            ("chat/completions", {**chat, "stream": "yes"}, "stream"),
            ("chat/completions", {"messages": HELLO_THERE}, "model"),
            ("chat/completions", {**chat, "top_logprobs": 2}, "top_logprobs"),
            ("chat/completions", {**chat, "logit_bias": [1]}, "logit_bias"),
            ("completions", {"model": "a/chat"}, "prompt"),
            ("completions", {"model": "a/chat", "prompt": "x", "echo": True}, "echo"),
            ("completions", {"model": "a/chat", "prompt": [1, 2]}, "prompt"),
            ("embeddings", {"model": "a/bert", "input": []}, "input"),
            ("embeddings", {"model": "a/bert", "input": [[1]]}, "input"),
            ("embeddings", {"model": "a/bert", "input": "x", "dimensions": 0}, "dimensions")):
        status, value = ask(g, "/v1/" + path, body)
        error = value["error"]
        assert status == 400 and error["param"] == param, (body, value)
        assert error["type"] == "invalid_request_error" and error["message"].startswith(param)
    status, _, body = get(g.port, "/v1/chat/completions", ANN, method="POST", body=b"{")
    assert status == 400 and json.loads(body)["error"]["message"], body
    status, _, body = get(g.port, "/v1/chat/completions", ANN, method="POST", body=b" " * (3 << 20))
    assert status == 413 and "2097152" in json.loads(body)["error"]["message"], body
    assert ask(g, "/v1/juggle", {})[0] == 404
    assert get(g.port, "/v1/chat/completions", ANN)[0] == 405
    inference.link.quiet()
    # What inference refuses is told in the same way, in a stream that has not begun too.
    for stream in (False, True):
        asked = Asked(g, "/v1/chat/completions", {**chat, "stream": stream})
        inference.error(inference.call(), "bad_input", "options.seed: must be a whole number")
        status, value = asked.got()
        assert status == 400 and value["error"]["param"] == "seed", value
    for code, status in (("no_model", 404), ("too_long", 400), ("busy", 429), ("failed", 500)):
        asked = Asked(g, "/v1/chat/completions", {**chat, "stream": True})
        inference.error(inference.call(), code, "inputs: words")
        got, value = asked.got()
        assert got == status and value["error"]["param"] == "messages", value


def embeddings_are_base64_or_numbers_and_may_be_shortened(g):
    inference = fake(g)
    vectors = [[0.6, 0.0, 0.8], [0.0, 1.0, 0.0]]
    for more, want in (({}, vectors), ({"encoding_format": "float"}, vectors),
                       ({"encoding_format": "base64"}, vectors),
                       ({"encoding_format": "float", "dimensions": 2}, [[1, 0], [0, 1]])):
        asked = Asked(g, "/v1/embeddings", {"model": "a/bert", "input": ["a", "b"], **more})
        call = inference.call()
        assert call.json()["task"] == "feature-extraction"
        assert call.json()["options"] == {"normalize": True}
        inference.result(call, vectors)
        status, value = asked.got()
        assert status == 200 and value["object"] == "list", value
        assert value["usage"] == {"prompt_tokens": 3, "total_tokens": 3}
        for i, row in enumerate(value["data"]):
            v = row["embedding"]
            assert row["object"] == "embedding" and row["index"] == i
            if more.get("encoding_format") == "base64":
                v = struct.unpack("<3f", base64.b64decode(v))
            assert all(abs(a - b) < 1e-6 for a, b in zip(v, want[i], strict=True)), (v, want)
    # More than inference takes at once are asked for in turns.
    asked = Asked(g, "/v1/embeddings", {"model": "a/bert", "input": [str(i) for i in range(150)],
                                        "encoding_format": "float"})
    for n in (32, 32, 32, 32, 22):
        call = inference.call()
        inputs = call.json()["inputs"]
        assert len(inputs) == n
        inference.result(call, [[float(i)] for i in inputs], tokens_in=n)
    status, value = asked.got()
    assert [d["embedding"] for d in value["data"]] == [[float(i)] for i in range(150)]
    assert value["usage"]["prompt_tokens"] == 150
    asked = Asked(g, "/v1/embeddings", {"model": "a/bert", "input": [str(i) for i in range(150)]})
    inference.result(inference.call(), [[0.5]] * 32)
    inference.error(inference.call(), "too_long", "inputs[3]: too long")
    status, value = asked.got()
    assert status == 400 and value["error"]["code"] == "context_length_exceeded", value
    asked = Asked(g, "/v1/embeddings", {"model": "a/bert", "input": "a"})
    inference.result(inference.call(), {"text": "no vector", "finish_reason": "stop"})
    assert asked.got()[0] == 500


WEATHER = {"type": "function", "function": {
    "name": "weather", "description": "of a place", "parameters": {
        "type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]}}}


def tools_are_described_to_the_model_and_its_calls_are_told_as_calls(g):
    inference = fake(g)
    body = {"model": "a/chat", "tools": [WEATHER], "messages": [
        {"role": "system", "content": "Be brief."}, {"role": "user", "content": "Sun?"}]}
    said = 'I look.\n<tool_call>\n{"name": "weather", "arguments": {"place": "Bonn"}}\n</tool_call>' \
           '\n<tool_call>{"name": "weather"}</tool_call>'
    for stream in (False, True):
        asked = Asked(g, "/v1/chat/completions", {**body, "stream": stream})
        call = inference.call()
        system = call.json()["inputs"][0]
        assert system["role"] == "system" and system["content"].startswith("Be brief.\n\n# Tools")
        assert '"name":"weather"' in system["content"] and "<tool_call>" in system["content"]
        inference.token(call, said[:20])
        inference.token(call, said[20:])
        inference.result(call, {"text": said, "finish_reason": "stop"})
        if stream:
            got = asked.events()
            deltas = [e["choices"][0]["delta"] for e in got]
            assert "".join(d.get("content") or "" for d in deltas) == "I look."
            calls = [c for d in deltas for c in d.get("tool_calls", [])]
            assert [c["index"] for c in calls] == [0, 1]
            reason = got[-1]["choices"][0]["finish_reason"]
        else:
            choice = asked.got()[1]["choices"][0]
            assert choice["message"]["content"] == "I look."
            calls, reason = choice["message"]["tool_calls"], choice["finish_reason"]
        assert reason == "tool_calls"
        assert [json.loads(c["function"]["arguments"]) for c in calls] == [{"place": "Bonn"}, {}]
        assert all(c["type"] == "function" and c["function"]["name"] == "weather" for c in calls)
        assert len({c["id"] for c in calls}) == 2
    # What is no call of a tool that was offered stays what the model said.
    for text in ("Sunny.", '<tool_call>{"name": "bomb", "arguments": {}}</tool_call>',
                 "<tool_call>{"):
        asked = Asked(g, "/v1/chat/completions", body)
        inference.result(inference.call(), {"text": text, "finish_reason": "stop"})
        choice = asked.got()[1]["choices"][0]
        assert choice["message"]["content"] == text and choice["finish_reason"] == "stop"


def what_tools_said_goes_back_to_the_model_and_a_call_can_be_forced(g):
    inference = fake(g)
    messages = [
        {"role": "user", "content": "Sun?"},
        {"role": "assistant", "content": None, "tool_calls": [
            {"id": "c1", "type": "function",
             "function": {"name": "weather", "arguments": '{"place": "Bonn"}'}}]},
        {"role": "tool", "tool_call_id": "c1", "content": "sunny"},
        {"role": "tool", "tool_call_id": "c2", "content": [{"type": "text", "text": "warm"}]}]
    body = {"model": "a/chat", "tools": [WEATHER], "messages": messages}
    asked = Asked(g, "/v1/chat/completions", {**body, "tool_choice": "none"})
    call = inference.call()
    assert call.json()["inputs"] == [
        {"role": "user", "content": "Sun?"},
        {"role": "assistant", "content":
            '<tool_call>\n{"name":"weather","arguments":{"place":"Bonn"}}\n</tool_call>'},
        {"role": "user", "content": "<tool_response>\nsunny\n</tool_response>\n"
                                    "<tool_response>\nwarm\n</tool_response>"}]
    inference.result(call, {"text": "Sunny.", "finish_reason": "stop"})
    assert asked.got()[1]["choices"][0]["message"]["content"] == "Sunny."
    for choice in ("required", {"type": "function", "function": {"name": "weather"}}):
        asked = Asked(g, "/v1/chat/completions", {**body, "tool_choice": choice})
        call = inference.call()
        format = call.json()["options"]["response_format"]
        assert format["type"] == "json_schema", format
        schema = format["json_schema"]["schema"]
        assert schema["properties"]["name"] == {"enum": ["weather"]}
        assert schema["properties"]["arguments"] == WEATHER["function"]["parameters"]
        inference.result(call, {"text": '{"name": "weather", "arguments": {"place": "Ulm"}}',
                                "finish_reason": "stop"})
        message = asked.got()[1]["choices"][0]["message"]
        assert message["content"] is None
        assert message["tool_calls"][0]["function"]["arguments"] == '{"place":"Ulm"}'
    for more, param in (({"tools": [{}]}, "tools"), ({"tools": [WEATHER, WEATHER]}, "tools"),
                        ({"tool_choice": "always"}, "tool_choice"),
                        ({"tools": [], "tool_choice": "required"}, "tool_choice"),
                        ({"tool_choice": {"type": "function", "function": {"name": "x"}}},
                         "tool_choice"),
                        ({"messages": [{"role": "assistant", "tool_calls": [1]}]},
                         "messages[0].tool_calls"),
                        ({"response_format": "json"}, "response_format")):
        status, value = ask(g, "/v1/chat/completions", {**body, **more})
        assert status == 400 and value["error"]["param"] == param, value
    asked = Asked(g, "/v1/chat/completions", {**body, "response_format": {"type": "json_object"}})
    call = inference.call()
    assert call.json()["options"]["response_format"] == {"type": "json_object"}
    inference.result(call, {"text": "{}", "finish_reason": "stop"})
    assert asked.got()[0] == 200


# --- when things go wrong ---


def a_call_is_held_while_inference_is_away_and_never_answered_with_503(g):
    inference = FakeInference(g)
    inference.listener.close()
    os.unlink(g.path("run/infer.sock"))
    begin(g)
    asked = Asked(g, "/v1/completions", {"model": "a/chat", "prompt": "x"})
    listed = Asked(g, "/models/a/bert", {"inputs": "x"})
    time.sleep(0.3)
    assert asked.is_alive() and listed.is_alive()
    inference = FakeInference(g).accept()
    for _ in range(2):
        call = inference.call()
        inference.result(call, {"text": "y", "finish_reason": "stop"})
    assert asked.got()[0] == 200 and listed.got()[0] == 200
    # One that died in the middle of a call is not asked again.
    asked = Asked(g, "/v1/completions", {"model": "a/chat", "prompt": "x"})
    streaming = Asked(g, "/v1/completions", {"model": "a/chat", "prompt": "x", "stream": True})
    calls = [inference.call(), inference.call()]
    for call in calls:
        inference.token(call, "once")
    g.until(lambda: b"once" in streaming.heard)
    inference.die()
    status, value = asked.got()
    assert status == 500 and "ended" in value["error"]["message"], value
    assert "ended" in streaming.events()[-1]["error"]["message"]
    inference.accept()
    asked = Asked(g, "/v1/completions", {"model": "a/chat", "prompt": "x"})
    inference.result(inference.call(), {"text": "y", "finish_reason": "stop"})
    assert asked.got()[0] == 200


def a_program_that_hangs_up_stops_its_call_at_once(g):
    inference = fake(g)
    for stream in (False, True):
        body = json.dumps({"model": "a/chat", "prompt": "x", "stream": stream}).encode()
        s = socket.create_connection(("127.0.0.1", g.port))
        s.sendall(b"POST /v1/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer hf_ann\r\n"
                  b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        call = inference.call()
        if stream:
            inference.token(call, "a")
            assert s.recv(4096).startswith(b"HTTP/1.1 200")
        s.close()
        assert inference.link.expect(STOP).seq == call.seq
        inference.error(call, "cancelled", "stopped by the caller")


def who_has_too_many_calls_under_way_waits_and_others_do_not(g):
    inference = fake(g)
    body = {"model": "a/chat", "prompt": "x"}
    asked = [Asked(g, "/v1/completions", body) for _ in range(16)]
    calls = [inference.call() for _ in asked]
    status, value = ask(g, "/v1/completions", body)
    assert status == 429 and "16" in value["error"]["message"], value
    assert value["error"]["type"] == "rate_limit_error"
    other = Asked(g, "/v1/completions", body, "Authorization: Bearer hf_bob")
    calls.append(inference.call())
    assert calls[-1].json()["payer"] == "user:bob"
    for call in calls:
        inference.result(call, {"text": "y", "finish_reason": "stop"})
    assert all(a.got()[0] == 200 for a in (*asked, other))


def who_waits_for_a_model_reads_why_in_a_comment_of_the_stream(g):
    inference = fake(g)
    asked = Asked(g, "/v1/completions", {"model": "a/chat", "prompt": "x", "stream": True})
    call = inference.call()
    words = "waits for the model a/chat, held by 2 others for 3.1 s; you are next"
    row = {"replica": "gateway", "session": 0, "event": call.seq, "place": 1, "of": 1,
           "expected_ms": 100, "reason": words}
    for peer in inference.peers:
        peer.send(Frame(WAITS, {"rows": [row, {**row, "event": 9999}]}))
    g.until(lambda: b": " + words.encode() in asked.heard)
    inference.result(call, {"text": "y", "finish_reason": "stop"})
    assert asked.events()


def a_slow_reader_gets_every_word_in_larger_pieces_and_holds_little(g):
    inference = fake(g)
    body = json.dumps({"model": "a/chat", "prompt": "x", "stream": True}).encode()
    s = socket.create_connection(("127.0.0.1", g.port))
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    s.sendall(b"POST /v1/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer hf_ann\r\n"
              b"Connection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
    call = inference.call()
    for i in range(40000):
        inference.token(call, "w%04d" % (i % 10000))
    inference.result(call, {"text": "", "finish_reason": "length"})
    s.settimeout(DEADLINE)
    data = b""
    while chunk := s.recv(65536):
        data += chunk
    _, _, rest = data.partition(b"\r\n\r\n")
    out = b""
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        out, rest = out + rest[:int(size, 16)], rest[int(size, 16) + 2:]
    text = "".join(c["text"] for e in events(out) for c in e["choices"])
    assert text == "".join("w%04d" % (i % 10000) for i in range(40000))


TESTS = [v for v in list(globals().values())
         if hasattr(v, "__code__") and getattr(v, "__module__", "") == "__main__"
         and v.__code__.co_varnames[:v.__code__.co_argcount] == ("g",) and v not in (begin, fake, real)] \
    if __name__ == "__main__" else []

if __name__ == "__main__":
    INFERENCE = sys.argv[2]
    run(TESTS, [sys.argv[0], sys.argv[1], *sys.argv[3:]])
