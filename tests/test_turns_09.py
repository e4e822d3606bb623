"""The turns of notebook 09: other right answers, typical mistakes, and each property of each task."""

import math
import random
from functools import partial

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from classroom.turns import t09
from classroom.turns.t09 import TURNS
from helpers import evaluate, instructions, judge
from helpers.bpe import BPETokenizer
from helpers.config import GPTConfig
from helpers.llama.chat import LlamaChat
from helpers.llama.tokens import FileTokenizer
from helpers.model import GPT
from tests import turn_cells
from tests.turn_cells import turn_tests

IMPORTS = """import math
import re

import torch
from torch import nn
from torch.nn import functional as F


"""
function = partial(turn_cells.function, imports=IMPORTS)
course_cell = partial(turn_cells.course_cell, TURNS, imports=IMPORTS)


ALPACA, CHAT, PAIR, COLLATE, LOSS, BY_LENGTH, ANSWER, LOOP, SCORE, PASS = TURNS.turns

RIGHT = [
    function(
        "alpaca_prompt(instruction, input='')",
        "opening = 'Below is an instruction that describes a task. '",
        "opening += 'Write a response that appropriately completes the request.'",
        "parts = [opening, '### Instruction:\\n' + instruction]",
        "if input: parts.append('### Input:\\n' + input)",
        "return '\\n\\n'.join([*parts, '### Response:\\n'])",
    ),
    function(
        "chat_prompt(messages)",
        "parts = []",
        "for role, content in messages:",
        "    if role not in {'system', 'user', 'assistant', 'tool'} or re.search(r'<\\|im_(start|end)\\|>', content):",
        "        raise ValueError(role)",
        "    parts.append('<|im_start|>' + role + '\\n' + content.strip() + '<|im_end|>')",
        "return '\\n'.join([*parts, '<|im_start|>assistant\\n'])",
    ),
    function(
        "inputs_and_targets(prompt, answer, end)",
        "row = [end] + list(prompt) + list(answer) + [end]",
        "targets = row[1:]",
        "targets[:len(prompt)] = [-100] * len(prompt)",
        "return row[:-1], targets",
    ),
    function(
        "collate(rows, end)",
        "width = max(len(row) for row, _ in rows)",
        "inputs = torch.full((len(rows), width), end)",
        "targets = torch.full((len(rows), width), -100)",
        "for place, (row, wanted) in enumerate(rows):",
        "    inputs[place, :len(row)] = torch.tensor(row)",
        "    targets[place, :len(row)] = torch.tensor(wanted)",
        "return inputs, targets",
    ),
    function(
        "answer_loss(logits, targets)",
        "scored = targets != -100",
        "if not scored.any():",
        "    return logits.sum() * 0",
        "logs = logits[scored].log_softmax(-1)",
        "return -logs.gather(-1, targets[scored][:, None]).mean()",
    ),
    function(
        "length_batches(lengths, batch_size, pool, rng)",
        "order = rng.sample(range(len(lengths)), len(lengths))",
        "found = []",
        "while order:",
        "    near, order = order[:batch_size * pool], order[batch_size * pool:]",
        "    near.sort(key=lengths.__getitem__)",
        "    while near:",
        "        found.append(near[:batch_size])",
        "        near = near[batch_size:]",
        "return rng.sample(found, len(found))",
    ),
    function(
        "greedy_answer(model, prompt, end, limit)",
        "said = []",
        "with torch.no_grad():",
        "    while len(said) < limit:",
        "        logits = model(torch.tensor([[end] + list(prompt) + said]))",
        "        token = int(logits[:, -1].argmax(-1))",
        "        if token == end: return said",
        "        said = said + [token]",
        "return said",
    ),
    function(
        "finetune(model, batches, rates)",
        "weights = list(filter(lambda w: w.requires_grad, model.parameters()))",
        "optimizer = torch.optim.AdamW([{'params': weights}], lr=1.0, weight_decay=0)",
        "model.train()",
        "batches, losses = iter(batches), []",
        "for rate in rates:",
        "    inputs, targets = next(batches)",
        "    optimizer.param_groups[0]['lr'] = rate",
        "    loss = answer_loss(model(inputs), targets)",
        "    loss.backward()",
        "    torch.nn.utils.clip_grad_norm_(weights, max_norm=1)",
        "    optimizer.step()",
        "    optimizer.zero_grad()",
        "    losses += [loss.item()]",
        "model.eval()",
        "return losses",
    ),
    function(
        "parse_score(reply)",
        "for scale in (r'/ ?100', r'out of ?100', r'\\b0 to 100', r'\\b0 ?- ?100'):",
        "    reply = re.sub(scale, '', reply)",
        "found = [float(x) for x in re.findall(r'-?\\d+\\.?\\d*', reply)]",
        "return round(found[0]) if len(found) == 1 and 0 <= found[0] <= 100 else None",
    ),
    function(
        "pass_at_k(n, right, k)",
        "if n - right < k: return 1.0",
        "return 1 - math.prod((n - right - i) / (n - i) for i in range(k))",
    ),
]  # fmt: skip

