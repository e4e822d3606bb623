"""The GPTs that stand beside ELIZA: found in order, asked politely, refused in one line."""

import contextlib
import json
import time

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from classroom.pages import talkers
from classroom.pages.chat_server import (
    UNREADABLE,
    EmptyAnswer,
    error_message,
    parse_address,
    read_answer,
)
from classroom.pages.talkers import (
    BaseGPT,
    ChatServer,
    choose_gpt,
    find_gpt,
    find_gpts,
    gpt2_tokenizer,
    tidy_end,
)
from helpers.bpe import BPETokenizer
from helpers.checkpoint import save_model
from helpers.config import PRESETS, GPTConfig
from helpers.difference import save_difference
from helpers.fast.packing import PackedLinear, can_pack
from helpers.model import GPT
from helpers.texts import data_folder
from tests.local_server import ChatHandler, serving

JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=3) | st.just("<think>"),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["choices", "message", "content", "error", "type", "text"]), inner
        )
    ),
    max_leaves=8,
)


@pytest.fixture
def small_gpt():
    torch.manual_seed(0)
    tokenizer = BPETokenizer.train("the cat sat. the dog sat. " * 20, vocab_size=280)
    config = GPTConfig(tokenizer.vocab_size, 16, 16, 2, 1, dropout=0.0)
    return GPT(config).eval(), tokenizer


def reply(**message):
    return json.dumps({"choices": [{"message": message}]})


class Server(ChatHandler):
    """A chat server that repeats what it heard, or misbehaves as its `mode` says."""

    mode = "echo"
    heard = []
    answer = (200, b"")

    def do_POST(self):
        body = self.body()
        self.heard.append((self.path, dict(self.headers), body))
        if self.mode == "refuse":
            return self.send_error(401, "Unauthorized")
        if self.mode == "drip":
            return self.drip()
        if self.mode == "redirect":
            code, place = self.answer
            return self.send(b"", code=code, headers={"Location": place})
        if self.mode == "newer":
            wrong = b'{"error": {"message": "Use max_completion_tokens"}}'
            known = "max_completion_tokens" in body
            self.answer = (200, reply(content="hi").encode()) if known else (400, wrong)
        if self.mode in ("given", "newer"):
            code, data = self.answer
            return self.send(data, code=code)
        content = f" You said: {body['messages'][-1]['content']} "
        answer = {"choices": [{"message": {"content": content}}]}
        if self.mode == "empty":
            answer = {"choices": []}
        self.send(b"<html>" if self.mode == "html" else json.dumps(answer).encode())

    def drip(self):
        """Blank lines that keep the connection alive: each is in time, the answer never comes."""
        self.send_response(200)
        self.end_headers()
        with contextlib.suppress(OSError):
            for _ in range(20):
                self.wfile.write(b"\n")
                time.sleep(0.1)


@pytest.fixture
def server(monkeypatch):
    Server.mode, Server.heard = "echo", []
    with serving(Server, monkeypatch) as address:
        yield f"{address}/"


def test_tidy_end():
    assert tidy_end("It is so. Is it? Yes") == "It is so. Is it?"
    assert tidy_end('He said: "No." And') == 'He said: "No."'
    assert tidy_end("version 3.5 of the") == "version 3.5 of the"
    assert tidy_end("a\n b\n\nc") == "a b c"
    assert tidy_end("") == ""


def test_a_base_gpt_goes_on_with_the_text_and_repeats_itself_exactly(small_gpt):
    gpt = BaseGPT("small", lambda: small_gpt)
    first = gpt.respond("the cat")
    assert first and "\n" not in first and gpt.respond("the cat") == first
    assert gpt.respond("") and gpt.respond("x" * 200)  # longer than the context
    drawn = [
        BaseGPT("other", lambda: small_gpt, temperature=2.0, seed=seed).respond("the cat")
        for seed in range(3)
    ]
    assert len({first, *drawn}) == 4
    gpt.reset()
    assert gpt.respond("the cat") == first
    with pytest.raises(TypeError, match="text must be a string, not int"):
        gpt.respond(3)


def test_a_base_gpt_loads_only_when_it_is_asked(small_gpt):
    loads = []
    gpt = BaseGPT("small", lambda: loads.append(1) or small_gpt)
    assert not loads
    gpt.respond("the"), gpt.respond("cat")
    assert loads == [1] and gpt.model is small_gpt[0] and gpt.tokenizer is small_gpt[1]


