"""The loss in slices equals PyTorch's over the whole vocabulary, value and gradients."""

import pytest
import torch
from torch.nn import functional as F

from helpers.fast import head_loss as loss_module
from helpers.fast.head_loss import head_loss
from helpers.loss import IGNORED


def both(hidden, weight, targets):
    """(loss, gradient of hidden, gradient of weight) in slices, and by PyTorch in one piece."""
    results = []
    for compute in (
        lambda h, w: head_loss(h, w, targets),
        lambda h, w: F.cross_entropy((h @ w.T).flatten(0, -2), targets.flatten()),
    ):
        h, w = hidden.clone().requires_grad_(), weight.clone().requires_grad_()
        value = compute(h, w)
        (3 * value).backward()
        results.append((value.detach(), h.grad, w.grad))
    return results


@pytest.mark.parametrize("rows", [1, 7, 512, 513, 1100])
def test_equal_to_cross_entropy_with_gradients(rows):
    torch.manual_seed(0)
    hidden, weight = torch.randn(2, rows, 8), torch.randn(50, 8)
    targets = torch.randint(0, 50, (2, rows))
    ours, theirs = both(hidden, weight, targets)
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-4, atol=1e-6)


def test_padding_does_not_count():
    torch.manual_seed(0)
    hidden, weight = torch.randn(3, 5, 4), torch.randn(9, 4)
    targets = torch.randint(0, 9, (3, 5))
    targets[0, 2:], targets[2] = IGNORED, IGNORED
    ours, theirs = both(hidden, weight, targets)
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-4, atol=1e-6)
    assert (ours[1][2] == 0).all()


def test_large_logits_stay_finite():
    value = head_loss(torch.tensor([[1e4, 0.0]]), torch.eye(2), torch.tensor([1]))
    assert value == pytest.approx(1e4)


def test_bfloat16_is_near():
    torch.manual_seed(0)
    hidden, weight = torch.randn(64, 32), torch.randn(100, 32) * 0.1
    targets = torch.randint(0, 100, (64,))
    exact = head_loss(hidden, weight, targets)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rounded = head_loss(hidden, weight, targets)
    assert rounded.dtype == torch.float32 and rounded != exact
    assert rounded == pytest.approx(exact.item(), rel=0.01)


def test_no_gradients_are_made_where_none_are_wanted(monkeypatch):
    with torch.no_grad():
        value = head_loss(torch.ones(4, 2), torch.eye(2), torch.zeros(4, dtype=torch.long))
    assert not value.requires_grad
    assert value == pytest.approx(0.6931, abs=1e-4)


def test_the_size_of_a_slice_changes_nothing(monkeypatch):
    torch.manual_seed(0)
    hidden, weight, targets = torch.randn(20, 4), torch.randn(9, 4), torch.randint(0, 9, (20,))
    whole = head_loss(hidden, weight, targets)
    monkeypatch.setattr(loss_module, "SLICE", 3)
    torch.testing.assert_close(head_loss(hidden, weight, targets), whole)


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="do not fit"):
        head_loss(torch.ones(4, 3), torch.ones(5, 2), torch.zeros(4, dtype=torch.long))
    with pytest.raises(ValueError, match="nothing to predict"):
        head_loss(torch.ones(1, 2), torch.ones(5, 2), torch.tensor([IGNORED]))


def test_rows_that_are_not_scored_cost_no_slice(monkeypatch):
    torch.manual_seed(0)
    hidden, weight = torch.randn(4000, 8, requires_grad=True), torch.randn(20, 8)
    targets = torch.full((4000,), IGNORED)
    targets[::7] = torch.randint(0, 20, (572,))
    sizes, real = [], loss_module.F.log_softmax
    monkeypatch.setattr(
        loss_module.F, "log_softmax", lambda x, dim: sizes.append(len(x)) or real(x, dim=dim)
    )
    loss = head_loss(hidden, weight, targets)
    assert sizes == [loss_module.SLICE] * 2
    monkeypatch.undo()
    (gradient,) = torch.autograd.grad(loss, hidden)
    wanted = F.cross_entropy(hidden @ weight.T, targets)
    torch.testing.assert_close(loss, wanted)
    torch.testing.assert_close(gradient, torch.autograd.grad(wanted, hidden)[0])