WRONG = [
    (course_cell(ALPACA, ("    if input:\n        text", "    text")), "its heading is left out"),
    (course_cell(ALPACA, ("Response:\\n", "Response:")), "line break after '### Response:'"),
    (course_cell(ALPACA, ("\\n\\n", "\\n")), "an empty line stands before"),
    (course_cell(ALPACA, ("if input:", "if not instruction:")), "the input is left out"),
    (course_cell(ALPACA, ("\\n\\n### Input:\\n", "\\n")), "needs its heading"),
    (course_cell(CHAT, (' + "<|im_start|>assistant\\n"', "")), "open the assistant's message"),
    (course_cell(CHAT, ("assistant\\n", "assistant")), "a line break follows the role"),
    (course_cell(CHAT, ("assistant\\n", "assistant\\n<|im_end|>\\n")), "stays open"),
    (course_cell(CHAT, ("<|im_end|>\\n", "<|im_end|>")), "a line break follows <|im_end|>"),
    (course_cell(CHAT, (".strip()", "")), "strip the text"),
    (course_cell(CHAT, (', "tool"', "")), "stopped with ValueError"),
    (course_cell(CHAT, ('if role not in ("system", "user", "assistant", "tool")', "if False")), "only the roles it has read"),
    (course_cell(CHAT, ('"<|im_start|>" in content or ', "")), "with <|im_start|> in a text"),
    (course_cell(CHAT, (' or "<|im_end|>" in content', "")), "with <|im_end|> in a text"),
    (course_cell(PAIR, ("[-100] * len(prompt)", "[*prompt]")), "nothing is masked"),
    (course_cell(PAIR, ("[-100] * len(prompt) + [*answer, end]", "[-100] * (len(prompt) + 1) + [*answer[1:], end]")), "one too many is masked"),
    (course_cell(PAIR, ("[*answer, end]", "[*answer, -100]")), "the end is masked"),
    (course_cell(PAIR, ("[-100] * len(prompt) + [*answer, end]", "[-100] * (len(prompt) + 1) + [*answer]")), "not shifted"),
    (course_cell(PAIR, ("*answer]\n", "*answer, end]\n")), "equally long"),
    (course_cell(PAIR, ("[end, *prompt", "[*prompt"), ("* len(prompt)", "* (len(prompt) - 1)")), "an end opens the inputs"),
    (course_cell(PAIR, ("[*answer, end]", "[*answer, 0]")), "`end` is an argument"),
    (function("inputs_and_targets(prompt, answer, end)", "prompt.insert(0, end)", "return prompt + answer, [-100] * (len(prompt) - 1) + answer + [end]"), "changes the lists"),
    (course_cell(COLLATE, ("[-100] * (width", "[end] * (width")), "the padding is scored"),
    (course_cell(COLLATE, ("torch.tensor(targets)", "torch.tensor(targets).masked_fill(torch.tensor(targets) == end, -100)")), "every end is masked"),
    (course_cell(COLLATE, ("[*row, *[end] * (width - len(row))]", "[*[end] * (width - len(row)), *row]"), ("[*row, *[-100] * (width - len(row))]", "[*[-100] * (width - len(row)), *row]")), "pad on the right"),
    (course_cell(COLLATE, ("*[end]", "*[0]")), "filled with the end"),
    (course_cell(COLLATE, ("for inputs, _ in rows)", "for inputs, _ in rows) + (len(rows) == 1)")), "as its own longest row"),
    (course_cell(COLLATE, ("torch.tensor(targets)", "torch.tensor(targets).int()")), "return 64-bit integers"),
    (course_cell(COLLATE, ("    inputs =", "    for row, wanted in rows: row += [end] * (width - len(row)); wanted += [-100] * (width - len(wanted))\n    inputs =")), "changes the rows"),
    (course_cell(LOSS, ("(targets != -100).sum().clamp(min=1)", "targets.numel()")), "not by all positions"),
    (course_cell(LOSS, ("total / (targets != -100).sum().clamp(min=1)", "total")), "that is the sum"),
    (function("answer_loss(logits, targets)", "each = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction='none').view(targets.shape)", "return (each.sum(1) / (targets != -100).sum(1)).mean()"), "has the same weight"),
    (course_cell(LOSS, (".clamp(min=1)", "")), "where nothing is scored the loss is a tensor of 0"),
    (course_cell(LOSS, ("    total =", "    if (targets == -100).all():\n        return 0.0\n    total =")), "where nothing is scored the loss is a tensor of 0"),
    (course_cell(LOSS, ("    total =", "    if (targets == -100).all():\n        return torch.tensor(0.0)\n    total =")), "must still go backward"),
    (function("answer_loss(logits, targets)", "scored = (targets != -100).float()", "logs = logits.log_softmax(-1).gather(-1, targets.clamp(min=0)[..., None])[..., 0]", "mean = -(logs * scored).sum() / scored.sum()", "return torch.where(scored.any(), mean, 0.0)"), "if it is NaN, so are all weights"),
    (course_cell(LOSS, ("logits.flatten", "logits.detach().flatten")), "with its gradient"),
    (function("answer_loss(logits, targets)", "scored = targets != -100", "p = logits.softmax(-1)[scored]", "right = p.gather(-1, targets[scored][:, None])", "loss = -right.log().mean() if scored.any() else right.sum()", "return loss.detach() + logits.sum() - logits.sum().detach()"), "masked positions get none"),
    (course_cell(BY_LENGTH, ("batches += [near", "batches += [[lengths[p] for p in near]")), "not the lengths themselves"),
    (course_cell(BY_LENGTH, ("range(0, len(near), batch_size)", "range(0, len(near) - batch_size + 1, batch_size)")), "a last, smaller batch"),
    (course_cell(BY_LENGTH, ("    order = list", "    batch_size = 2\n    order = list")), "13 positions in batches of 3"),
    (course_cell(BY_LENGTH, ("sorted(order[start : start + size], key=lambda place: lengths[place])", "order[start : start + size]")), "three shortest make a batch"),
    (course_cell(BY_LENGTH, ("    rng.shuffle(batches)\n", "")), "shuffle the finished batches"),
    (course_cell(BY_LENGTH, ("    rng.shuffle(order)\n", "")), "draw the pools anew"),
    (course_cell(BY_LENGTH, ("    order =", "    import random\n    rng = random.Random()\n    order =")), "from rng alone"),
    (course_cell(BY_LENGTH, ("size = [], batch_size * pool", "size = [], len(order) if pool > 1 else batch_size")), "batch_size * pool positions"),
    (course_cell(ANSWER, ("[end, *prompt]", "[*prompt]")), "as in training"),
    (course_cell(ANSWER, ("            break\n        ids.append(token)\n        answer.append(token)", "            answer.append(token)\n            break\n        ids.append(token)\n        answer.append(token)")), "the end is no part"),
    (course_cell(ANSWER, ("return answer", "return ids[1:]")), "without the prompt"),
    (course_cell(ANSWER, ("[0, -1]", "[0, 0]")), "the last position"),
    (course_cell(ANSWER, ("        if token == end:\n            break\n", "")), "stop at the end"),
    (course_cell(ANSWER, ("token == end", "token == 0")), "whichever id it is"),
    (course_cell(ANSWER, ("        ids.append(token)\n", "")), "appended to what the model reads"),
    (course_cell(ANSWER, ("range(limit)", "range(limit + 1)")), "new tokens are the most"),
    (course_cell(ANSWER, (".argmax().item()", ".softmax(-1).multinomial(1).item()")), "do not draw one"),
    (course_cell(ANSWER, ("@torch.no_grad()\n", "")), "needs no gradients"),
    (course_cell(ANSWER, ("return answer", "prompt += answer\n    return answer")), "changes the prompt"),
    (course_cell(ANSWER, ("return answer", "pass")), "is there a return"),
    (course_cell(LOOP, ("        optimizer.zero_grad()\n", "")), "gradients of earlier steps"),
    (course_cell(LOOP, ('= rate\n', "= rates[0]\n")), "a learning rate of its own"),
    (course_cell(LOOP, ("weight_decay=0.0", "weight_decay=0.01")), "weight_decay=0.0"),
    (course_cell(LOOP, ("        nn.utils.clip_grad_norm_(trained, 1.0)\n", "")), "clip the norm"),
    (course_cell(LOOP, (" if weight.requires_grad", ""), ("    optimizer =", "    model.requires_grad_(True)\n    optimizer =")), "a frozen weight moved"),
    (course_cell(LOOP, ("        optimizer.step()\n", "")), "no weight moved"),
    (course_cell(LOOP, ("return losses", "return losses[-1]")), "a list of three floats"),
    (course_cell(LOOP, ("loss.item()", "loss")), "a list of three floats"),
    (course_cell(LOOP, ("return losses", "pass")), "return the losses"),
    (course_cell(LOOP, ("model.train()", "model.eval()")), "model.train()"),
    (course_cell(LOOP, ("    model.eval()\n", "")), "model.eval()"),
    (course_cell(LOOP, ("    losses = []", "    losses = []\n    batches = list(batches)")), "still running after"),
    (course_cell(LOOP, ("answer_loss(model(inputs), targets)", "F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten())")), "use answer_loss"),
    (course_cell(LOOP, ("loss = answer_loss(model(inputs), targets)", "loss = answer_loss(model(inputs), targets) + 0.5")), "the first loss is"),
    (course_cell(SCORE, ("(/|out of) ?100\\b", "Score")), "drop '/100'"),
    (course_cell(SCORE, ("(/|out of)", "/")), "'out of 100' is dropped"),
    (course_cell(SCORE, ("\\b0( to | ?- ?)100\\b|", "")), "'0 to 100' is dropped"),
    (course_cell(SCORE, ("( to | ?- ?)", " to ")), "'0 - 100' is dropped"),
    (course_cell(SCORE, ("( to | ?- ?)", " (to|-) ")), "without spaces around its sign"),
    (course_cell(SCORE, ("(/|out of) ?100", "(/|out of )100")), "with spaces around its sign"),
    (course_cell(SCORE, ("\\b0(", "0(")), "begins at 0"),
    (course_cell(SCORE, ("\\b0( to | ?- ?)100\\b", "\\b0 to 100|0 ?- ?100")), "'50 - 100' is two numbers"),
    (course_cell(SCORE, ("(/|out of)", "(/|out of)?")), "the best"),
    (course_cell(SCORE, ("return round(numbers[0])", "return round(numbers[0]) or None")), "do not take it for none"),
    (course_cell(SCORE, ("round(numbers[0])", "int(numbers[0])")), "rounded to a whole number"),
    (course_cell(SCORE, ("return round(numbers[0])", "return numbers[0]")), "a whole number: round it"),
    (course_cell(SCORE, ("not 0 <= numbers[0] <= 100", "not 0 <= numbers[0]")), "over 100 is none"),
    (course_cell(SCORE, ("-?\\d+(", "\\d+(")), "belongs to the number"),
    (course_cell(SCORE, ("len(numbers) != 1", "not numbers")), "of several numbers"),
    (course_cell(SCORE, ("len(numbers) != 1 or not 0 <= numbers[0] <= 100:\n        return None", "not numbers:\n        return 0")), "counted as unread"),
    (function("pass_at_k(n, right, k)", "return 1 - (1 - right / n) ** k"), "draws each sample from all five again"),
    (function("pass_at_k(n, right, k)", "return math.comb(n - right, k) / math.comb(n, k)"), "take it from 1"),
    (function("pass_at_k(n, right, k)", "return right / n"), "that is the share of right samples"),
    (function("pass_at_k(n, right, k)", "return math.comb(right, k) / math.comb(n, k)"), "one is enough"),
    (function("pass_at_k(n, right, k)", "return 1 - math.prod((n - right - i) / (n - i) for i in range(k)) if right < n - 1 else 0.5"), "cannot fill two tries"),
    (function("pass_at_k(n, right, k)", "return 1 - float(math.comb(n - right, k)) / float(math.comb(n, k))"), "OverflowError"),
]  # fmt: skip


