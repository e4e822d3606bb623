"""The turns of notebook 08: other right answers, typical mistakes, and each property of each task."""

from functools import partial

from classroom.turns.t08 import TURNS
from tests import turn_cells
from tests.turn_cells import course_cell, turn_tests

IMPORTS = """import math
import random
from collections import Counter

import torch
from torch import nn
from torch.nn import functional as F


"""
function = partial(turn_cells.function, imports=IMPORTS)
method = partial(turn_cells.method, imports=IMPORTS)
changed = partial(course_cell, TURNS, imports=IMPORTS)

PARTS, BAYES, CUT, PAD, LAST, MODEL, LORA, MERGED, SCORE, LOOP, SHARES, THRESHOLD = TURNS.turns
ENDS = "[end_id, *ids[: max_tokens - 2], end_id]"
INDEX = "hidden[torch.arange(len(hidden)), lengths - 1]"
READ = "self.head(last_states(hidden, lengths))"
SUM = "self.linear(x) + self.scale * (x @ self.down.T) @ self.up.T"
UP = "nn.Parameter(torch.zeros(linear.out_features, rank))"
DOWN = "nn.Parameter(torch.randn(rank, linear.in_features) / linear.in_features**0.5)"
ADD = "self.linear.weight += self.scale * self.up @ self.down"
MEAN = "(scores.argmax(dim=-1) == labels).float().mean().item()"
CLIP = "nn.utils.clip_grad_norm_(learning, 1.0)"
RATE = 'optimizer.param_groups[0]["lr"] = rate'
BOTH = "return (found / called if called else 0.0, found / there if there else 0.0)"

RIGHT = [
    function(
        "balance_and_split(pairs, seed=0)",
        "rng, kept = random.Random(seed), []",
        "shuffled = rng.sample(pairs, len(pairs))",
        "left = {label: min(Counter(label for label, _ in pairs).values()) for label, _ in pairs}",
        "for pair in shuffled:",
        "    if left[pair[0]] > 0:",
        "        left[pair[0]] -= 1",
        "        kept.append(pair)",
        "n = len(kept)",
        "return [kept[: n * 7 // 10], kept[n * 7 // 10 : n * 8 // 10], kept[n * 8 // 10 :]]",
    ),
    changed(BAYES, ("self.counts = {0: Counter(), 1: Counter()}", "self.counts = [Counter(), Counter()]"), ("self.counts[0].keys() | self.counts[1].keys()", "{word for words in texts for word in words}"), ("odds = math.log(self.texts_of[1] / self.texts_of[0])", "odds = math.log(self.texts_of[1]) - math.log(self.texts_of[0])")),
    function("truncate(ids, max_tokens, end_id)", "row = [end_id] + list(ids)", "return row[: max_tokens - 1] + [end_id]"),
    function(
        "pad(rows, padding_id)",
        "tensors = [torch.tensor(row) for row in rows]",
        "lengths = torch.tensor(list(map(len, rows)))",
        "return nn.utils.rnn.pad_sequence(tensors, batch_first=True, padding_value=padding_id), lengths",
    ),
    function("last_states(hidden, lengths)", "places = (lengths - 1)[:, None, None].expand(-1, 1, hidden.shape[-1])", "return hidden.gather(1, places)[:, 0]"),
    changed(MODEL, (f"return {READ}", "last = last_states(hidden, lengths)\n        return last @ self.head.weight.T + self.head.bias")),
    changed(LORA, (DOWN, "nn.Parameter(torch.empty(rank, linear.in_features))\n        nn.init.kaiming_uniform_(self.down, a=5**0.5)"), (SUM, "self.linear(x) + F.linear(F.linear(x, self.down), self.up) * self.scale")),
    method(LORA, "merged(self)", "plain = nn.Linear(self.linear.in_features, self.linear.out_features)", "change = self.scale * self.up @ self.down", "plain.weight = nn.Parameter((self.linear.weight + change).detach())", "plain.bias = self.linear.bias", "return plain"),
    function("loss_and_accuracy(classifier, token_ids, lengths, labels)", "logs = classifier(token_ids, lengths).log_softmax(-1)", "right = sum(int(row.argmax()) == int(label) for row, label in zip(logs, labels))", "return F.nll_loss(logs, labels), right / len(labels)"),
    changed(LOOP, ("torch.optim.AdamW(learning)", "torch.optim.AdamW(learning, lr=1.0)"), (RATE, "for group in optimizer.param_groups: group['lr'] = rate"), ("        optimizer.zero_grad()\n", ""), ("        optimizer.step()\n", "        optimizer.step()\n        optimizer.zero_grad()\n")),
    function("precision_and_recall(labels, said)", "labels, said = torch.tensor(labels), torch.tensor(said)", "found = (labels * said).sum().item()", "return found / max(said.sum().item(), 1), found / max(labels.sum().item(), 1)"),
    function(
        "choose_threshold(probabilities, labels, allowed)",
        "best, alarms = 1.1, 0",
        "for p in sorted(set(probabilities), reverse=True):",
        "    alarms += sum(q == p and label == 0 for q, label in zip(probabilities, labels))",
        "    if alarms > allowed: return best",
        "    best = p",
        "return best",
    ),
]  # fmt: skip

