"""The turns of notebook 08: labeled texts, naive Bayes, batches, a head, LoRA, the worth of a filter.

Shapes: B texts in a batch, T tokens of the longest, C embedding dimensions, K classes, r the rank.
"""

import math
import random
from collections import Counter

import torch
from torch import nn
from torch.nn import functional as F

from classroom.turns.turn import Turns
from helpers import classifier
from helpers.config import GPTConfig
from helpers.model import GPT

TURNS = Turns("08")
your_turn = TURNS.your_turn

# The course's versions


def balance_and_split(pairs, seed=0):
    texts_of = {}
    for label, text in pairs:
        texts_of.setdefault(label, []).append(text)
    fewest, rng = min(map(len, texts_of.values())), random.Random(seed)
    kept = [(label, text) for label in texts_of for text in rng.sample(texts_of[label], fewest)]
    rng.shuffle(kept)
    first, second = int(0.7 * len(kept)), int(0.7 * len(kept)) + int(0.1 * len(kept))
    return kept[:first], kept[first:second], kept[second:]


class NaiveBayes:
    def __init__(self, texts, labels):
        self.texts_of = Counter(labels)
        self.counts = {0: Counter(), 1: Counter()}
        for words, label in zip(texts, labels, strict=True):
            self.counts[label].update(words)
        self.vocabulary = self.counts[0].keys() | self.counts[1].keys()

    def log_odds(self, words):
        odds = math.log(self.texts_of[1] / self.texts_of[0])
        totals = {label: self.counts[label].total() + len(self.vocabulary) for label in (0, 1)}
        for word in words:
            if word in self.vocabulary:
                odds += math.log((self.counts[1][word] + 1) / totals[1])
                odds -= math.log((self.counts[0][word] + 1) / totals[0])
        return odds


def truncate(ids, max_tokens, end_id):
    return [end_id, *ids[: max_tokens - 2], end_id]


def pad(rows, padding_id):
    lengths = torch.tensor([len(row) for row in rows])
    longest = max(len(row) for row in rows)
    token_ids = torch.tensor([row + [padding_id] * (longest - len(row)) for row in rows])
    return token_ids, lengths


def last_states(hidden, lengths):
    return hidden[torch.arange(len(hidden)), lengths - 1]


class TextClassifier(nn.Module):
    def __init__(self, gpt, n_classes):
        super().__init__()
        self.gpt = gpt
        self.head = nn.Linear(gpt.config.embedding_dim, n_classes)

    def forward(self, token_ids, lengths):
        hidden = self.gpt.hidden_states(token_ids)  # (B, T, C)
        return self.head(last_states(hidden, lengths))  # (B, K)


class LoRALinear(nn.Module):
    def __init__(self, linear, rank, alpha):
        super().__init__()
        self.linear = linear.requires_grad_(False)
        self.down = nn.Parameter(torch.randn(rank, linear.in_features) / linear.in_features**0.5)
        self.up = nn.Parameter(torch.zeros(linear.out_features, rank))
        self.scale = alpha / rank

    def forward(self, x):
        return self.linear(x) + self.scale * (x @ self.down.T) @ self.up.T


def merged(self):
    with torch.no_grad():
        self.linear.weight += self.scale * self.up @ self.down
    return self.linear


def loss_and_accuracy(classifier, token_ids, lengths, labels):
    scores = classifier(token_ids, lengths)  # (B, K)
    loss = F.cross_entropy(scores, labels)
    return loss, (scores.argmax(dim=-1) == labels).float().mean().item()


