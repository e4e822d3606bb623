"""Checks for notebook 09, fine-tuning on instructions."""

import torch

from classroom.turns.registry import attempted, exercise, wrong


@exercise("09.1", "Prompts at a discount")
def weighted_loss(attempt):
    losses = torch.tensor([[4.0, 2.0, 1.0], [8.0, 3.0, 5.0]])
    of_prompt = torch.tensor([[True, True, False], [True, False, False]])

    def loss_with(w):
        return torch.as_tensor(attempted(attempt(losses.clone(), of_prompt.clone(), w)))

    result = loss_with(0.5)
    if result.shape != ():
        wrong(f"it returned a tensor of shape {tuple(result.shape)}; return one number, the mean.")
    mistakes = {
        16.0 / 6: "divide by the sum of the weights, not by the number of positions: else a low w "
        "makes the loss look good.",
        16.0: "that is the weighted sum; divide it by the sum of the weights.",
        18.5 / 4.5: "the weights are swapped: w is for the prompt, 1 for the answer.",
        23.0 / 6: "w is not used: this is the mean over all positions.",
        3.0: "w is not used: this is the mean over the answers alone.",
        (4.0 / 2 + 12.0 / 2.5) / 2: "it averages per row: then a token of a short row weighs more.",
    }
    for value, message in mistakes.items():
        if abs(result.item() - value) < 1e-5:
            wrong(message)
    if abs(result.item() - 16.0 / 4.5) > 1e-5:
        wrong(f"with w = 0.5 it gave {result:.4f}, not 16 / 4.5 = {16 / 4.5:.4f}.")
    for w, mean, what in ((0.0, 3.0, "the answers alone"), (1.0, 23.0 / 6, "all positions")):
        if abs(loss_with(w).item() - mean) > 1e-5:
            wrong(f"with w = {w:g} it is the mean over {what}, {mean:.4f}.")
    moving = losses.clone().requires_grad_()
    found = attempt(moving, of_prompt, 0.5)
    if not (isinstance(found, torch.Tensor) and found.requires_grad):
        wrong("the gradient is lost on the way: the loss must stay a tensor, without .item().")
    return "from masked prompts at w = 0 to fully scored ones at w = 1."


@exercise("09.2", "A conversation that fits")
def fit_turns(attempt):
    turns = [[1, 2, 3], [4, 5], [6, 7, 8]]
    result = list(attempted(attempt([list(turn) for turn in turns], 6)))
    if result == [3, 4, 5, 6, 7, 8]:
        wrong("half a turn is kept: a model that reads half a question answers another one.")
    if result == [1, 2, 3, 4, 5]:
        wrong("the oldest turns are kept; the newest holds the question.")
    if result == [6, 7, 8, 4, 5]:
        wrong("the turns are in the wrong order: an older turn comes first.")
    if result != [4, 5, 6, 7, 8]:
        wrong(f"for a limit of 6 it gave {result}, not [4, 5, 6, 7, 8].")
    if list(attempt([list(turn) for turn in turns], 8)) != [1, 2, 3, 4, 5, 6, 7, 8]:
        wrong("all three turns fit into 8 tokens exactly.")
    if list(attempt([[1], [2, 3, 4]], 2)) != [3, 4]:
        wrong("a newest turn that is too long keeps its last tokens.")
    if list(attempt([[1], [2, 3, 4], [5]], 2)) != [5]:
        wrong("stop at the first turn that does not fit: a gap in a conversation is confusing.")
    return "whole turns, the newest first kept, in their order."


@exercise("09.3", "Who wins?")
def win_rate(attempt):
    choices = [("A", "B"), ("A", "B"), ("B", "A"), ("A", "A")]
    result = float(attempted(attempt(choices)))
    if abs(result - 3 / 4) < 1e-9:
        wrong("it uses only the first order. Then a judge's preference for first place decides.")
    if abs(result - 2 / 3) < 1e-9:
        wrong("contradictions are left out; they count half, as a draw in chess.")
    if abs(result - 2 / 4) < 1e-9:
        wrong("a contradiction counts half, not nothing.")
    if abs(result - 3 / 8) < 1e-9:
        wrong("that is the other model's share: ('A', 'B') means that model 1 was chosen twice.")
    if abs(result - 5 / 8) > 1e-9:
        wrong(f"two wins, one loss and one draw make 0.625, not {result:.3f}.")
    if abs(float(attempt([("B", "B"), ("A", "A")])) - 0.5) > 1e-9:
        wrong("a judge that always names the same position says nothing: 0.5.")
    return "two wins, one loss and one draw."


@exercise("09.4", "Soft answers")
def distillation_loss(attempt):
    torch.manual_seed(0)
    student, teacher = torch.randn(5, 7), torch.randn(5, 7)
    targets = torch.tensor([1, -100, 3, -100, 2])
    result = torch.as_tensor(attempted(attempt(student, teacher, targets, 2.0)))

    def losses(s, t, temperature):
        wanted = (t / temperature).softmax(dim=-1)
        return -(wanted * (s / temperature).log_softmax(dim=-1)).sum(dim=-1)

    counts = targets != -100
    expected = losses(student, teacher, 2.0)[counts].mean()
    if result.shape != ():
        wrong(f"it returned a tensor of shape {tuple(result.shape)}; return one number, the mean.")
    if torch.isclose(result, losses(student, teacher, 2.0).mean()):
        wrong("masked positions count, too: the student would learn the teacher's padding.")
    if torch.isclose(result, losses(student, teacher, 1.0)[counts].mean()):
        wrong("the temperature is not used.")
    if torch.isclose(result, losses(teacher, student, 2.0)[counts].mean()):
        wrong("student and teacher are swapped: the teacher's probabilities are the weights.")
    entropy = losses(teacher, teacher, 2.0)[counts].mean()
    if torch.isclose(result, expected - entropy):
        wrong(
            f"it gave {result:.4f}, the KL divergence: the cross-entropy without the teacher's own "
            f"entropy, which is constant. Its gradient is right; the task asks for {expected:.4f}."
        )
    if torch.isclose(result, 4 * expected):
        wrong(
            f"it gave {result:.4f}, which is t² times the mean. Hinton's t² keeps gradients as large "
            f"as those of hard targets, where both are mixed; here the mean alone is asked for, "
            f"{expected:.4f}."
        )
    if torch.isclose(result, losses(student, teacher, 2.0)[counts].sum()):
        wrong("that is the sum over the positions; take the mean.")
    if not torch.isclose(result, expected):
        wrong(f"it gave {result:.4f}, not {expected:.4f}.")
    return "the student learns the teacher's whole distribution, at the positions that count."