test_right, test_wrong, test_all = turn_tests(TURNS, RIGHT, WRONG)


# The course's versions beside those of `helpers`

TOKENIZER = BPETokenizer.train("abc", 257, ("<|endoftext|>",))
END = TOKENIZER.special_tokens["<|endoftext|>"]


def test_the_prompt_is_that_of_helpers_where_there_is_no_input():
    assert t09.alpaca_prompt("Say hello.") == instructions.format_alpaca("Say hello.")


def test_the_chat_prompt_gives_the_ids_of_llama_chat():
    special = {"<|im_start|>": 256, "<|im_end|>": 257}
    tokenizer = FileTokenizer({n: bytes([n]) for n in range(256)}, [], special)
    chat = LlamaChat("test", "no file")
    chat._parts = (None, tokenizer)
    text = t09.chat_prompt(
        [("system", chat.system), ("user", "Hi"), ("assistant", "Ho"), ("user", "?")]
    )
    right = chat.opening() + chat.turn("Hi", "Ho") + chat.question("?")
    assert tokenizer.encode(text, allowed_special="all") == right


def test_the_batches_are_those_of_the_loader():
    entries = [
        instructions.Instruction("Add.", "2 and 3", "5"),
        instructions.Instruction("Hi.", "", "Yo"),
    ]
    loader = instructions.instruction_loader(TOKENIZER, entries, 2, shuffle=False)
    rows = [
        t09.inputs_and_targets(
            TOKENIZER.encode_ordinary(instructions.format_phi3(entry.instruction, entry.input)),
            TOKENIZER.encode_ordinary(entry.output),
            END,
        )
        for entry in entries
    ]
    for ours, theirs in zip(t09.collate(rows, END), next(iter(loader)), strict=True):
        assert torch.equal(ours, theirs)


