"""Figures for note 45, preferences."""

import math

import torch

from classroom.turns.t13 import best_of_n, optimal_policy
from classroom.whiteboard import Board

REFERENCE, REWARDS = (0.6, 0.3, 0.1), (0.0, 1.0, 2.0)
SIZES = (1, 2, 4, 8, 16, 32, 64)


def two_ways():
    """From pairs to a better model: over a reward model, or directly."""
    board = Board(
        800, 400, "Two ways from pairs to a better model",
        "Above, RLHF: pairs of answers train a reward model; it rewards answers that the language model "
        "samples, and reinforcement learning trains the language model, held near the reference by the "
        "price of KL. Below, DPO: the same pairs and the same reference train the language model with one "
        "loss.",
    )  # fmt: skip
    pairs = board.box(20, 176, 130, 60, "pairs:\nchosen, rejected", fill="gray", size=14)
    reward = board.box(210, 84, 130, 54, "reward model", fill="yellow", size=14)
    learn = board.box(400, 84, 170, 54, "reinforcement\nlearning", fill="blue", size=14)
    better = board.box(640, 176, 140, 60, "better\nlanguage model", fill="green", size=14)
    direct = board.box(300, 280, 190, 54, "the loss of DPO", fill="purple", size=14)
    frozen = board.box(310, 182, 170, 48, "reference, frozen", fill="gray", size=14, dashed=True)
    board.arrow(pairs, reward)
    board.arrow(reward, learn, "rewards")
    board.arrow(learn, better)
    board.arrow(frozen, learn, color="gray", dashed=True)
    board.arrow(frozen, direct, color="gray", dashed=True)
    board.arrow(pairs, direct)
    board.arrow(direct, better)
    board.text(600, 98, "RLHF: samples, rewards,\nand a price of KL", 14, "gray", align="left")
    board.text(520, 330, "DPO: no sampling, no reward model", 14, "gray", align="left")
    return board


def best_policy():
    """The reference, times e to the reward, normalized."""
    best = optimal_policy(torch.tensor(REFERENCE), torch.tensor(REWARDS), 1.0).tolist()
    factors = [math.exp(reward) for reward in REWARDS]
    said = ", ".join(f"{share:.2f}" for share in best)
    board = Board(
        800, 330, "The best policy: reference times e to the reward, normalized",
        "Three bar charts over a rude, a plain and a polite answer. The reference has 0.6, 0.3 and 0.1. The "
        f"factors e to the reward are 1.0, 2.7 and 7.4. The product, divided by its sum, is {said}.",
    )  # fmt: skip
    names = ["rude", "plain", "polite"]
    charts = (
        (50, "reference", REFERENCE, 0.8, "{:.1f}", "gray"),
        (320, "e to the reward", factors, 9.0, "{:.1f}", "yellow"),
        (590, "best policy (β = 1)", best, 0.8, "{:.2f}", "green"),
    )
    for x, title, heights, top, form, fill in charts:
        chart = board.chart(x, 110, 170, 150, (-0.6, 2.6), (0, top))
        chart.bars(heights, names, fill=fill, values=[form.format(height) for height in heights])
        board.text(x + 85, 80, title, 15, bold=True)
    board.text(270, 190, "×", 28)
    board.text(540, 190, "→", 28)
    return board


def both_fall():
    """Three answers as the weights move along DPO's gradient: the chosen one falls, too."""
    points = [step / 10 for step in range(0, 21)]
    rows = [[math.exp(t), 1.0, math.exp(3 * t)] for t in points]
    shares = [[each / sum(row) for each in row] for row in rows]
    board = Board(
        800, 380, "Both fall, and the gap grows",
        "Curves of three probabilities against the step along the gradient of DPO, from 0 to 2. Preferred: "
        f"{shares[0][0]:.2f} to {shares[-1][0]:.2f}; rejected: {shares[0][1]:.2f} to {shares[-1][1]:.3f}; a "
        f"third answer that is in no pair: {shares[0][2]:.2f} to {shares[-1][2]:.2f}.",
    )  # fmt: skip
    chart = board.chart(
        80, 90, 460, 220, (0, 2), (0, 1), x_label="step along the gradient of DPO",
        y_label="probability", x_ticks=(0, 1, 2), y_ticks=(0, 0.5, 1),
    )  # fmt: skip
    named = (("a third answer, in no pair", "orange"), ("preferred", "blue"), ("rejected", "red"))
    for which, (name, color) in zip((2, 0, 1), named, strict=True):
        chart.curve(points, [row[which] for row in shares], color)
        height = {2: 0.95, 0: 0.19, 1: 0.06}[which]
        board.text(560, chart.at(2, height)[1], name, 15, color, align="left")
    return board


def over_optimization():
    """The reward and the true score of the best of n, where one bad answer is overrated."""
    true = torch.linspace(0, 1, 64)
    proxy = true.clone()
    proxy[5] = 2.0
    rewards = [best_of_n(proxy, proxy, n) for n in SIZES]
    scores = [best_of_n(proxy, true, n) for n in SIZES]
    board = Board(
        800, 390, "The harder the search, the more it finds the flaw",
        "The best of n answers by a reward that overrates one bad answer of 64, for n from 1 to 64. Reward: "
        + ", ".join(f"{each:.2f}" for each in rewards)
        + ". True score: " + ", ".join(f"{each:.2f}" for each in scores) + ".",
    )  # fmt: skip
    chart = board.chart(
        80, 90, 460, 230, (0, 6), (0, 2), x_label="n, answers to choose from", y_label="mean",
        x_ticks=[(place, str(n)) for place, n in enumerate(SIZES)], y_ticks=(0, 1, 2),
    )  # fmt: skip
    places = range(len(SIZES))
    for values, color, name in ((rewards, "red", "reward"), (scores, "blue", "true score")):
        chart.curve(places, values, color)
        chart.dots(places, values, color)
        board.text(560, chart.at(6, values[-1])[1], name, 15, color, align="left")
    return board


def directions():
    """What the two directions of the KL say of a model that drops and of one that invents."""
    charts = (
        ("the reference", (0.495, 0.495, 0.01), "gray"),
        ("keeps one of two", (0.98, 0.01, 0.01), "blue"),
        ("says a third as well", (0.34, 0.33, 0.33), "orange"),
    )
    reference = charts[0][1]
    board = Board(
        800, 390, "Dropping is cheap in one direction, inventing in the other",
        "Bar charts of three answers. The reference gives 0.495, 0.495 and 0.01. A model that keeps one of the "
        "two gives 0.98, 0.01 and 0.01; one that says all alike 0.34, 0.33 and 0.33. KL of model from reference: "
        "0.63 and 0.89. KL of reference from model: 1.59 and 0.35.",
    )  # fmt: skip
    for place, (title, shares, fill) in enumerate(charts):
        x = 60 + 260 * place
        chart = board.chart(x, 110, 190, 150, (-0.6, 2.6), (0, 1.1))
        chart.bars(shares, ["A", "B", "C"], fill=fill, values=[f"{share:g}" for share in shares])
        board.text(x + 95, 84, title, 15, bold=True)
        if place:
            there, back = _divergence(shares, reference), _divergence(reference, shares)
            board.text(x + 95, 316, f"KL(model ‖ reference) = {there:.2f}", 14)
            board.text(x + 95, 344, f"KL(reference ‖ model) = {back:.2f}", 14, "gray")
    return board


def _divergence(p, q):
    return sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))
