"""Prompt formats to the letter, what is scored, how batches look, and what is cut."""

import pytest
import torch
from torch.nn import functional as F

from helpers.bpe import BPETokenizer
from helpers.config import GPTConfig
from helpers.instructions import (
    FORMATS,
    Instruction,
    encode_conversation,
    fit_prompt,
    format_alpaca,
    format_chat,
    format_phi3,
    instruction_loader,
)
from helpers.model import GPT
from helpers.runs.run import Run
from helpers.train import TrainConfig, evaluate_loss, next_token_loss, train

TOKENIZER = BPETokenizer.train("abc", 257, ("<|endoftext|>",))
END = TOKENIZER.special_tokens["<|endoftext|>"]
ADD = Instruction("Add up.", "2 and 3", "5")
HELLO = Instruction("Say hello.", output="Hello!")


def test_alpaca_to_the_letter():
    assert format_alpaca("Say hello.") == (
        "Below is an instruction that describes a task. Write a response that appropriately "
        "completes the request.\n\n### Instruction:\nSay hello.\n\n### Response:\n"
    )
    with_input = format_alpaca("Add up.", "2 and 3")
    assert "further context." in with_input and "\n\n### Input:\n2 and 3\n\n" in with_input


def test_phi3_to_the_letter():
    assert format_phi3("Say hello.") == "<|user|>\nSay hello.<|end|>\n<|assistant|>\n"
    assert set(FORMATS) == {"alpaca", "phi3", "chat"}


def test_the_chat_format_has_a_blank_before_each_line_of_the_text():
    assert format_chat("Say hello.") == format_phi3(" Say hello.")
    assert format_chat("Add.\nNow.", "2\n3") == format_phi3(" Add.\n Now.", " 2\n 3")


def test_only_answers_and_their_ends_are_scored():
    ids, scored = encode_conversation(TOKENIZER, [ADD, HELLO])
    row = [*ids, END]
    assert len(scored) == len(row)
    counted = TOKENIZER.decode([token for token, counts in zip(row, scored, strict=True) if counts])
    assert counted == "5<|endoftext|>Hello!<|endoftext|>"
    assert TOKENIZER.decode(row) == (
        format_phi3("Add up.", "2 and 3") + "5<|endoftext|>" + format_phi3("Say hello.")
        + "Hello!<|endoftext|>"
    )  # fmt: skip
    assert all(encode_conversation(TOKENIZER, [ADD], mask_prompt=False)[1])


def test_text_that_looks_like_a_mark_is_text():
    ids, _ = encode_conversation(TOKENIZER, [Instruction("<|endoftext|>", output="a")])
    assert END not in ids


def test_a_batch_is_padded_shifted_and_masked():
    loader = instruction_loader(TOKENIZER, [ADD, HELLO], 2, shuffle=False)
    inputs, targets = next(iter(loader))
    prompt = len(TOKENIZER.encode_ordinary(format_phi3("Say hello.")))
    assert inputs[1, 0] == END and targets[1, :prompt].eq(-100).all()
    answer = [*TOKENIZER.encode_ordinary("Hello!"), END]
    assert targets[1, prompt : prompt + 7].tolist() == answer
    assert targets[1, prompt + 7 :].eq(-100).all()
    assert inputs[1, prompt + 1 : prompt + 7].tolist() == answer[:-1]


def test_the_loss_is_that_of_the_answers_alone():
    torch.manual_seed(0)
    model = GPT(GPTConfig(TOKENIZER.vocab_size, 64, 16, 2, 1, dropout=0.0)).eval()
    inputs, targets = next(iter(instruction_loader(TOKENIZER, [ADD, HELLO], 2, shuffle=False)))
    logits = model(inputs)
    of_tokens = F.cross_entropy(logits.transpose(1, 2), targets.clamp(min=0), reduction="none")
    by_hand = of_tokens[targets != -100].mean()
    torch.testing.assert_close(next_token_loss(model, inputs, targets), by_hand)


def test_too_long_is_cut_and_counted():
    long = Instruction("Repeat.", output="ha" * 100)
    loader = instruction_loader(TOKENIZER, [long, HELLO], 1, max_tokens=64, shuffle=False)
    assert loader.n_cut == 1 and next(iter(loader))[0].shape == (1, 64)
    with pytest.raises(ValueError, match="fills all 10 tokens"):
        instruction_loader(TOKENIZER, [HELLO], 1, max_tokens=10)


def test_the_end_of_a_prompt_stays():
    assert fit_prompt([1, 2], 10, 3) == ([1, 2], 0)
    with pytest.raises(ValueError, match="fills the context of 8"):
        fit_prompt([1, 2], 8, 8)


def test_a_model_learns_two_answers_and_repeats_itself():
    losses = []
    for _ in range(2):
        torch.manual_seed(0)
        model = GPT(GPTConfig(TOKENIZER.vocab_size, 64, 32, 2, 1, dropout=0.0))
        loader = instruction_loader(TOKENIZER, [ADD, HELLO] * 4, 4)
        config = TrainConfig(steps=40, learning_rate=1e-2, warmup_steps=2, evaluate_every=40)
        train(model, loader, loader, config, Run(progress=False))
        losses.append(evaluate_loss(model, loader))
    assert losses[0] == losses[1] < 0.3


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="no instructions"):
        instruction_loader(TOKENIZER, [], 1)
    with pytest.raises(ValueError, match="at least one turn"):
        encode_conversation(TOKENIZER, [])
    with pytest.raises(ValueError, match="no answer to 'Why\\?'"):
        encode_conversation(TOKENIZER, [Instruction("Why?")])