WRONG = [
    (changed(PARTS, ("rng.sample(texts_of[label], fewest)", "texts_of[label][:fewest]")), "draw them at random"),
    (changed(PARTS, ("    rng.shuffle(kept)\n", "")), "shuffle before you cut"),
    (changed(PARTS, ("fewest, rng = min", "fewest, rng = max"), ("rng.sample(texts_of[label], fewest)", "rng.choices(texts_of[label], k=fewest)")), "only the larger class is cut"),
    (changed(PARTS, ("rng.sample(texts_of[label], fewest)", "texts_of[label]")), "balanced is one to one"),
    (changed(PARTS, ("rng.sample(texts_of[label], fewest)", "rng.choices(texts_of[label], k=fewest)")), "a message occurs twice"),
    (changed(PARTS, ("0.1 * len(kept)", "0.2 * len(kept)")), "70, 10 and 20 percent"),
    (changed(PARTS, ("random.Random(seed)", "random.Random()")), "the same seed"),
    (changed(PARTS, ("random.Random(seed)", "random.Random(0)")), "another seed"),
    (changed(PARTS, ("min(map(len, texts_of.values()))", "len(texts_of['spam'])")), "stopped with ValueError"),
    (changed(PARTS, ("for label in texts_of for text", "for label in ('ham', 'spam') if label in texts_of for text")), "any number of them"),
    (changed(PARTS, ("return kept[:first], kept[first:second], kept[second:]", "return kept")), "three parts"),
    (changed(PARTS, ("return kept[:first], kept[first:second], kept[second:]", "kept[:first], kept[second:]")), "is there a return?"),
    (changed(BAYES, ("odds = math.log(self.texts_of[1] / self.texts_of[0])", "odds = 0.0")), "the prior is missing"),
    (changed(BAYES, ("self.texts_of[1] / self.texts_of[0]", "self.counts[1].total() / self.counts[0].total()")), "counts texts, not words"),
    (changed(BAYES, (" + len(self.vocabulary)", "")), "the totals grow by 5"),
    (changed(BAYES, ("return odds", "return -odds")), "above zero must mean class 1"),
    (changed(BAYES, ("for word in words:\n            if word", "for word in set(words):\n            if word")), "you took a set"),
    (changed(BAYES, ("            if word in self.vocabulary:\n", "            if True:\n")), "says nothing: leave it out"),
    (changed(BAYES, ("self.counts = {0: Counter(), 1: Counter()}", "self.counts = NaiveBayes.__dict__.get('shared') or {0: Counter(), 1: Counter()}\n        NaiveBayes.shared = self.counts")), "must not share"),
    (changed(CUT, (ENDS, "[*ids[: max_tokens - 1], end_id]")), "also begins with"),
    (changed(CUT, (ENDS, "[end_id, *ids[: max_tokens - 1]]")), "the head reads it"),
    (changed(CUT, (ENDS, "[end_id, *ids, end_id]")), "max_tokens is not looked at"),
    (changed(CUT, (ENDS, "[end_id, *ids[: max_tokens - 1], end_id]")), "one too many"),
    (changed(CUT, (ENDS, "[end_id, *ids, end_id][:max_tokens]")), "was cut off"),
    (changed(CUT, (ENDS, "[end_id, *ids[max(0, len(ids) + 2 - max_tokens) :], end_id]")), "keep the beginning"),
    (changed(CUT, (f"return {ENDS}", f"row = {ENDS}\n    return row + [end_id] * (max_tokens - len(row))")), "no padding yet"),
    (changed(CUT, (f"return {ENDS}", "ids.insert(0, end_id)\n    del ids[max_tokens - 1 :]\n    return [*ids, end_id]")), "changes the list"),
    (changed(PAD, ("row + [padding_id] * (longest - len(row))", "[padding_id] * (longest - len(row)) + row")), "the padding is in front"),
    (changed(PAD, ("len(row) for row in rows])", "longest for row in rows])"), ("    longest = max(len(row) for row in rows)\n", ""), ("    lengths =", "    longest = max(len(row) for row in rows)\n    lengths =")), "those before padding"),
    (changed(PAD, ("len(row) for row in rows])", "len(row) - 1 for row in rows])")), "return the lengths"),
    (changed(PAD, ("[padding_id]", "[0]")), "padding_id is not used"),
    (changed(PAD, ("len(row) for row in rows])", "sum(t != 0 for t in row) for row in rows])")), "whatever its id"),
    (changed(PAD, ("    token_ids = ", "    for row in rows: row += [padding_id] * (longest - len(row))\n    token_ids = ")), "changes the rows"),
    (changed(LAST, (INDEX, "hidden[:, -1]")), "padding in all but the longest"),
    (changed(LAST, (INDEX, "hidden[:, lengths - 1]")), "index with the texts' numbers"),
    (changed(LAST, (INDEX, "hidden[torch.arange(len(hidden)), lengths % hidden.shape[1]]")), "one too far"),
    (changed(LAST, (INDEX, "hidden[:, 0]")), "the first token"),
    (changed(LAST, (INDEX, "hidden.mean(dim=1)")), "padding included"),
    (changed(LAST, (INDEX, INDEX + ".squeeze()")), "keeps its dimension"),
    (changed(LAST, (INDEX, INDEX + ".detach()")), "the body learns"),
    (changed(MODEL, (READ, READ + ".softmax(-1)")), "cross-entropy wants scores"),
    (changed(MODEL, (READ, "self.head(hidden)")), "for each text"),
    (changed(MODEL, (READ, "self.head(hidden[:, -1])")), "may be padding"),
    (changed(MODEL, (READ, "self.head(hidden.mean(dim=1))")), "the mean of all positions"),
    (changed(MODEL, ("n_classes)\n\n", "2)\n\n")), "a row for each class"),
    (changed(MODEL, ("n_classes)\n\n", "n_classes, bias=False)\n\n")), "and a bias"),
    (changed(MODEL, ("self.gpt = gpt", "self.gpt = __import__('copy').deepcopy(gpt)")), "the pretrained GPT itself"),
    (changed(MODEL, ("self.head = nn", "self.classes = nn"), ("self.head(", "self.classes(")), "self.head"),
    (changed(MODEL, ("self.gpt.hidden_states(token_ids)", "self.gpt.hidden_states(token_ids).detach()")), "do not detach"),
    (changed(LORA, (UP, "nn.Parameter(torch.randn(linear.out_features, rank))")), "up must begin with zeros"),
    (changed(LORA, (DOWN, "nn.Parameter(torch.zeros(rank, linear.in_features))")), "down must begin with random"),
    (changed(LORA, ("alpha / rank", "alpha")), "divided by the rank"),
    (changed(LORA, (SUM, SUM.replace("self.scale * ", ""))), "alpha / rank is missing"),
    (changed(LORA, ("alpha / rank", "alpha // rank")), "need not be whole"),
    (changed(LORA, (SUM, SUM.replace("self.linear(x) + ", ""))), "own output is missing"),
    (changed(LORA, (SUM, "self.linear(x)")), "correction is not added"),
    (changed(LORA, (".requires_grad_(False)", "")), "the matrix and its bias are frozen"),
    (changed(LORA, ("self.linear = linear.requires_grad_(False)", "self.linear = linear\n        linear.weight.requires_grad_(False)")), "the matrix and its bias are frozen"),
    (changed(LORA, (UP, UP.replace("linear.out_features, rank", "rank, linear.out_features")), ("self.up.T", "self.up")), "up is (out, rank)"),
    (changed(LORA, (UP, "torch.zeros(linear.out_features, rank)")), "must be parameters"),
    (changed(LORA, (SUM, SUM.replace("self.up.T", "self.up.detach().T"))), "both factors"),
    (changed(LORA, (f"return {SUM}", f"y = {SUM}\n        if x.ndim == 2 and self.up.any(): self.linear.weight.data += 1e-2\n        return y")), "must not change the matrix"),
    (changed(MERGED, (f"    with torch.no_grad():\n        {ADD}\n", "")), "not added to the weight"),
    (changed(MERGED, (ADD, ADD.replace("self.scale * ", ""))), "the scale is missing"),
    (changed(MERGED, (ADD, ADD.replace("self.scale", "2 * self.scale"))), "added twice"),
    (changed(MERGED, (ADD, "self.linear.weight.copy_(self.scale * self.up @ self.down)")), "it replaced the weight"),
    (changed(MERGED, ("return self.linear", "return self")), "a plain nn.Linear"),
    (changed(MERGED, ("    return self.linear\n", "")), "is there a return?"),
    (changed(SCORE, ("F.cross_entropy(scores, labels)", "F.cross_entropy(scores, labels, reduction='sum')")), "the sum over the texts"),
    (changed(SCORE, ("F.cross_entropy(scores", "F.cross_entropy(scores.softmax(-1)")), "softmax itself"),
    (changed(SCORE, ("loss, (scores", "loss.detach(), (scores")), "keep its graph"),
    (changed(SCORE, (".item()", "")), "take .item()"),
    (changed(SCORE, ("mean()", "sum()")), "number of texts"),
    (changed(SCORE, ("== labels", "!= labels")), "share of errors"),
    (changed(SCORE, ("scores.argmax(dim=-1)", "(scores[:, 1] > scores[:, 0])")), "any number of classes"),
    (changed(SCORE, (MEAN, "0.0"), ("scores = classifier(token_ids, lengths)", "scores = classifier(token_ids, torch.full_like(lengths, token_ids.shape[1]))")), "call classifier"),
    (changed(LOOP, ("        optimizer.zero_grad()\n", "")), "the gradients add up"),
    (changed(LOOP, (f"        {CLIP}\n", "")), "are not clipped"),
    (changed(LOOP, (f"        {RATE}\n", "")), "the rates are not used"),
    (changed(LOOP, ("torch.optim.AdamW(learning)", "torch.optim.SGD(learning)")), "take torch.optim.AdamW"),
    (changed(LOOP, ("        loss.backward()\n", ""), (CLIP, CLIP + "\n        loss.backward()")), "do it after backward"),
    (changed(LOOP, ("AdamW(learning)", "AdamW(learning, weight_decay=0.1)")), "weight decay at its default"),
    (changed(LOOP, ("        optimizer.step()\n", "")), "no weight has moved"),
    (changed(LOOP, ("losses.append(loss.item())", "losses.append(loss)")), "loss.item()"),
    (changed(LOOP, ("return losses", "return losses[-1]")), "the loss of each batch"),
    (changed(LOOP, (RATE, 'optimizer.param_groups[0]["lr"] = max(rate, 1e-4)')), "belongs to that step"),
    (changed(LOOP, ("    learning = ", "    classifier.requires_grad_(True)\n    learning = ")), "only parameters that require"),
    (changed(LOOP, ("    losses = []\n", "    losses = []\n    if not classifier.gpt.token_embedding.weight.requires_grad: learning = []; rates = [0.0 for _ in rates]\n")), "must learn, also where"),
    (changed(SHARES, (BOTH, BOTH.replace("found / called if called else 0.0, found / there if there else 0.0", "found / there if there else 0.0, found / called if called else 0.0"))), "the two are swapped"),
    (changed(SHARES, ("label == 1 and answer == 1", "label == answer"), ("called, there = sum(said), sum(labels)", "called = there = len(said)")), "that is accuracy"),
    (changed(SHARES, ("sum(said), sum(labels)", "sum(said), len(labels) - sum(labels)")), "not by all ham"),
    (changed(SHARES, (BOTH, "return found / called, found / there")), "ZeroDivisionError"),
    (changed(SHARES, (BOTH, "return (found / called if called else 0.0, found / there if there else 1.0)")), "where there is no spam"),
    (changed(THRESHOLD, ("p >= threshold", "p > threshold")), "two ham messages are called spam"),
    (changed(THRESHOLD, ("sorted(set(probabilities))", "sorted(set(probabilities), reverse=True)")), "take the lowest"),
    (changed(THRESHOLD, ("return 1.1", "return max(probabilities)")), "no threshold, 1.1"),
    (changed(THRESHOLD, ("set(probabilities)", "{p for p, label in zip(probabilities, labels) if label == 1}")), "all may be called"),
    (changed(THRESHOLD, ("set(probabilities)", "{p for p, label in zip(probabilities, labels) if label == 0}")), "should give"),
    (function("choose_threshold(probabilities, labels, allowed)", "alarms = sorted((p for p, label in zip(probabilities, labels) if label == 0), reverse=True)", "bar = alarms[allowed]", "above = [p for p in probabilities if p > bar]", "return min(above) if above else 1.1"), "IndexError"),
    (changed(THRESHOLD, ("sorted(set(probabilities))", "dict.fromkeys(probabilities)")), "in any order"),
]  # fmt: skip

test_right, test_wrong, test_all = turn_tests(TURNS, RIGHT, WRONG)
