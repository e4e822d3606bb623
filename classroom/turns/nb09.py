"""Checks for notebook 09, fine-tuning on instructions."""

import torch

from classroom.turns.registry import attempted, exercise, wrong


@exercise("09.1", "Mask the prompt")
def masked_targets(attempt):
    result = list(attempted(attempt([5, 6, 7, 8, 9], 3, 0)))
    if len(result) != 5:
        wrong(f"five tokens have five targets, the end among them; it gave {len(result)}.")
    if result == [-100, -100, -100, 9, 0]:
        wrong(
            "one too many is masked: the last prompt token predicts the first token of the answer, "
            "and that is what the model must learn most."
        )
    if result == [-100, -100, 7, 8, 9]:
        wrong("the targets are not shifted: position i must predict token i + 1.")
    if result == [6, 7, 8, 9, 0]:
        wrong("nothing is masked: the model would be scored on what the user wrote.")
    if result[-1] == -100:
        wrong("the end is masked: the model would never learn to stop.")
    if result != [-100, -100, 8, 9, 0]:
        wrong(f"for tokens 5 to 9 and a prompt of 3 it gave {result}, not [-100, -100, 8, 9, 0].")
    if list(attempt([5, 6], 1, 0)) != [6, 0]:
        wrong("a prompt of one token hides no target: its only target is the answer's first token.")
    return "the answer and its end are scored, the prompt is not."


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
    if not torch.isclose(result, expected):
        wrong(f"it gave {result:.4f}, not {expected:.4f}.")
    return "the student learns the teacher's whole distribution, at the positions that count."
