"""`bench llama`: its models are GPT and Llama at the two ends, and its report says what was recorded."""

from dataclasses import replace

import pytest
import torch

from benchmarks import _llama_steps, _record, llama
from benchmarks._llama_steps import LLAMA, Attention, Experts, Parts, SteppedGPT
from classroom.worlds.tales import log_prob, sample
from helpers.attention import attend
from helpers.config import GPTConfig
from helpers.llama import Llama, LlamaConfig
from helpers.loss import IGNORED
from helpers.model import GPT

SMALL = Parts(50, 40, embedding_dim=32, hidden_dim=128, n_layers=2)
IDS = torch.arange(40)[None] % 50


def moved(model, small, names=()):
    """A model with the weights of `small`, whose names are translated first."""
    weights = {}
    for name, weight in small.state_dict().items():
        for old, new in names:
            name = name.replace(old, new)
        weights[name] = weight
    model.load_state_dict(weights)
    return model.eval()


def noisy(model):
    """Random scales, shifts and biases too, so that each of them shows in the logits."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return model


def test_the_first_model_is_the_gpt():
    torch.manual_seed(0)
    ours = noisy(SteppedGPT(SMALL))
    gpt = GPT(GPTConfig(50, 40, 32, n_heads=4, n_layers=2, dropout=0.0))
    torch.testing.assert_close(ours(IDS), moved(gpt, ours)(IDS))
    assert ours.n_parameters() == ours.n_active() == gpt.n_parameters()


@pytest.mark.parametrize("qk_norm", [False, True])
def test_all_changes_together_are_llama(qk_norm):
    torch.manual_seed(0)
    ours = noisy(SteppedGPT(replace(SMALL, **LLAMA, qk_norm=qk_norm)))
    sizes = {"embedding_dim": 32, "hidden_dim": 128, "n_heads": 4, "n_layers": 2, "n_kv_heads": 2}
    theirs = Llama(LlamaConfig(50, 40, **sizes, rope_base=10_000.0, qk_norm=qk_norm))
    torch.testing.assert_close(ours(IDS), moved(theirs, ours)(IDS))


@pytest.mark.parametrize("name", llama.CHANGES)
def test_each_change_is_one_of_size_and_sees_nothing_of_what_comes(name):
    torch.manual_seed(0)
    model = llama.model_of(name).eval()
    wanted = SteppedGPT(Parts()).n_parameters()
    assert abs(model.n_active() / wanted - 1) < 0.01
    ids = torch.randint(1024, (1, 30))
    later = ids.clone()
    later[0, 20:] = 7
    torch.testing.assert_close(model(ids)[:, :20], model(later)[:, :20])


def test_a_wide_start_changes_the_first_weights_alone():
    for name in llama.CONTROLS:
        feed_forward = llama.model_of(name).blocks[0].feed_forward
        assert feed_forward.expand.weight.std().item() == pytest.approx(0.1, rel=0.05)
        assert feed_forward.project.weight.std().item() < 0.02
        plain = llama.model_of(name.removesuffix(llama.WIDE))
        assert plain.blocks[0].feed_forward.expand.weight.std().item() < 0.03


def test_a_window_hides_what_is_older():
    torch.manual_seed(0)
    attention, x = Attention(SMALL, window=4), torch.randn(1, 10, 32)
    changed = x.clone()
    changed[0, 5] = 0
    same = torch.isclose(attention(x), attention(changed)).all(dim=-1)[0]
    assert same.tolist() == [True] * 5 + [False] * 4 + [True]


def test_a_latents_attention_by_its_definition():
    """Head by head, with the rotated part of the key as a score of its own."""
    torch.manual_seed(0)
    layer = _llama_steps.LatentAttention(replace(SMALL, rotary=True, latent=6), 0)
    x, size = torch.randn(9, 32), SMALL.head_dim
    cosines, sines = _llama_steps.rotary_table(9, _llama_steps.ROTATED)
    latent = layer.norm_latent(layer.latent(x))
    shared = _llama_steps.rotate(layer.rotated_key(x), cosines, sines)
    parts = []
    for head in range(4):
        query = layer.query(x).unflatten(-1, (4, -1))[:, head]
        turned = _llama_steps.rotate(query[:, size:], cosines, sines)
        rows = slice(size * head, size * (head + 1))
        key, value = (matrix.weight[rows] for matrix in (layer.key, layer.value))
        queries = torch.cat([query[:, :size], turned], dim=-1)
        keys = torch.cat([latent @ key.T, shared], dim=-1)
        mask = torch.ones(9, 9, dtype=torch.bool).tril()
        parts.append(attend(queries, keys, latent @ value.T, mask)[0])
    by_hand = layer.output(torch.cat(parts, dim=-1))
    torch.testing.assert_close(layer(x[None])[0], by_hand)


def test_two_experts_work_on_each_token_and_the_imbalance_is_fedus_loss():
    torch.manual_seed(0)
    layer, x = Experts(replace(SMALL, n_experts=4)), torch.randn(2, 5, 32)
    out = layer(x)
    logits = layer.router(x[1, 3])
    first, second = logits.topk(2).indices.tolist()
    weights = logits[[first, second]].softmax(dim=0)
    both = layer.experts[first](x[1, 3]), layer.experts[second](x[1, 3])
    torch.testing.assert_close(out[1, 3], weights[0] * both[0] + weights[1] * both[1])
    assert layer.share.sum().item() == pytest.approx(1)
    probabilities = layer.router(x).softmax(dim=-1).flatten(0, 1).mean(dim=0)
    assert layer.imbalance.item() == pytest.approx(4 * (layer.share @ probabilities).item())
    torch.nn.init.zeros_(layer.router.weight)
    layer(x)
    assert layer.imbalance.item() == pytest.approx(1)  # all probabilities alike


def test_rows_are_whole_tales():
    tales = sample(3, seed=5)
    inputs, targets = llama.rows_of(tales)
    end = llama.tokenizer().special_tokens["<|endoftext|>"]
    for tale, row, wanted in zip(tales, inputs, targets, strict=True):
        scored = wanted[wanted != IGNORED]
        assert llama.tokenizer().decode(scored[:-1].tolist()) == tale
        assert row[0] == end == scored[-1]
        assert torch.equal(row[1 : len(scored)], scored[:-1])
    assert max(len(row) for row in inputs) <= Parts().context_length


def test_a_tale_that_is_too_long_is_cut_in_training_and_refused_in_measuring(monkeypatch):
    monkeypatch.setattr(llama, "sample", lambda n, seed: ["word " * 300] * n)
    inputs, _ = llama.rows_of(["word " * 300])
    assert inputs.shape[1] == Parts().context_length
    with pytest.raises(AssertionError, match="was cut"):
        llama.held_out(10, 4)


def test_the_entropy_counts_the_tales_that_are_measured_on():
    batches, entropy = llama.held_out(9, 16)
    scored = sum((targets != IGNORED).sum().item() for _, targets in batches)
    nats = -0.6931471805599453 * sum(map(log_prob, sample(16, 9)))
    assert entropy == pytest.approx(nats / scored)


def test_no_tale_is_both_learned_and_measured_on():
    n_learned = llama.TALES * llama.RECIPE.steps
    learned = {tale for seed in llama.SEEDS for tale in sample(n_learned, 1000 + seed)}
    assert not learned & set(sample(llama.HELD_OUT, llama.TEST))


def test_a_run_is_saved_and_not_made_twice(tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr(llama, "one_run", lambda *a: made.append(a) or {"above": 1, "seconds": 2})
    for _ in range(2):
        runs = llama.Runs(tmp_path / "runs.json")
        assert runs.row(llama.GPT, 0, 4e-3)["above"] == 1
    assert len(made) == 1
    monkeypatch.setattr(llama, "HELD_OUT", 8)
    llama.Runs(tmp_path / "runs.json").row(llama.GPT, 0, 4e-3)
    assert len(made) == 2, "other settings, another run"


def test_the_report_by_hand():
    above = {llama.GPT: [1.0, 1.2, 1.4], "RMSNorm": [0.9, 1.2, 1.2]}
    assert llama.mean_and_error(llama.differences(above, "RMSNorm")) == (
        pytest.approx(-0.1),
        pytest.approx(0.1 / 3**0.5),
    )
    record = {"above": above, "sizes": {name: [4, 5, 6000] for name in above}}
    assert llama.table(record)[-1] == (
        "| RMSNorm | 1.100 ± 0.100 | -0.100 ± 0.058 | 4 | 5 | 6,000 |"
    )
    loads = {"experts": [[[0.25, 0.75]], [[0.5, 0.5]]]}
    assert "25.0% to 75.0%" in llama.load_lines({"loads": loads})[0]


def test_everything_runs_for_two_steps(monkeypatch, capsys):
    few = llama.held_out(9, 16)
    monkeypatch.setattr(llama, "held_out", lambda seed: few)
    assert llama.main(["--quick"]) == 0
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    assert len(rows) == 1 + len(llama.CHANGES)


def test_the_table_says_what_was_recorded():
    record = llama.recorded()
    text = (_record.HERE / "README.md").read_text("utf-8")
    assert "\n".join(llama.section(record)) in text
    assert set(record["above"]) == set(llama.CHANGES)
    assert {len(values) for values in record["above"].values()} == {len(llama.SEEDS)}