def test_the_answer_is_that_of_answer_all():
    torch.manual_seed(0)
    model = GPT(GPTConfig(TOKENIZER.vocab_size, 64, 16, 2, 1)).eval()
    nn.init.normal_(model.token_embedding.weight, std=2.0)
    for prompt in ("a", "abc", "bca b"):
        ids = t09.greedy_answer(model, TOKENIZER.encode_ordinary(prompt), END, 8)
        (right,) = evaluate.answer_all(model, TOKENIZER, [prompt], 8)
        assert TOKENIZER.decode(ids).strip() == right


def test_scores_that_are_read_are_those_of_the_judge():
    replies = ["85", "Score: 90/100.", "From 0 to 100, I say 80.", "7 out of 100", "**72**"]
    assert [t09.parse_score(r) for r in replies] == [judge.parse_score(r) for r in replies]


def test_pass_at_k_is_the_share_of_all_choices():
    samples = [True, False, False, True, False, False]
    rng = random.Random(0)
    drawn = [any(rng.sample(samples, 3)) for _ in range(20_000)]
    assert t09.pass_at_k(6, 2, 3) == pytest.approx(1 - math.comb(4, 3) / math.comb(6, 3))
    assert t09.pass_at_k(6, 2, 3) == pytest.approx(sum(drawn) / len(drawn), abs=0.015)


def test_the_loop_learns_the_answer_and_its_end():
    torch.manual_seed(0)
    model = GPT(GPTConfig(TOKENIZER.vocab_size, 64, 32, 2, 1))
    prompt, answer = TOKENIZER.encode_ordinary("ab"), TOKENIZER.encode_ordinary("cab")
    batch = t09.collate([t09.inputs_and_targets(prompt, answer, END)], END)
    losses = t09.finetune(model, [batch] * 60, [0.01] * 60)
    assert losses[-1] < 0.05 < losses[0]
    assert t09.greedy_answer(model, prompt, END, 9) == answer
    expected = F.cross_entropy(model(batch[0]).flatten(0, 1), batch[1].flatten())
    assert t09.answer_loss(model(batch[0]), batch[1]).item() == pytest.approx(expected.item())
