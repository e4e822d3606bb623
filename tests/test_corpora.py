"""Corpora against a small server of this machine that lies, breaks off and stumbles."""

import contextlib
import dataclasses
import errno
import hashlib
import http.server
import json
import os
import pydoc_data.topics
import struct
import threading
import zipfile
from pathlib import Path

import pytest

from helpers.texts import downloads, sources
from helpers.texts.corpora import (
    CorpusError,
    available,
    data_folder,
    fetch,
    gpt2_encoding,
    load_corpus,
    load_instructions,
    load_sms,
    verified_by,
)
from tools import data

TEXT = ("It was a bright cold day, -- and the clocks were striking.\n" * 200).encode()


class Server:
    """Answers `/name` with what the test put into `.pages[name]`: bytes or a function."""

    def __init__(self):
        self.pages, self.requests = {}, []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                outer.requests.append((self.path, self.headers.get("Range")))
                page = outer.pages[self.path]
                if callable(page):
                    page(self)
                else:
                    answer(self, page)

            def log_message(self, *arguments):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"


def answer(handler, body, status=200, length=None):
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(body) if length is None else length))
    handler.end_headers()
    handler.wfile.write(body)


@pytest.fixture
def server():
    server = Server()
    yield server
    server.http.shutdown()
    server.http.server_close()


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("LLM_COURSE_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(downloads, "WAIT_SECONDS", 0.0)
    return tmp_path / "data"


def offer(monkeypatch, *urls, body=TEXT, name="the-verdict", **changes):
    """Point one corpus of the table at addresses of the test server."""
    changes.setdefault("sha256", hashlib.sha256(body).hexdigest())
    corpus = sources.CORPORA[name]
    download = dataclasses.replace(corpus.downloads[0], urls=urls, **changes)
    monkeypatch.setitem(sources.CORPORA, name, dataclasses.replace(corpus, downloads=(download,)))


def left_over(folder: Path) -> list[str]:
    return [str(path.relative_to(folder)) for path in folder.rglob("*")] if folder.exists() else []


# --- embedded texts ---------------------------------------------------------------------------


def test_embedded_texts_need_no_folder(folder):
    assert 19_500 <= len(load_corpus("story")) <= 21_500
    assert "\r" not in load_corpus("story")
    assert not folder.exists()


def test_pydocs_is_the_reference_of_this_python():
    text = load_corpus("pydocs")
    topics = pydoc_data.topics.topics
    assert len(text) > 300_000
    assert text.startswith(topics[min(topics)].strip()[:40])
    assert all(topics[key].strip() in text for key in ("assert", "lambda", "yield"))


def test_story_is_plain_enough_for_every_lecture():
    text = load_corpus("story")
    odd = {character for character in text if ord(character) > 127}
    assert odd and odd <= set("éïÉ"), odd
    assert all(mark in text for mark in ("--", '"', "?", "!", ";", ":", "(", "_"))
    assert any(character.isdigit() for character in text)


@pytest.mark.parametrize("name", ["", "Story", "the verdict", "gpt3"])
def test_unknown_names_are_refused_with_the_known_ones(name):
    for function in (load_corpus, fetch, available, verified_by):
        with pytest.raises(ValueError, match="there are story, pydocs"):
            function(name)


# --- the table --------------------------------------------------------------------------------


def test_every_entry_of_the_table_can_be_checked():
    files = [item.file for corpus in sources.CORPORA.values() for item in corpus.downloads]
    assert len(files) == len(set(files))
    for corpus in sources.CORPORA.values():
        assert corpus.license and corpus.about and corpus.size
        for item in corpus.downloads:
            assert item.sha256 or item.contents
            assert item.sha256 is None or len(bytes.fromhex(item.sha256)) == 32
            assert (item.urls or item.model) and all(
                url.startswith("https://") for url in item.urls
            )


def test_tiktoken_finds_the_vocabulary_under_our_names():
    for item in sources.CORPORA["gpt2-vocabulary"].downloads:
        assert item.file == "tiktoken/" + hashlib.sha1(item.urls[0].encode()).hexdigest()


def test_github_files_have_a_mirror():
    assert sources._github("a/b/main/c/d.txt") == (
        "https://raw.githubusercontent.com/a/b/main/c/d.txt",
        "https://cdn.jsdelivr.net/gh/a/b@main/c/d.txt",
    )


# --- downloading ------------------------------------------------------------------------------


def test_a_download_is_kept_and_not_repeated(server, monkeypatch, folder):
    server.pages["/text"] = TEXT
    offer(monkeypatch, server.url + "/text")
    assert load_corpus("the-verdict") == TEXT.decode()
    assert load_corpus("the-verdict") == TEXT.decode()
    assert len(server.requests) == 1
    assert left_over(folder) == ["the-verdict.txt"]
    assert verified_by("the-verdict") == "SHA-256"


def test_two_errors_then_success(server, monkeypatch):
    replies = iter([500, 503, 200])

    def stumble(handler):
        status = next(replies)
        answer(handler, TEXT if status == 200 else b"sorry", status)

    server.pages["/text"] = stumble
    offer(monkeypatch, server.url + "/text")
    assert fetch("the-verdict", progress=False).read_bytes() == TEXT


def test_the_mirror_is_used_when_the_source_is_gone(server, monkeypatch):
    server.pages["/mirror"] = TEXT
    offer(monkeypatch, "http://127.0.0.1:9/gone", server.url + "/mirror")
    assert fetch("the-verdict", progress=False).read_bytes() == TEXT


def fail(folder, match):
    with pytest.raises(CorpusError, match=match) as caught:
        fetch("the-verdict", progress=False)
    assert left_over(folder) == []
    return str(caught.value)


def test_cut_short(server, monkeypatch, folder):
    server.pages["/text"] = lambda handler: answer(handler, TEXT[:500], length=len(TEXT))
    offer(monkeypatch, server.url + "/text")
    fail(folder, "broke before the file was complete")


def test_cut_short_without_a_length_is_caught_by_the_hash(server, monkeypatch, folder):
    def no_length(handler):
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(TEXT[:500])

    server.pages["/text"] = no_length
    offer(monkeypatch, server.url + "/text")
    fail(folder, "its SHA-256 is")


def test_wrong_bytes(server, monkeypatch, folder):
    server.pages["/text"] = TEXT.replace(b"bright", b"Bright")
    offer(monkeypatch, server.url + "/text")
    message = fail(folder, "expected " + hashlib.sha256(TEXT).hexdigest())
    assert server.url in message and "the-verdict.txt" in message


def test_server_errors_all_the_way(server, monkeypatch, folder):
    server.pages["/text"] = lambda handler: answer(handler, b"", 500)
    offer(monkeypatch, server.url + "/text")
    assert "Check the internet connection" in fail(folder, "answered 500")
    assert len(server.requests) == downloads.ROUNDS


def test_offline(monkeypatch, folder):
    offer(monkeypatch, "http://127.0.0.1:9/nobody")
    fail(folder, "no connection to the server")


def test_full_disk_is_not_tried_again(server, monkeypatch, folder):
    import pooch

    calls = []

    class FullDisk:
        def __init__(self, **options):
            pass

        def __call__(self, url, output_file, pooch):
            calls.append(url)
            Path(output_file).write_bytes(TEXT[:100])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(pooch, "HTTPDownloader", FullDisk)
    offer(monkeypatch, server.url + "/text")
    assert "LLM_COURSE_DATA" in fail(folder, "The disk is full")
    assert len(calls) == 1


def test_a_folder_that_is_a_file(server, monkeypatch, folder):
    folder.write_text("in the way")
    offer(monkeypatch, server.url + "/text")
    with pytest.raises(CorpusError, match="cannot be written"):
        fetch("the-verdict", progress=False)
    assert server.requests == []


def test_stopping_leaves_nothing(monkeypatch, folder):
    import pooch

    class Stopped:
        def __init__(self, **options):
            pass

        def __call__(self, url, output_file, pooch):
            Path(output_file).write_bytes(TEXT[:100])
            raise KeyboardInterrupt

    monkeypatch.setattr(pooch, "HTTPDownloader", Stopped)
    offer(monkeypatch, "http://127.0.0.1:9/")
    with pytest.raises(KeyboardInterrupt):
        fetch("the-verdict", progress=False)
    assert left_over(folder) == []


def test_a_changed_file_in_the_folder_is_refused(folder):
    folder.mkdir()
    (folder / "the-verdict.txt").write_text("not the text")
    with pytest.raises(CorpusError, match="damaged or was changed"):
        load_corpus("the-verdict")


# --- files whose original nobody could hash ---------------------------------------------------


def sms_zip(tmp_path, ham=4827, spam=747) -> bytes:
    path = tmp_path / "sms.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("SMSSpamCollection", "ham\tHi\r\n" * ham + "spam\tWIN\r\n" * spam)
        archive.writestr("readme", "about")
    return path.read_bytes()


def test_sms_is_unpacked_and_counted(server, monkeypatch, tmp_path, folder):
    server.pages["/sms"] = sms_zip(tmp_path)
    offer(monkeypatch, server.url + "/sms", name="sms-spam", sha256="0" * 64)
    messages = load_sms()
    assert len(messages) == 5574 and messages[0] == ("ham", "Hi")
    assert verified_by("sms-spam") == "contents"
    assert left_over(folder) == ["SMSSpamCollection.tsv"]


@pytest.mark.parametrize("broken", ["counts", "archive"])
def test_wrong_sms_is_refused(server, monkeypatch, tmp_path, folder, broken):
    server.pages["/sms"] = sms_zip(tmp_path, ham=4826) if broken == "counts" else b"PK, no zip"
    offer(monkeypatch, server.url + "/sms", name="sms-spam", sha256="0" * 64)
    with pytest.raises(CorpusError, match="4,827 ham" if broken == "counts" else "unpacked"):
        load_sms()
    assert left_over(folder) == []


def test_sms_lines_are_parsed_strictly():
    assert sources.parse_sms('ham\ta\tb\nspam\t"q\n') == [
        ("ham", "a\tb"),
        ("spam", '"q'),
    ]
    with pytest.raises(ValueError, match="line 2"):
        sources.parse_sms("ham\tfine\nhello\n")


def test_tinystories_asks_for_the_beginning_only(server, monkeypatch):
    first = "One day, a little girl named Lily found a needle in her room. The end."
    story = "Once there was a frog. " * 40
    stories = [first, *[story] * 230]
    server.pages["/stories"] = "\n<|endoftext|>\n".join(stories).encode()
    offer(monkeypatch, server.url + "/stories", name="tinystories-sample", sha256="0" * 64)
    text = load_corpus("tinystories-sample")
    assert server.requests == [("/stories", "bytes=0-229999")]
    assert text.startswith(first + "\n\nOnce there was a frog.")
    assert "<|endoftext|>" not in text and text.endswith("frog.\n")
    assert 197_290 <= len(text) < 197_290 + len(story)


def safetensors(shape=(50257, 768), cut=0) -> bytes:
    """A file with GPT-2's names and shapes in its header and no numbers worth keeping."""
    header = {
        "__metadata__": {"format": "pt"},
        "wte.weight": {"dtype": "F32", "shape": list(shape), "data_offsets": [0, 40]},
        "wpe.weight": {"dtype": "F32", "shape": [1024, 768], "data_offsets": [40, 64]},
    }
    packed = json.dumps(header).encode()
    body = struct.pack("<Q", len(packed)) + packed + bytes(64)
    return body[: len(body) - cut]


def offer_gpt2(server, monkeypatch, weights, config):
    server.pages.update({"/config.json": json.dumps(config).encode(), "/weights": weights})
    corpus = sources.CORPORA["gpt2-weights"]
    downloads = tuple(
        dataclasses.replace(item, urls=(server.url + path,))
        for item, path in zip(corpus.downloads, ("/config.json", "/weights"), strict=True)
    )
    monkeypatch.setitem(
        sources.CORPORA,
        "gpt2-weights",
        dataclasses.replace(corpus, downloads=downloads),
    )


GPT2 = {"n_embd": 768, "n_head": 12, "n_layer": 12, "vocab_size": 50257}


def test_a_server_that_ignores_the_range_is_not_read_to_its_end(server, monkeypatch):
    beginning = TEXT[:200]

    def endless(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", str(1 << 40))
        handler.end_headers()
        handler.wfile.write(TEXT)
        with contextlib.suppress(OSError):
            while True:
                handler.wfile.write(b"x" * (1 << 16))

    assert len(TEXT) > 200
    server.pages["/endless"] = endless
    digest = hashlib.sha256(beginning).hexdigest()
    offer(monkeypatch, server.url + "/endless", first_bytes=200, sha256=digest)
    assert fetch("the-verdict", progress=False).read_bytes() == beginning


def test_gpt2_weights_go_into_one_folder(server, monkeypatch, folder):
    offer_gpt2(server, monkeypatch, safetensors(), GPT2)
    assert fetch("gpt2-weights", progress=False) == folder / "gpt2"
    assert sorted(path.name for path in (folder / "gpt2").iterdir()) == [
        "config.json",
        "model.safetensors",
    ]
    assert verified_by("gpt2-weights") == "contents"
    with pytest.raises(ValueError, match="is not a text"):
        load_corpus("gpt2-weights")


@pytest.mark.parametrize(
    ("weights", "config", "match"),
    [
        (safetensors(cut=3), GPT2, "bytes, not"),
        (safetensors(shape=(50257, 1024)), GPT2, "wte.weight has shape"),
        (b"<html>not found</html>", GPT2, "safetensors"),
        (b"", GPT2, "safetensors"),
        (safetensors(), {**GPT2, "n_layer": 24}, "n_layer is 24, not 12"),
    ],
)
def test_wrong_weights_are_refused(server, monkeypatch, folder, weights, config, match):
    offer_gpt2(server, monkeypatch, weights, config)
    with pytest.raises(CorpusError, match=match):
        fetch("gpt2-weights", progress=False)
    assert not (folder / "gpt2" / "model.safetensors").exists()


# --- saying what is there ---------------------------------------------------------------------


def test_available_prints_one_line_and_the_way(capsys):
    assert not available("the-verdict", shows="the first 99 characters")
    line = capsys.readouterr().out
    assert line.count("\n") == 1
    assert "the first 99 characters" in line and 'fetch("the-verdict")' in line
    assert available("story") and available("pydocs")
    assert capsys.readouterr().out == ""


def test_available_wants_every_file(folder, capsys):
    (folder / "tiktoken").mkdir(parents=True)
    (folder / sources.CORPORA["gpt2-vocabulary"].downloads[0].file).write_text("")
    assert not available("gpt2-vocabulary")


def test_embedded_texts_cannot_be_fetched():
    with pytest.raises(ValueError, match="is embedded"):
        fetch("story")
    with pytest.raises(CorpusError, match="is missing"):
        verified_by("the-verdict")


def test_the_folder_without_a_choice(monkeypatch):
    monkeypatch.delenv("LLM_COURSE_DATA")
    assert data_folder().name == "llm-course"


def test_command_line(server, monkeypatch, capsys, folder):
    server.pages["/text"] = TEXT
    offer(monkeypatch, server.url + "/text")
    assert data.main([]) == 0
    listing = capsys.readouterr().out
    assert all(name in listing for name in sources.CORPORA) and "not here" in listing
    assert data.main(["the-verdict", "story"]) == 0
    assert "verified by SHA-256" in capsys.readouterr().out
    assert data.main(["the-veredict"]) == 1
    assert "unknown corpus" in capsys.readouterr().out


# --- the real files, where this computer has them ---------------------------------------------

REAL = os.environ.get("LLM_COURSE_DATA", "")


def real(name, monkeypatch):
    if not REAL:
        pytest.skip("LLM_COURSE_DATA is not set")
    monkeypatch.setenv("LLM_COURSE_DATA", REAL)
    if not available(name):
        pytest.skip(f"{name} is not in LLM_COURSE_DATA")


@pytest.mark.parametrize("name", [n for n, c in sources.CORPORA.items() if c.downloads])
def test_real_files(name, monkeypatch):
    real(name, monkeypatch)
    assert verified_by(name) in ("SHA-256", "contents")


def test_real_sizes(monkeypatch):
    real("the-verdict", monkeypatch)
    assert len(load_corpus("the-verdict")) == 20_479


def test_real_sms(monkeypatch):
    real("sms-spam", monkeypatch)
    labels = [label for label, _ in load_sms()]
    print("SMS messages verified by", verified_by("sms-spam"))
    assert (len(labels), labels.count("ham"), labels.count("spam")) == (5574, 4827, 747)


@pytest.mark.parametrize("name", ["instructions", "preferences"])
def test_real_instructions(name, monkeypatch):
    real(name, monkeypatch)
    entries = load_instructions(name)
    assert len(entries) == 1100
    assert {"instruction", "input", "output"} <= set(entries[0])
    assert ("chosen" in entries[0]) == (name == "preferences")


def test_real_gpt2_encoding_needs_no_other_folder(monkeypatch):
    real("gpt2-vocabulary", monkeypatch)
    monkeypatch.delenv("TIKTOKEN_CACHE_DIR", raising=False)
    assert gpt2_encoding().encode("Hello, do you like tea?") == [15496, 11, 466, 345, 588, 8887, 30]
    assert "TIKTOKEN_CACHE_DIR" not in os.environ
