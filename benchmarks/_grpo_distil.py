"""Distillation: the course's GPT of 6.9 million parameters teaches one of a million.

Half of the texts are tales, half are tasks with answers that a rule checks. All students start from
the same weights and take the same steps. What differs is what they are told:

    hard labels          the text, or the right answer of the task
    sampled answers      what the teacher wrote, answers kept only where they are right
    distribution         the teacher's probabilities at each token of the text
"""

import random
from collections import defaultdict

import torch

from benchmarks._grpo_loop import answers_to, descend, distilled_loss, padded, set_rate
from benchmarks.instructions import KNOWN, own_layout, right
from classroom.worlds import tales, tasks
from classroom.worlds.tale_probes import tale_loader
from helpers.chat import BASE_MODEL
from helpers.checkpoint import load_model
from helpers.config import GPTConfig
from helpers.loss import next_token_loss
from helpers.model import GPT
from helpers.optim import MuonWithAdamW, learning_rate_at
from helpers.tokenizer import end_of_text_id
from helpers.train import evaluate_loss

STUDENT = {"embedding_dim": 96, "n_heads": 4, "n_layers": 3, "dropout": 0.0}
WAYS = ("hard labels", "sampled answers", "distribution", "distribution, temperature 2")
STEPS, BATCH, RATE, HELD_OUT = 600, 16, 6e-3, 100


def pairs_of(tokenizer, told, items):
    """(prompt, answer) token ids of tales and of tasks."""
    end = end_of_text_id(tokenizer)
    pairs = [([end], [*tokenizer.encode_ordinary(tale), end]) for tale in told]
    for task in items:
        asked = tokenizer.encode_ordinary(own_layout(task))
        pairs.append(([end, *asked], [*tokenizer.encode_ordinary(f" {task.output}\n"), end]))
    return pairs


def answered_by(teacher, tokenizer, items, seed, together=256):
    """The tasks that the teacher answers right when it samples one answer to each."""
    end, by_length = end_of_text_id(tokenizer), defaultdict(list)
    for task in items:
        ids = [end, *tokenizer.encode_ordinary(own_layout(task))]
        by_length[len(ids)].append((ids, task))
    kept = []
    for number, length in enumerate(sorted(by_length)):
        group = by_length[length]
        for start in range(0, len(group), together):
            part = group[start : start + together]
            prompts = torch.tensor([ids for ids, _ in part])
            written = answers_to(teacher, prompts, 16, end, 1.0, 1000 * seed + number)
            for (_, task), row in zip(part, written.tolist(), strict=True):
                answer = tokenizer.decode(row).split("\n")[0].strip()
                kept += [task] if answer == task.output else []
    return kept


def distil(way, seed, steps=STEPS, held_out=HELD_OUT):
    """Train one student; return its figures on held-out tales and tasks."""
    teacher, tokenizer = load_model(BASE_MODEL)
    torch.manual_seed(seed)
    student = GPT(GPTConfig(teacher.config.vocab_size, teacher.config.context_length, **STUDENT))
    told = tales.sample(steps * BATCH // 2, 1000 + seed)
    items = tasks.sample(steps * BATCH // 2, 1000 + seed, "train", KNOWN)
    kept = items
    if way == "sampled answers":
        kept = answered_by(teacher, tokenizer, items, seed)
    pairs = pairs_of(tokenizer, told, kept)
    random.Random(seed).shuffle(pairs)
    optimizer = MuonWithAdamW(student, RATE)
    for step in range(steps):
        chosen = [pairs[(step * BATCH + n) % len(pairs)] for n in range(BATCH)]
        inputs, targets = padded(chosen, end_of_text_id(tokenizer))
        set_rate(optimizer, learning_rate_at(step, steps, RATE, min(20, steps)))
        if way.startswith("distribution"):
            heat = 2.0 if way.endswith("2") else 1.0
            loss = distilled_loss(student, teacher, inputs, targets, heat)
        else:
            loss = next_token_loss(student, inputs, targets)
        descend(student, optimizer, loss)
    student.eval()
    asked = tasks.sample(held_out, 1, "test", KNOWN)
    return {
        "parameters": [student.n_parameters(), teacher.n_parameters()],
        "tale_loss": evaluate_loss(student, tale_loader(tokenizer, tales.sample(held_out, 999))),
        "tasks": right(student, tokenizer, asked, list(map(own_layout, asked))),
        "answers_kept": len(kept) / len(items),
    }


def teacher_alone(held_out=HELD_OUT):
    """What the teacher reaches on the same tales and tasks."""
    teacher, tokenizer = load_model(BASE_MODEL)
    asked = tasks.sample(held_out, 1, "test", KNOWN)
    return {
        "tale_loss": evaluate_loss(teacher, tale_loader(tokenizer, tales.sample(held_out, 999))),
        "tasks": right(teacher, tokenizer, asked, list(map(own_layout, asked))),
    }