def test_a_chat_server_hears_the_whole_conversation(server):
    gpt = ChatServer(server, "parrot", key="secret")
    assert gpt.respond("hello") == "You said: hello"
    assert gpt.respond("again") == "You said: again"
    path, headers, body = Server.heard[-1]
    assert path == "/v1/chat/completions" and headers["Authorization"] == "Bearer secret"
    assert body["model"] == "parrot"
    assert [message["role"] for message in body["messages"]] == ["user", "assistant", "user"]
    assert gpt.name.startswith("parrot at 127.0.0.1") and "secret" not in gpt.name
    gpt.reset()
    gpt.respond("new")
    assert len(Server.heard[-1][2]["messages"]) == 1
    assert Server.heard[-1][2]["max_tokens"] == 300
    ChatServer(server, "parrot", max_tokens=7).respond("new")
    assert Server.heard[-1][2]["max_tokens"] == 7


@pytest.mark.parametrize(
    ("mode", "message"),
    [
        ("refuse", "answered 401 Unauthorized"),
        ("html", "sent a reply that is not a chat answer"),
        ("empty", "sent a reply that is not a chat answer"),
    ],
)
def test_a_chat_server_that_misbehaves_gets_one_line(server, mode, message):
    Server.mode = mode
    gpt = ChatServer(server, "parrot")
    with pytest.raises(ConnectionError, match=message) as caught:
        gpt.respond("hello")
    assert "\n" not in str(caught.value) and gpt.messages == []


def test_a_chat_server_that_is_not_there_gets_one_line(server):
    gpt = ChatServer("http://127.0.0.1:9/v1", "nobody", seconds=2)
    with pytest.raises(ConnectionError, match="nobody at 127.0.0.1:9 cannot be reached"):
        gpt.respond("hello")


@pytest.mark.parametrize(
    ("code", "body", "words"),
    [
        (200, reply(content="", reasoning="85, because"), "empty max_tokens"),
        (200, reply(content="<think>Hm."), "empty max_tokens"),
        (200, reply(content=None), "empty"),
        (200, reply(content=5), "not a chat answer"),
        (200, "[" * 99_999, "not a chat answer"),
        (200, '{"error": {"message": "overloaded"}}', "overloaded"),
        (
            404,
            '{"error":{"message":"model \\"big\\" not found,\\ntry pulling it"}}',
            "404 big pulling",
        ),
        (401, '{"error":"wrong key: secret"}', "401 wrong ***"),
        (500, "<html>", "500"),
        (200, "\xff", "not a chat answer"),
    ],
)
def test_an_answer_that_is_none_gets_one_line(server, code, body, words):
    Server.mode, Server.answer = "given", (code, body.encode("latin-1"))
    gpt = ChatServer(server, "parrot", key="secret")
    with pytest.raises(ConnectionError) as caught:
        gpt.respond("hello")
    said = str(caught.value)
    assert all(word in said for word in words.split()), said
    assert "\n" not in said and "secret" not in said and gpt.messages == []


def test_drafts_and_halves_of_characters_are_left_out(server):
    for content, wanted in (
        ("<think>Two? No.</think>\n\nThree", "Three"),
        ("half \ud83d", "half \ufffd"),
        ([{"type": "text", "text": "in parts"}], "in parts"),
    ):
        Server.mode, Server.answer = "given", (200, reply(content=content).encode())
        assert ChatServer(server, "parrot").respond("hello") == wanted


def test_a_newer_server_gets_the_newer_name_of_the_limit(server):
    Server.mode = "newer"
    gpt = ChatServer(server, "parrot")
    assert gpt.respond("hello") == gpt.respond("again") == "hi"
    assert len(Server.heard) == 3 and "max_completion_tokens" in Server.heard[-1][2]


def test_the_time_limit_is_that_of_the_whole_answer(server):
    Server.mode = "drip"
    start = time.monotonic()
    with pytest.raises(ConnectionError, match="no answer in 0.5 seconds"):
        ChatServer(server, "parrot", seconds=0.5).respond("hello")
    assert time.monotonic() - start < 1.5


def test_no_other_host_sees_the_key(server, monkeypatch):
    seen = []

    class Other(ChatHandler):
        def do_GET(self):
            seen.append(dict(self.headers))

        do_POST = do_GET

    with serving(Other, monkeypatch) as address:
        other = address.replace("//127.0.0.1", "//me:password@localhost")
        for code in (301, 302, 303, 307, 308):
            Server.mode, Server.answer = "redirect", (code, other)
            with pytest.raises(ConnectionError, match=f"{code}.*localhost") as caught:
                ChatServer(server, "parrot", key="secret").respond("hello")
            assert "password" not in str(caught.value)
    assert seen == []


