"""Part 1 of `my_chat.py`: questions and answers, of which only the answers are scored."""

import csv
import io
import random
import re
import sys
from dataclasses import replace
from pathlib import Path

import torch

from classroom.mine.command import model_in
from classroom.mine.files import load_model, save_model
from classroom.mine.model import GPT
from classroom.mine.settings import DEVICE
from classroom.mine.tokenizer import END_OF_TEXT
from classroom.mine.training import evaluate_loss, learning_rate_at
from classroom.turns.t09 import (
    chat_prompt,
    collate,
    finetune,
    greedy_answer,
    inputs_and_targets,
    length_batches,
)

MARKS = ("<|im_start|>", "<|im_end|>")  # of chat_prompt
BATCH_SIZE, POOL = 16, 16  # rows in a batch; batches whose rows are sorted by length together


def plain(text):
    """Return a text from outside without control tokens, with spaces in their place."""
    text = re.sub(r"<\|(endoftext|im_start|im_end)\|>", " ", text)
    return text.encode(errors="replace").decode().strip()


def read_rows(path, *columns):
    """Return the rows of a CSV file as tuples, with the text of each of these columns."""
    if not Path(path).is_file():
        raise ValueError(f"there is no file {path}")
    try:
        text = Path(path).read_bytes().decode("utf-8-sig")
        rows = list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not UTF-8 text") from None
    except csv.Error as error:
        raise ValueError(f"{path} is not a CSV file: {error}") from None
    if not rows or not set(columns) <= rows[0].keys():
        raise ValueError(f"{path} needs a first line {','.join(columns)} and rows below it")
    found = [tuple(plain(row[column] or "") for column in columns) for row in rows]
    if empty := [number for number, row in enumerate(found, start=1) if not all(row)]:
        raise ValueError(f"{path}: in row {empty[0]} {' or '.join(columns)} is empty")
    return found


@torch.no_grad()
def with_marks(model, tokenizer):
    """Return both with the marks as tokens of their own, whose embeddings are still random."""
    order = sorted(range(256), key=lambda value: tokenizer.ids[bytes([value])])
    names = (*tokenizer.special_tokens, *MARKS)
    marked = type(tokenizer)(tokenizer.merges, tuple(dict.fromkeys(names)), order)
    marked.pattern = tokenizer.pattern
    size = max(model.config.vocab_size, max(marked.vocab) + 1)
    grown, known = GPT(replace(model.config, vocab_size=size)), dict(model.named_parameters())
    for name, parameter in grown.named_parameters():
        parameter[: len(known[name])] = known[name]
    return grown.to(DEVICE), marked


def encode_question(tokenizer, question):
    """The token ids of a question in the chat template, up to where the answer begins."""
    return tokenizer.encode(chat_prompt([("user", question)]), MARKS)


def answer_rows(tokenizer, pairs, limit):
    """Inputs and targets of each (question, answer) that has at most `limit` tokens."""
    end = tokenizer.special_tokens[END_OF_TEXT]
    ids = [(encode_question(tokenizer, asked), tokenizer.encode(answer)) for asked, answer in pairs]
    rows = [inputs_and_targets(*both, end) for both in ids]
    return [row for row in rows if len(row[0]) <= limit]


def drawn(lengths, epochs):
    """The row numbers of each batch: similar lengths together, another order in each epoch."""
    rng = random.Random(0)
    return [rows for _ in range(epochs) for rows in length_batches(lengths, BATCH_SIZE, POOL, rng)]


def rates_for(steps, peak):
    """The learning rate of each step: up during the first tenth, then down to zero."""
    return [learning_rate_at(step, steps, peak, steps // 10, 0.0) for step in range(steps)]


def counted(batches):
    """Yield batches on the device; in a terminal, show how many there have been."""
    for number, batch in enumerate(batches, start=1):
        if sys.stdout.isatty():
            print(f"\rstep {number} of {len(batches)} ", end="", flush=True)
        yield [part.to(DEVICE) for part in batch]


def train_command(options):
    """Fine-tune the model of a run on questions and their answers; save it beside."""
    pairs = read_rows(options.file, "question", "answer")
    torch.manual_seed(0)
    model, tokenizer = with_marks(*model_in(options.out))
    length, end = model.config.context_length, tokenizer.special_tokens[END_OF_TEXT]
    rows = answer_rows(tokenizer, pairs, length)
    held_out, rows = rows[::10], [row for place, row in enumerate(rows) if place % 10]
    if not rows:
        raise ValueError(f"{options.file} needs two rows that fit into {length} tokens each")
    print(f"{len(rows)} to learn from, {len(held_out)} held out, {len(pairs)} in the file.")
    starts = range(0, len(held_out), BATCH_SIZE)
    held_out = [collate(held_out[start : start + BATCH_SIZE], end) for start in starts]
    before = evaluate_loss(model, counted(held_out))
    places = drawn([len(inputs) for inputs, _ in rows], options.epochs)
    batches = [collate([rows[place] for place in some], end) for some in places]
    finetune(model, counted(batches), rates_for(len(batches), options.learning_rate or 1e-3))
    after = evaluate_loss(model, counted(held_out))
    save_model(options.out / "chat", model, tokenizer)
    print(f"\rHeld-out answers, nats per token: {before:.3f} before, {after:.3f} after.")
    print(f"Saved in {options.out / 'chat'}. Next: python my_chat.py talk")


def saved(folder, file, command):
    """The folder of a fine-tuned model; raises ValueError where it is not there yet."""
    if not (folder / file).exists():
        raise ValueError(f"there is no model in {folder}: first run python my_chat.py {command}")
    return folder


def lines(prompt):
    """Yield each line that is typed after a prompt, or piped."""
    while True:
        try:
            yield plain(input(prompt if sys.stdin.isatty() else ""))
        except EOFError:
            return


def talk_command(options):
    """Answer each question that is typed or piped."""
    model, tokenizer = load_model(saved(options.out / "chat", "config.json", "train QUESTIONS.csv"))
    end = tokenizer.special_tokens[END_OF_TEXT]
    for question in lines("\nYou: "):
        prompt = encode_question(tokenizer, question)
        room = model.config.context_length - len(prompt)
        answer = greedy_answer(model, prompt, end, room) if room > 0 else []
        print(tokenizer.decode(answer) if room > 0 else "[this question is too long]", flush=True)