def finetune(classifier, batches, rates):
    learning = [parameter for parameter in classifier.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(learning)
    losses = []
    for (token_ids, lengths, labels), rate in zip(batches, rates, strict=False):
        optimizer.param_groups[0]["lr"] = rate
        loss, _ = loss_and_accuracy(classifier, token_ids, lengths, labels)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(learning, 1.0)
        optimizer.step()
        losses.append(loss.item())
    return losses


def precision_and_recall(labels, said):
    found = sum(label == 1 and answer == 1 for label, answer in zip(labels, said, strict=True))
    called, there = sum(said), sum(labels)
    return (found / called if called else 0.0, found / there if there else 0.0)


def choose_threshold(probabilities, labels, allowed):
    pairs = [*zip(probabilities, labels, strict=True)]
    for threshold in sorted(set(probabilities)):
        alarms = sum(p >= threshold and label == 0 for p, label in pairs)
        if alarms <= allowed:
            return threshold
    return 1.1


# The checks

TINY = GPTConfig(40, 16, 12, 2, 1, dropout=0.0)


def _tiny_gpt(seed=0):
    torch.manual_seed(seed)
    return GPT(TINY).eval()


@TURNS.turn(balance_and_split)
def check_balance_and_split(trial):
    pairs = [("ham", f"h{n}") for n in range(90)] + [("spam", f"s{n}") for n in range(10)]
    parts = trial.call(pairs, 3)
    trial.that(parts is not None, "it returned None: is there a return?")
    trial.that(
        isinstance(parts, (tuple, list)) and len(parts) == 3,
        "return three parts: training, validation and test",
    )
    kept = [pair for part in parts for pair in part]
    counts = Counter(label for label, _ in kept)
    trial.that(
        all(isinstance(pair, tuple) and pair in pairs for pair in kept),
        "each part must hold (label, text) pairs of the collection",
    )
    trial.that(
        counts["spam"] == 10,
        f"of 10 spam messages {counts['spam']} are left; only the larger class is cut",
    )
    trial.that(
        counts["ham"] == 10,
        f"10 spam messages go with {counts['ham']} ham messages; balanced is one to one",
    )
    trial.that(
        len(set(kept)) == len(kept),
        "a message occurs twice: one that is in training and in the test tests nothing",
    )
    trial.equal(
        pairs,
        3,
        gives=[14, 2, 4],
        why="the parts hold 70, 10 and 20 percent of what is kept",
        mistakes=[([70, 10, 20], "balance first: these are shares of the whole collection")],
        function=lambda *arguments: [len(part) for part in trial.attempt(*arguments)],
        name="the sizes of balance_and_split",
    )
    many = [("ham", f"h{n}") for n in range(60)] + [("spam", f"s{n}") for n in range(60)]
    test = trial.call(many, 0)[2]
    trial.that(
        0 < sum(label == "spam" for label, _ in test) < len(test),
        "the test part has one label only: shuffle before you cut",
    )
    again, other = trial.call(pairs, 3), trial.call(pairs, 4)
    trial.that(
        [list(part) for part in again] == [list(part) for part in parts],
        "the same seed must give the same parts; make a random.Random(seed)",
    )
    trial.that(
        set(map(tuple, other[0])) != set(map(tuple, parts[0])), "another seed must give other parts"
    )
    ham = {text for part in other for label, text in part if label == "ham"}
    trial.that(
        ham != {f"h{n}" for n in range(10)},
        "always the first ham messages are kept; draw them at random",
    )
    trial.that(len(pairs) == 100 and pairs[0] == ("ham", "h0"), "leave the given list as it was")
    _check_any_labels(trial, pairs)


def _check_any_labels(trial, pairs):
    reverse = [(("spam", "ham")[label == "spam"], text) for label, text in pairs]
    found = Counter(label for part in trial.call(reverse, 0) for label, _ in part)
    trial.that(
        found == {"ham": 10, "spam": 10}, "here ham is the rarer label; keep as many of each label"
    )
    three = [(label, f"text {n}") for n, label in enumerate("aaaaaaaaabbbbbbbccccc")]
    found = Counter(label for part in trial.call(three, 0) for label, _ in part)
    trial.that(found == {"a": 5, "b": 5, "c": 5}, "labels may be any words, and any number of them")


@TURNS.turn(NaiveBayes)
def check_naive_bayes(trial):
    texts = [["win", "win", "cash"], ["win", "now"], ["see", "you", "now"]]
    labels = [1, 1, 0]
    bayes = trial.call(texts, labels)
    trial.that(hasattr(bayes, "log_odds"), "NaiveBayes needs the method log_odds(words)")
    score = bayes.log_odds
    right = math.log(2) + math.log((3 + 1) / (5 + 5)) - math.log((0 + 1) / (3 + 5))
    one = right - math.log(2)
    trial.close(
        ["win"],
        gives=right,
        why="log 2 for two spam texts to one, then log 4/10 - log 1/8 for 'win'",
        mistakes=[
            (one, "the prior is missing: begin with the log of the number of texts of each label"),
            (-right, "above zero must mean class 1"),
            (
                math.log(2) + math.log(4 / 5) - math.log(1 / 3),
                "every word of the vocabulary gets one more, so the totals grow by 5",
            ),
            (
                math.log(5 / 3) + one,
                "the prior counts texts, not words",
            ),
        ],
        function=score,
        name="log_odds",
    )
    trial.close(
        ["win", "win"],
        gives=right + one,
        why="a word that comes twice counts twice",
        mistakes=[(right, "a word that comes twice counts twice; you took a set")],
        function=score,
        name="log_odds",
    )
    trial.close(
        ["zebra", "win"],
        gives=right,
        why="a word that was never seen says nothing: leave it out",
        function=score,
        name="log_odds",
    )
    trial.close([], gives=math.log(2), why="no words: the prior", function=score, name="log_odds")
    trial.close(
        ["see", "now"],
        gives=math.log(2) + math.log(1 / 10 * 8 / 2) + math.log(2 / 10 * 8 / 2),
        why="evidence is added word by word",
        function=score,
        name="log_odds",
    )
    other = trial.call([["a"], ["b"], ["b"]], [1, 0, 0])
    trial.close(
        ["a"],
        gives=math.log(1 / 2) + math.log(2 / 3) - math.log(1 / 4),
        why="two filters must not share their counts: make them in __init__",
        function=other.log_odds,
        name="the log_odds of a second filter",
    )


@TURNS.turn(truncate)
def check_truncate(trial):
    trial.equal(
        [5, 6, 7],
        8,
        0,
        gives=[0, 5, 6, 7, 0],
        why="the end-of-text token comes before the text and after it",
        mistakes=[
            ([5, 6, 7, 0], "it also begins with the end-of-text token"),
            ([0, 5, 6, 7], "the last token must be the end-of-text token; the head reads it"),
            ([0, 5, 6, 7, 0, 0, 0, 0], "no padding yet; that is the batch's business"),
        ],
    )
    trial.equal(
        [5, 6, 7, 8, 9],
        5,
        0,
        gives=[0, 5, 6, 7, 0],
        why="the row may have 5 tokens, of which two are end-of-text",
        mistakes=[
            ([0, 7, 8, 9, 0], "keep the beginning of the text"),
            ([0, 5, 6, 7, 8, 9, 0], "max_tokens is not looked at"),
            ([0, 5, 6, 7, 8, 0], "one too many: two of the tokens are end-of-text"),
            ([0, 5, 6, 7, 8, 9][:5], "the end-of-text token at the end was cut off"),
        ],
    )
    trial.equal([5, 6, 7], 5, 9, gives=[9, 5, 6, 7, 9], why="a text that just fits is kept whole")
    trial.equal([], 5, 9, gives=[9, 9], why="an empty text is two end-of-text tokens")
    given = [5, 6, 7]
    trial.call(given, 4, 0)
    trial.that(given == [5, 6, 7], "it changes the list that it was given; make a new one")


@TURNS.turn(pad)
def check_pad(trial):
    rows = [[5, 6, 7, 8], [9], [3, 4]]
    ids = torch.tensor([[5, 6, 7, 8], [9, 0, 0, 0], [3, 4, 0, 0]])
    left = torch.tensor([[5, 6, 7, 8], [0, 0, 0, 9], [0, 0, 3, 4]])
    lengths = torch.tensor([4, 1, 2])
    trial.close(
        rows,
        0,
        gives=(ids, lengths),
        why="pad after the text, and return the real lengths, too",
        mistakes=[
            ((left, lengths), "the padding is in front: there every real token would see it"),
            ((ids, torch.tensor([4, 4, 4])), "the lengths are those before padding"),
            ((ids, lengths - 1), "those are the positions of the last tokens; return the lengths"),
            ((ids, torch.tensor([[4], [1], [2]])), "the lengths have the shape (B,)"),
        ],
    )
    trial.that(rows == [[5, 6, 7, 8], [9], [3, 4]], "it changes the rows; make new lists")
    trial.close(
        [[1, 0], [2, 3, 0]],
        7,
        gives=(torch.tensor([[1, 0, 7], [2, 3, 0]]), torch.tensor([2, 3])),
        why="pad with padding_id, and count each token of a row, whatever its id",
        mistakes=[
            (
                (torch.tensor([[1, 0, 0], [2, 3, 0]]), torch.tensor([2, 3])),
                "padding_id is not used",
            ),
        ],
    )
    trial.close(
        [[1, 2]],
        0,
        gives=(torch.tensor([[1, 2]]), torch.tensor([2])),
        why="one row needs no padding",
    )


@TURNS.turn(last_states)
def check_last_states(trial):
    hidden = torch.arange(24.0).view(3, 4, 2)
    lengths = torch.tensor([4, 1, 2])
    every = torch.arange(3)
    trial.close(
        hidden,
        lengths,
        gives=hidden[every, lengths - 1],
        why="take the vector at position length - 1 of each text",
        mistakes=[
            (hidden[:, -1], "that is the last position, padding in all but the longest text"),
            (
                hidden[:, lengths - 1],
                "this takes all these positions of all texts; index with the texts' numbers, too",
            ),
            (hidden[every, lengths % 4], "one too far: a text of 1 token has it at position 0"),
            (hidden[:, 0], "that is the first token, which has seen only itself"),
            (hidden.mean(dim=1), "that is the mean over all positions, padding included"),
        ],
    )
    one = torch.arange(6.0).view(1, 3, 2)
    trial.close(one, torch.tensor([2]), gives=one[:, 1], why="a batch of one keeps its dimension")
    states = torch.randn(2, 3, 4, requires_grad=True)
    out = trial.call(states, torch.tensor([3, 1]))
    gradient = torch.zeros(2, 3, 4)
    gradient[0, 2] = gradient[1, 0] = 1
    found = torch.autograd.grad(out.sum(), states)[0] if out.requires_grad else torch.zeros(2, 3, 4)
    trial.same(found, gradient, "the gradient", "the body learns through this vector")


@TURNS.turn(TextClassifier)
def check_text_classifier(trial):
    gpt = _tiny_gpt()
    model = trial.call(gpt, 3)
    trial.that(isinstance(model, nn.Module), "TextClassifier must be an nn.Module")
    trial.that(getattr(model, "gpt", None) is gpt, "keep the pretrained GPT itself as self.gpt")
    head = getattr(model, "head", None)
    trial.that(isinstance(head, nn.Linear), "the classification head is an nn.Linear, self.head")
    trial.equal(
        gives=((3, 12), True),
        why="the head has a row for each class, as wide as the GPT, and a bias",
        mistakes=[((40, 12), "n_classes is not used")],
        function=lambda: (tuple(head.weight.shape), head.bias is not None),
        name="the shape of head.weight, and whether there is a bias",
    )
    ids, lengths = torch.tensor([[1, 2, 3, 4], [5, 6, 0, 0]]), torch.tensor([4, 2])
    with torch.no_grad():
        hidden = gpt.hidden_states(ids)
        last = hidden[torch.arange(2), lengths - 1]
        scores = last @ head.weight.T + head.bias
        trial.close(
            ids,
            lengths,
            gives=scores,
            why="head(last_states(hidden_states(token_ids), lengths))",
            mistakes=[
                (scores.softmax(-1), "these are probabilities; cross-entropy wants scores"),
                (head(hidden), "one score per class for each text, (B, K), not for each token"),
                (head(hidden[:, -1]), "that reads the last position, which may be padding"),
                (head(hidden.mean(dim=1)), "that is the mean of all positions"),
            ],
            function=model,
            name="the classifier",
        )
    model(ids, lengths).square().sum().backward()
    trial.that(
        gpt.blocks[0].attention.output.weight.grad is not None,
        "no gradient reaches the GPT's body: do not detach it, and no torch.no_grad()",
    )


def _lora(trial, linear, rank=2, alpha=6):
    layer = trial.call(linear, rank, alpha)
    trial.that(isinstance(layer, nn.Module), "LoRALinear must be an nn.Module")
    return layer


def _starts_well(trial, layer):
    trial.that(not layer.up.any(), "up must begin with zeros: then nothing changes at the start")
    trial.that(
        layer.down.std() > 0, "down must begin with random numbers: from two zeros nothing learns"
    )
    wide = _lora(trial, nn.Linear(400, 3))
    trial.that(
        wide.down.std() * 400**0.5 < 3,
        "down begins too large: divide the random numbers by the root of the layer's inputs",
    )


@TURNS.turn(LoRALinear)
def check_lora_linear(trial):
    torch.manual_seed(0)
    linear = nn.Linear(5, 3)
    layer = _lora(trial, linear)
    trial.that(getattr(layer, "linear", None) is linear, "keep the frozen matrix as self.linear")
    parts = dict(layer.named_parameters())
    trial.that({"down", "up"} <= parts.keys(), "down and up must be parameters of those names")
    trial.equal(
        gives=((2, 5), (3, 2)),
        why="down is (rank, in) and up is (out, rank)",
        function=lambda: (tuple(layer.down.shape), tuple(layer.up.shape)),
        name="the shapes of down and up",
    )
    learning = sorted(name for name, part in parts.items() if part.requires_grad)
    trial.equal(
        gives=["down", "up"],
        why="only these two learn; the matrix and its bias are frozen",
        function=lambda: learning,
        name="what requires a gradient in the layer",
    )
    x = torch.randn(4, 5)
    trial.that(
        getattr(layer, "scale", None) == 3.0,
        "keep alpha divided by the rank as self.scale; merged needs it",
    )
    _starts_well(trial, layer)
    with torch.no_grad():
        layer.up.normal_()
        plain, down, up = linear(x), layer.down, layer.up
        gives = plain + 3 * x @ down.T @ up.T
        trial.close(
            x,
            gives=gives,
            why="linear(x) + alpha / rank * x downᵀ upᵀ, here with a scale of 3",
            mistakes=[
                (plain + x @ down.T @ up.T, "the scale alpha / rank is missing"),
                (plain + 6 * x @ down.T @ up.T, "alpha is divided by the rank"),
                (3 * x @ down.T @ up.T, "the frozen matrix's own output is missing"),
                (plain, "the correction is not added"),
            ],
            function=layer,
            name="the layer",
        )
    batch = torch.randn(2, 3, 5)
    trial.close(
        batch,
        gives=(linear(batch) + 3 * batch @ layer.down.T @ layer.up.T).detach(),
        why="any dimensions may come first",
        function=lambda x: layer(x).detach(),
        name="the layer",
    )
    before = linear.weight.detach().clone()
    layer(x).square().sum().backward()
    trial.that(
        layer.down.grad is not None and layer.up.grad is not None, "both factors need a gradient"
    )
    trial.same(
        linear.weight.detach(), before, "the frozen weight", "forward must not change the matrix"
    )
    _check_scale(trial, x)


def _check_scale(trial, x):
    layer = _lora(trial, nn.Linear(5, 3), alpha=5)
    with torch.no_grad():
        layer.up.normal_()
        plain, change = layer.linear(x), x @ layer.down.T @ layer.up.T
        trial.close(
            x,
            gives=plain + 2.5 * change,
            why="linear(x) + alpha / rank * x downᵀ upᵀ, here with a scale of 2.5",
            mistakes=[(plain + 2 * change, "alpha / rank need not be whole: no // here")],
            function=layer,
            name="the layer",
        )


@TURNS.turn(merged, of="LoRALinear")
def check_merged(trial):
    torch.manual_seed(1)
    linear = nn.Linear(5, 3)
    layer = trial.attempt(linear, 2, 6)
    with torch.no_grad():
        layer.up.normal_()
    x = torch.randn(4, 5)
    before, weight = layer(x).detach(), linear.weight.detach().clone()
    with torch.no_grad():
        change = 3 * layer.up @ layer.down
        plain = F.linear(x, weight, linear.bias)
        unscaled = F.linear(x, weight + change / 3, linear.bias)
    result = trial.call(function=layer.merged, name="merged")
    trial.that(result is not None, "it returned None: is there a return?")
    trial.that(
        isinstance(result, nn.Linear), "return a plain nn.Linear: the model is to be as it was"
    )
    trial.same(
        result(x).detach(),
        before,
        "merged()(x)",
        "the merged matrix must do what the matrix and its correction did together",
        mistakes=[
            (plain, "the correction was not added to the weight"),
            (unscaled, "the scale is missing"),
            (F.linear(x, weight + 2 * change, linear.bias).detach(), "it was added twice"),
            (F.linear(x, change, linear.bias).detach(), "it replaced the weight; add it"),
        ],
    )
    trial.that(
        result.weight.is_leaf and isinstance(result.weight, nn.Parameter),
        "the weight must stay a plain parameter: add the correction under torch.no_grad()",
    )


@TURNS.turn(loss_and_accuracy)
def check_loss_and_accuracy(trial):
    scores = torch.tensor([[2.0, 0.0], [1.0, 3.0], [0.5, 0.0], [0.0, 1.0]], requires_grad=True)
    labels = torch.tensor([0, 1, 1, 1])
    seen = []

    def classifier(token_ids, lengths):
        seen.append((token_ids, lengths))
        return scores

    ids, lengths = torch.zeros(4, 3, dtype=torch.long), torch.tensor([3, 2, 3, 1])
    result = trial.call(classifier, ids, lengths, labels)
    trial.that(result is not None, "it returned None: is there a return?")
    trial.that(
        isinstance(result, tuple) and len(result) == 2, "return two things: the loss, the accuracy"
    )
    trial.that(
        len(seen) == 1 and seen[0][0] is ids and seen[0][1] is lengths,
        "call classifier(token_ids, lengths), once",
    )
    loss, share = result
    mean = F.cross_entropy(scores, labels).detach()
    trial.same(
        loss,
        mean,
        "the loss",
        "it is the mean cross-entropy of the scores",
        mistakes=[
            (4 * mean, "that is the sum over the texts; take the mean"),
            (
                F.cross_entropy(scores.softmax(-1), labels).detach(),
                "cross_entropy takes scores; it applies the softmax itself",
            ),
        ],
    )
    trial.that(
        torch.is_tensor(loss) and loss.requires_grad, "the loss must keep its graph: no item()"
    )
    trial.that(isinstance(share, float), "the accuracy is a plain number: take .item()")
    trial.same(
        share,
        0.75,
        "the accuracy",
        "three of four likeliest classes are the labels",
        mistakes=[(3.0, "divide by the number of texts"), (0.25, "that is the share of errors")],
    )
    scores = torch.tensor([[0.0, 1.0, 5.0], [4.0, 1.0, 0.0]], requires_grad=True)
    found = trial.call(classifier, ids[:2], lengths[:2], torch.tensor([2, 0]))
    trial.same(found[1], 1.0, "the accuracy with three classes", "any number of classes may come")


def _loop(finetune, rates, start=3.0, batches=2, frozen=False):
    """What a loop does to a head of one weight, whose gradient is known."""
    torch.manual_seed(0)
    model = classifier.TextClassifier(_tiny_gpt(), 2)
    if frozen:
        model.gpt.requires_grad_(False)
    data = [
        (torch.tensor([[1, 2, 3], [4, 5, 0]]), torch.tensor([3, 2]), torch.tensor([0, 1])),
        (torch.tensor([[7, 8], [9, 9]]), torch.tensor([2, 2]), torch.tensor([1, 0])),
    ] * batches
    with torch.no_grad():
        model.head.weight.mul_(start)
    return model, data, finetune(model, iter(data), rates)


def _attempted_loop(trial, rates, **options):
    """`_loop` with the reader's function, whose errors are told as those of `finetune`."""
    return trial.call(
        rates, function=lambda rates: _loop(trial.attempt, rates, **options), name="finetune"
    )


@TURNS.turn(finetune)
def check_finetune(trial):
    rates = [1e-3, 2e-3, 1e-3, 5e-4]
    model, _, losses = _attempted_loop(trial, rates)
    trial.that(losses is not None, "it returned None: is there a return?")
    right, _, gives = _loop(finetune, rates)
    trial.that(
        isinstance(losses, list) and len(losses) == 4, "return a list with the loss of each batch"
    )
    trial.that(all(isinstance(loss, float) for loss in losses), "a loss is a number: loss.item()")
    start, _, _ = _loop(lambda *_: None, rates)
    weights = model.head.weight.detach()
    trial.that(
        not torch.equal(weights, start.head.weight), "no weight has moved: is there a step()?"
    )

    def variant(**changes):
        return torch.tensor(_variant(rates, **changes))

    trial.same(
        torch.tensor(losses),
        torch.tensor(gives),
        "the losses of four steps",
        "each step: rate, loss, zero_grad, backward, clip to 1, step",
        mistakes=[
            (variant(zero=False), "the gradients add up; zero_grad() before each backward()"),
            (variant(clip=None), "the gradients are not clipped to 1.0; do it after backward()"),
            (variant(rate=False), "the rates are not used; set the lr of optimizer.param_groups"),
            (
                variant(kind=torch.optim.SGD),
                "that is plain gradient descent; take torch.optim.AdamW",
            ),
            (variant(weight_decay=0.1), "leave AdamW's weight decay at its default"),
        ],
        tolerance=1e-4,
    )
    trial.same(
        weights,
        right.head.weight.detach(),
        "the head after four steps",
        "each step: rate, loss, zero_grad, backward, clip to 1, step",
        tolerance=1e-4,
    )
    model, _, _ = _attempted_loop(trial, [0.0, 0.0], batches=1)
    trial.same(
        model.head.weight.detach(),
        start.head.weight.detach(),
        "the head after steps at rate 0",
        "the rate of a step belongs to that step",
    )
    _check_frozen_body(trial, rates)


def _check_frozen_body(trial, rates):
    frozen, _, _ = _attempted_loop(trial, rates, frozen=True)
    plain, _, _ = _loop(lambda *_: None, rates, frozen=True)
    trial.same(
        frozen.gpt.token_embedding.weight.detach(),
        plain.gpt.token_embedding.weight.detach(),
        "a frozen embedding after training",
        "only parameters that require a gradient may move",
    )
    expected, _, _ = _loop(finetune, rates, frozen=True)
    trial.same(
        frozen.head.weight.detach(),
        expected.head.weight.detach(),
        "the head above a frozen body",
        "it must learn, also where the body does not",
        tolerance=1e-4,
    )


def _variant(rates, zero=True, clip=1.0, rate=True, kind=torch.optim.AdamW, **options):
    """The losses of a loop with a mistake."""

    def loop(model, batches, rates):
        learning = [*model.parameters()]
        optimizer, losses = kind(learning, **options), []
        for (ids, lengths, labels), step_rate in zip(batches, rates, strict=False):
            if rate:
                optimizer.param_groups[0]["lr"] = step_rate
            loss = F.cross_entropy(model(ids, lengths), labels)
            if zero:
                optimizer.zero_grad()
            loss.backward()
            if clip:
                nn.utils.clip_grad_norm_(learning, clip)
            optimizer.step()
            losses.append(loss.item())
        return losses

    return _loop(loop, rates)[2]


@TURNS.turn(precision_and_recall)
def check_precision_and_recall(trial):
    labels, said = [1, 1, 1, 0, 0, 0, 0], [1, 0, 0, 1, 0, 0, 0]
    trial.close(
        labels,
        said,
        gives=(1 / 2, 1 / 3),
        why="one of two called spam was spam; one of three spam messages was found",
        mistakes=[
            ((1 / 3, 1 / 2), "the two are swapped: precision divides by what was called spam"),
            ((4 / 7, 4 / 7), "that is accuracy, which counts ham called ham"),
            ((1 / 2, 1 / 4), "recall divides by all spam, not by all ham"),
        ],
    )
    trial.close([1, 0], [0, 0], gives=(0.0, 0.0), why="where nothing is called spam, return 0")
    trial.close([0, 0], [1, 0], gives=(0.0, 0.0), why="where there is no spam, return 0")
    trial.close([1, 1, 0], [1, 1, 0], gives=(1.0, 1.0), why="all found, no false alarm")
    trial.close([1, 1, 0], [1, 1, 1], gives=(2 / 3, 1.0), why="all found, one false alarm")


@TURNS.turn(choose_threshold)
def check_choose_threshold(trial):
    probabilities, labels = [0.1, 0.4, 0.4, 0.7, 0.8, 0.9], [0, 0, 1, 1, 0, 1]
    trial.close(
        probabilities,
        labels,
        1,
        gives=0.7,
        why="at 0.7 one ham message, the one at 0.8, is called spam",
        mistakes=[
            (0.4, "at 0.4 two ham messages are called spam, those at 0.4 and at 0.8"),
            (0.8, "a lower threshold is allowed, too, and finds more spam: take the lowest"),
            (0.9, "a lower threshold is allowed, too, and finds more spam: take the lowest"),
        ],
    )
    trial.close(
        probabilities,
        labels,
        0,
        gives=0.9,
        why="a threshold of exactly 0.8 calls the ham message at 0.8 spam",
    )
    trial.close([0.2, 0.6], [1, 0], 0, gives=1.1, why="ham is the surest here: no threshold, 1.1")
    trial.close([0.2, 0.6], [0, 0], 5, gives=0.2, why="with five alarms allowed all may be called")
    trial.close(
        [0.3, 0.5, 0.9],
        [1, 0, 1],
        1,
        gives=0.3,
        why="the probabilities of all messages are candidates",
        mistakes=[(0.5, "also the probability of a spam message may be the threshold")],
    )
    trial.close(
        [0.3, 0.5, 0.9],
        [0, 0, 1],
        1,
        gives=0.5,
        why="also the probability of a ham message may be the threshold",
        mistakes=[(0.9, "also the probability of a ham message may be the threshold")],
    )
    trial.close([0.9, 0.1, 0.5], [1, 0, 1], 0, gives=0.5, why="the messages come in any order")
