"""Training the upper layers alone: the same numbers as the whole model, and what is below computed once."""

import pytest
import torch

from helpers.assistant.learning import answer_loss, with_lora
from helpers.llama import Llama, LlamaConfig
from helpers.lora import LoRALinear
from tools.makers.upper_layers import UpperLayers

SHAPE = LlamaConfig(512, 64, 32, 64, n_heads=4, n_layers=3, n_kv_heads=2)


def adapted_model(first):
    torch.manual_seed(0)
    return UpperLayers(with_lora(Llama(SHAPE), 2, 4.0).model, first)


def rows():
    torch.manual_seed(1)
    inputs = torch.randint(1, 512, (3, 8))
    inputs[1, 5:] = 0  # padding
    targets = torch.full((3, 8), -100)
    targets[:, 3:5] = inputs[:, 4:6]
    return inputs, targets


@pytest.mark.parametrize("first", [0, 1, 2])
def test_it_gives_what_the_whole_model_gives(first):
    adapted, (inputs, _) = adapted_model(first), rows()
    whole = adapted.model.hidden_states(inputs)
    for _ in range(2):
        mine = adapted.hidden_states(inputs)
        scale = whole.abs().max()
        assert (mine[1, :5] - whole[1, :5]).abs().max() < 0.02 * scale
        assert (mine[[0, 2]] - whole[[0, 2]]).abs().max() < 0.02 * scale


def test_what_is_below_is_computed_once(monkeypatch):
    adapted, (inputs, targets) = adapted_model(2), rows()
    first = answer_loss(adapted, inputs, targets)
    below, calls = adapted.model.blocks[0], []
    monkeypatch.setattr(below, "forward", lambda *_: calls.append(1))
    assert answer_loss(adapted, inputs[[2, 0]], targets[[2, 0]]).isfinite()
    wider = torch.nn.functional.pad(inputs, (0, 4))
    again = answer_loss(adapted, wider, torch.nn.functional.pad(targets, (0, 4), value=-100))
    assert calls == [] and torch.allclose(first, again, atol=1e-5)


def test_only_the_upper_layers_learn():
    adapted, (inputs, targets) = adapted_model(1), rows()
    named = dict(adapted.named_parameters())
    assert named and all(name.startswith(("blocks.1.", "blocks.2.")) for name in named)
    answer_loss(adapted, inputs, targets).backward()
    assert all(parameter.grad is not None for parameter in named.values())
    assert {name.split(".")[1] for name in adapted.corrections()} == {"1", "2"}
    layers = sum(isinstance(part, LoRALinear) for part in adapted.model.modules())
    assert len(adapted.corrections()) == layers == 2 * 7


def test_what_has_learned_is_not_taken_off():
    model = adapted_model(0).model
    torch.nn.init.ones_(model.blocks[0].attention.query.up)
    with pytest.raises(ValueError, match="has learned already"):
        UpperLayers(model, 1)


@pytest.mark.parametrize("first", [-1, 3])
def test_a_block_must_be_left_to_learn(first):
    with pytest.raises(ValueError, match="first must be from 0 to 2"):
        adapted_model(first)