@pytest.mark.parametrize(
    "change",
    [
        lambda url: url,
        lambda url: url.removesuffix("v1/"),
        lambda url: url.removesuffix("/v1/"),
        lambda url: f" {url}chat/completions/ ",
        lambda url: url + "?version=1",
        lambda url: url.replace("//", "//me:password@"),
    ],
)
def test_an_address_may_have_any_common_form(server, change):
    gpt = ChatServer(change(server), "parrot")
    assert gpt.respond("hello") == "You said: hello" and "password" not in gpt.name
    assert Server.heard[-1][0].partition("?")[0] == "/v1/chat/completions"
    given = Server.heard[-1][1].get("Authorization")
    assert given == ("Basic bWU6cGFzc3dvcmQ=" if "password" in change(server) else None)


@given(st.text(max_size=20), st.sampled_from(["", "http://", "https://me:hidden@"]))
@settings(deadline=None)
def test_an_address_of_anything(text, start):
    try:
        url, host, _ = parse_address(start + text)
        assert url.isascii() and url.startswith("http") and "hidden" not in url + host
    except ValueError as error:
        assert "hidden" not in str(error) or "hidden" in text


@given(st.binary(max_size=40) | JSON.map(lambda value: json.dumps(value).encode()))
@settings(deadline=None)
def test_an_answer_of_anything(data):
    assert error_message(data).isprintable() or error_message(data)
    try:
        assert read_answer(data)
    except (*UNREADABLE, EmptyAnswer):
        pass


def test_gpts_are_found_in_order(tmp_path, monkeypatch, small_gpt):
    monkeypatch.setattr(talkers, "ASSETS", tmp_path / "assets")
    monkeypatch.setenv("LLM_COURSE_DATA", str(tmp_path / "data"))
    assert find_gpts({}) == []
    with pytest.raises(FileNotFoundError, match="no GPT to talk to"):
        choose_gpt({})
    named = {
        "LLM_COURSE_OLLAMA_MODEL": "llama3.2",
        "LLM_COURSE_CHAT_URL": "https://example.org/v1",
        "LLM_COURSE_CHAT_MODEL": "big",
        "LLM_COURSE_CHAT_KEY": "k",
    }
    save_model(tmp_path / "assets" / "course_gpt", *small_gpt)
    save_difference(tmp_path / "assets" / "chat_model", small_gpt[0], small_gpt[0])
    for name in ("smollm2", "gpt2-weights", "gpt2-vocabulary"):
        for path in talkers._files(name):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    gpts = find_gpts(named)
    assert [gpt.name for gpt in gpts] == [
        "the course's own GPT",
        "the course's chat model",
        "SmolLM2 (135 million parameters)",
        "GPT-2 (124 million parameters)",
        "big at example.org",
        "llama3.2 at localhost:11434",
    ]
    assert [gpt.kind for gpt in gpts] == ["base", "chat", "chat", "base", "chat", "chat"]
    assert choose_gpt(named).respond("the cat")
    del named["LLM_COURSE_CHAT_MODEL"]  # half a name is no name
    assert len(find_gpts(named)) == 5
    save_model(tmp_path / "mine", *small_gpt)
    own = choose_gpt(named | {"LLM_COURSE_GPT": str(tmp_path / "mine")})
    assert own.name == "your GPT (mine)" and own.respond("the cat")


def test_gpt2_tokenizer_from_openai_files():
    files = talkers._files("gpt2-vocabulary")
    if not all(path.is_file() for path in files):
        pytest.skip(f"needs GPT-2's vocabulary in {data_folder()}")
    tokenizer = gpt2_tokenizer(*files)
    assert tokenizer.vocab_size == 50257
    assert tokenizer.encode("Hello, I am") == [15496, 11, 314, 716]


def test_gpt2_talks_with_packed_weights_where_they_can_be(monkeypatch):
    monkeypatch.setattr(talkers, "load_gpt2", lambda name: GPT(PRESETS["tiny"]))
    monkeypatch.setattr(talkers, "gpt2_tokenizer", lambda *files: "its tokenizer")
    model, tokenizer = talkers._load_gpt2()
    packed = isinstance(model.output_head, PackedLinear)
    assert packed == can_pack(torch.ones(1)) and tokenizer == "its tokenizer"


def test_what_looks_like_a_special_token_is_text(small_gpt):
    model, _ = small_gpt
    tokenizer = BPETokenizer.train("the cat sat. " * 20, 280, ("<|endoftext|>",))
    gpt = BaseGPT("small", lambda: (model, tokenizer))
    assert gpt.respond("What does <|endoftext|> mean?")


def test_a_gpt_is_found_by_its_name_or_one_line_says_what_is_missing(capsys):
    nothing_named = {}
    assert find_gpt("chat model", "a talk", nothing_named).name == "the course's chat model"
    assert find_gpt("NoSuchModel", "a talk with it", nothing_named) is None
    assert capsys.readouterr().out == (
        "This cell shows a talk with it, where NoSuchModel is on this computer.\n"
    )
