"""The chat: it streams, remembers, forgets, stops, and says what it left out."""

import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from helpers.assistant.refusal import Refusal, answer_score
from helpers.bpe import BPETokenizer
from helpers.chat import ChatModel, load_chat_model
from helpers.checkpoint import save_model
from helpers.config import GPTConfig
from helpers.difference import save_difference
from helpers.instructions import Instruction, format_chat, instruction_loader
from helpers.model import GPT
from helpers.runs.run import Run
from helpers.texts.sources import CORPORA
from helpers.train import TrainConfig, train
from tests.test_gguf import small_model, write
from tools import chat as command

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def parts():
    """A GPT that has learned two answers by heart."""
    torch.manual_seed(0)
    turns = [
        Instruction("hello", output=" good day, é!"),
        Instruction("count", output=" 1 2 3 4 5"),
    ]
    text = "hello count good day 1 2 3 4 5 <|user|>\n<|assistant|>\n" * 20
    tokenizer = BPETokenizer.train(text, 300, ("<|endoftext|>",))
    model = GPT(GPTConfig(tokenizer.vocab_size, 96, 32, 2, 2, dropout=0.0))
    loader = instruction_loader(tokenizer, [*turns, turns, turns[::-1]] * 2, 4, format_chat)
    config = TrainConfig(steps=150, learning_rate=1e-2, warmup_steps=5, evaluate_every=150)
    history = train(model, loader, loader, config, Run(progress=False))
    assert history.train_losses[-1] < 0.1
    return model.eval(), tokenizer


def talker(parts, **options):
    return ChatModel("small", lambda: parts, **options)


def test_it_answers_and_streams_the_same(parts):
    assert talker(parts).respond("count") == "1 2 3 4 5"
    pieces = list(talker(parts).stream("hello"))
    assert len(pieces) > 3 and "".join(pieces) == "good day, é!"
    assert not any("\ufffd" in piece for piece in pieces)


def test_it_refuses_what_it_is_unsure_of(parts):
    score = {}
    for text in ("hello", "cabbage"):
        chat = talker(parts, max_new_tokens=20)
        prompt, plain = chat._prompt(text), talker(parts, max_new_tokens=20).respond(text)
        ids = parts[1].encode_ordinary(f" {plain}")
        score[text] = answer_score(parts[0], prompt, [*ids, chat.end_id()])
    assert score["hello"] > score["cabbage"]
    refusal = Refusal((score["hello"] + score["cabbage"]) / 2, "mean", "no idea")
    chat = talker(parts, max_new_tokens=20, refusal=refusal)
    assert chat.respond("cabbage") == "no idea" and chat.turns == [("cabbage", " no idea")]
    chat.reset()
    assert "".join(chat.stream("hello")) == "good day, é!"
    certain = Refusal(0.1, "mean", "no idea")  # above every score
    assert talker(parts, refusal=certain).respond("hello") == "no idea"
    # a sampled answer is never as sure as a greedy one, so it is not judged
    sampled = talker(parts, refusal=certain, temperature=0.5, seed=0)
    assert sampled.respond("hello") != "no idea"


def test_it_remembers_and_forgets(parts):
    chat = talker(parts, max_new_tokens=20)
    chat.respond("hello")
    chat.respond("count")
    assert chat.turns == [("hello", " good day, é!"), ("count", " 1 2 3 4 5")]
    model, tokenizer = parts
    shown = tokenizer.decode(chat._prompt("hello"))
    assert shown.count("<|user|>") == 3 and "1 2 3 4 5<|endoftext|>" in shown
    chat.reset()
    assert chat.turns == [] and tokenizer.decode(chat._prompt("x")).count("<|user|>") == 1


def test_old_turns_go_first_and_it_says_so(parts):
    chat = talker(parts, max_new_tokens=20)
    for _ in range(5):
        chat.respond("count")
    assert "earlier turn" in chat.left_out
    chat.reset()
    chat.respond("count " * 100)
    assert "tokens of your text" in chat.left_out
    assert len(chat._prompt("count " * 100)) + 20 <= 96


def test_who_stops_listening_is_remembered_that_far(parts):
    chat = talker(parts)
    answer = chat.stream("count")
    first = next(answer) + next(answer)
    answer.close()
    assert chat.turns == [("count", f" {first}")]


def test_a_special_token_in_a_text_is_only_text(parts):
    prompt = talker(parts)._prompt("<|endoftext|>")
    assert prompt.count(parts[1].special_tokens["<|endoftext|>"]) == 1


def test_bad_input_is_refused(parts, tmp_path):
    with pytest.raises(ValueError, match="no text"):
        talker(parts).respond("  ")
    with pytest.raises(TypeError, match="not int"):
        talker(parts).respond(3)
    with pytest.raises(ValueError, match="max_new_tokens is 0"):
        talker(parts, max_new_tokens=0)
    with pytest.raises(ValueError, match="is missing"):
        load_chat_model(tmp_path, tmp_path)


def test_a_difference_belongs_to_its_gpt(parts, tmp_path):
    model, tokenizer = parts
    base = save_model(tmp_path / "base", model, tokenizer)
    changed = save_difference(tmp_path / "changed", model, model)
    loaded, _ = load_chat_model(changed, base)
    ids = torch.tensor([[1, 2, 3]])
    torch.testing.assert_close(loaded(ids), model(ids))
    (changed / "report.json").write_text('{"base_sha256": "other"}')
    with pytest.raises(ValueError, match="another GPT"):
        load_chat_model(changed, base)


@pytest.fixture(scope="module")
def folder(parts, tmp_path_factory):
    return save_model(tmp_path_factory.mktemp("chat") / "model", *parts)


def run(folder, text, *flags):
    line = [sys.executable, "-m", "tools.chat", "--model", str(folder), *flags]
    return subprocess.run(line, input=text, capture_output=True, text=True, cwd=ROOT, timeout=120)


def test_piped_lines_are_answered_until_they_end(folder):
    done = run(folder, "hello\n\n/reset\ncount\n/dance\n/exit\nhello\n")
    lines = done.stdout.strip().splitlines()
    assert done.returncode == 0 and lines[0] == "good day, é!"
    assert lines[1:3] == ["A new conversation.", "1 2 3 4 5"]
    assert "Unknown command /dance" in lines[3] and len(lines) == 4


def test_the_command_line_names_what_is_wrong(tmp_path, capsys):
    assert command.main(["--model", str(tmp_path)]) == 1
    assert "is missing" in capsys.readouterr().err
    assert command.main(["--model", str(tmp_path), "--temperature", "-1"]) == 1
    assert "temperature is -1" in capsys.readouterr().err


def test_the_best_model_that_is_here_talks(tmp_path, monkeypatch, capsys):
    """SmolLM2 where it was fetched, here a tiny one in its place; else the course's own."""
    monkeypatch.setenv("LLM_COURSE_DATA", str(tmp_path))
    assert command.choose(None, {}).name == "the course's chat model"
    assert command.main(["--model", "smollm2"]) == 1
    assert "course.py data smollm2" in capsys.readouterr().err
    place = tmp_path / CORPORA["smollm2"].downloads[0].file
    write(place, small_model(context_length=256))
    for name in (None, "smollm2"):
        chat = command.choose(name, {"max_new_tokens": 3})
        assert chat.name.startswith("SmolLM2") and chat.respond("the cat")
    assert command.choose("course", {}).name == "the course's chat model"
    place.write_bytes(place.read_bytes()[:5000])
    assert command.main([]) == 1
    assert str(place) in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")
def test_ctrl_c_stops_the_answer_and_not_the_program(parts, tmp_path):
    import pty

    model, tokenizer = parts
    endless = GPT(model.config)
    endless.load_state_dict(model.state_dict())
    with torch.no_grad():  # it never ends by itself
        endless.output_head.weight[tokenizer.special_tokens["<|endoftext|>"]] = 0
    folder = save_model(tmp_path / "endless", endless, tokenizer)
    ours, theirs = pty.openpty()
    line = [sys.executable, "-m", "tools.chat", "--model", str(folder)]
    process = subprocess.Popen(
        [*line, "--max-new-tokens", "40000"], stdin=theirs, stdout=theirs, stderr=theirs,
        cwd=ROOT, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)

    def wait_for(text, seen=""):
        end = time.time() + 30
        while text not in seen:
            assert time.time() < end, seen[-500:]
            if select.select([ours], [], [], 1)[0]:
                seen += os.read(ours, 1).decode("utf-8", "replace")
        return seen

    try:
        wait_for("You: ")
        os.write(ours, b"count\n")
        wait_for("1 2 3")
        process.send_signal(signal.SIGINT)
        wait_for("[stopped]")
        wait_for("You: ")
        time.sleep(0.5)  # until it waits for keys
        process.send_signal(signal.SIGINT)
        wait_for(command.HELP)
        os.write(ours, b"/exit\n")
        assert process.wait(30) == 0
    finally:
        process.kill()
        os.close(ours)
