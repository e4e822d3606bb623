"""The measurements of time to loss and of growth, at toy size: what they compute and write."""

import math
import statistics

import pytest
import torch

from benchmarks import _growth_report, _record, growth, time_to_loss
from benchmarks import _time_to_loss_report as report
from benchmarks._fast_gpt import FastGPT, Shape, SquaredReLU, norm, rotary_table, rotate
from helpers.config import GPTConfig
from helpers.texts import load_corpus

MACHINE = {"processor": "a chip, 2 cores", "software": "Python", "load": 0.1}


@pytest.fixture(autouse=True)
def one_thread():
    """Other tests may be running beside; two threads would wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_rotary_scores_depend_on_the_distance_alone():
    table = rotary_table(10, 8)
    query, key = torch.randn(2, 1, 1, 1, 8, generator=torch.Generator().manual_seed(0))
    queries, keys = (rotate(x.expand(1, 10, 1, 8).clone(), table) for x in (query, key))
    scores = queries[0, :, 0] @ keys[0, :, 0].T
    for distance in range(-9, 10):
        diagonal = scores.diagonal(distance)
        torch.testing.assert_close(diagonal, diagonal[:1].expand_as(diagonal))
    torch.testing.assert_close(queries.norm(dim=-1), query.norm(dim=-1).expand(1, 10, 1))
    assert scores[0, 5] != pytest.approx(scores[0, 0].item(), abs=1e-3)


def test_squared_relu_and_its_gradient():
    x = torch.randn(4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(SquaredReLU.apply(x), x.clamp(min=0) ** 2)
    assert torch.autograd.gradcheck(SquaredReLU.apply, x.requires_grad_())


def test_norm_has_mean_zero_and_variance_one():
    assert norm(torch.tensor([1.0, 3.0])).tolist() == pytest.approx([-1, 1], abs=1e-4)


def test_a_new_fast_gpt_guesses_evenly():
    model = FastGPT(Shape(vocab_size=7))
    ids = torch.randint(7, (2, 64))
    torch.testing.assert_close(model(ids), torch.zeros(2, 64, 7))
    assert model.n_parameters() == 3 * 12 * 128**2 + 2 * 7 * 128 + 128


@pytest.mark.parametrize("switch", ["rotary", "qk_norm", "squared_relu", "token_shift"])
def test_each_switch_changes_the_model_and_keeps_it_causal(switch):
    logits = []
    ids = torch.arange(20)[None]
    for on in (True, False):
        torch.manual_seed(0)
        model = FastGPT(Shape(vocab_size=20, zero_init=False, **{switch: on}))
        if on and switch == "token_shift":
            torch.nn.init.constant_(model.share_before, 0.5)
        logits.append(model(ids))
        later = model(torch.cat([ids[:, :-1], ids[:, :1]], 1))
        torch.testing.assert_close(later[:, :-1], logits[-1][:, :-1])
    assert not torch.allclose(*logits, atol=1e-4)


def test_the_baseline_is_as_documented():
    model, optimizer = time_to_loss.create_baseline(65)
    trained = [p for p in model.parameters() if p.requires_grad]
    matrices, norms = 4 * 12 * 128**2 + (65 + 64) * 128, 9 * 128
    assert sum(p.numel() for p in trained) == matrices + norms
    assert optimizer.defaults["betas"] == (0.9, 0.99) and optimizer.defaults["lr"] == 1e-3
    rates = [time_to_loss.nanogpt_rate(step, 2000) for step in (0, 99, 100, 1999)]
    assert rates == pytest.approx([0.01, 1, 1, 0.1], abs=1e-3)
    assert time_to_loss.down_to_zero(0, 4) == 1 and time_to_loss.down_to_zero(3, 4) == 0.25


def test_all_recipes_learn(capsys):
    assert time_to_loss.main(["--quick"]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    names = [line.split(" | ")[0][2:] for line in lines[1:]]
    assert names[:2] == ["baseline", "ours"] and len(names) >= 9
    assert all(name.startswith(("without ", "with ")) for name in names[2:])
    for line in lines[1:]:
        loss = float(line.split(" | ")[4].split()[0])
        assert 1 < loss < math.log(80), line  # below that of guessing


def test_the_held_out_loss_counts_every_whole_window_once():
    ids = torch.randint(5, (64 * 3 + 30,), generator=torch.Generator().manual_seed(0))
    torch.manual_seed(0)
    model = FastGPT(Shape(vocab_size=5, zero_init=False)).eval()
    losses = [
        torch.nn.functional.cross_entropy(
            model(ids[None, at : at + 64])[0], ids[at + 1 : at + 65]
        ).item()
        for at in (0, 64, 128)
    ]
    for batch_size in (2, 64):
        loss = time_to_loss.held_out_loss(model, ids, batch_size)
        assert loss == pytest.approx(statistics.mean(losses), abs=1e-5)


def test_the_characters_are_split_nine_to_one():
    learn, held_out, size = time_to_loss.character_ids("abca" * 25)
    assert (len(learn), len(held_out), size) == (90, 10, 3)
    assert learn[:4].tolist() == [0, 1, 2, 0] and held_out.tolist()[:2] == [2, 0]


def test_without_the_text_it_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("LLM_COURSE_DATA", str(tmp_path))
    assert time_to_loss.main([]) == 1
    assert 'fetch("tinyshakespeare")' in capsys.readouterr().out


def test_the_section_of_time_to_loss_shows_medians_and_targets():
    pairs = [(10.0, 1.9), (12.0, 1.8), (11.0, 1.85)]
    runs = {
        "baseline": [{"seconds": s, "loss": loss} for s, loss in pairs],
        "ours": [{"seconds": s / 10, "loss": loss + 0.01} for s, loss in pairs],
    }
    recipes = {"baseline": time_to_loss.BASELINE, "ours": time_to_loss.OURS}
    record = {"command": "c", "machine": MACHINE, "seeds": 3, "targets": report.targets(runs)}
    record["runs"] = {
        name: report.summary(recipes[name], runs[name], runs["ours"], 64) for name in runs
    }
    share, loss, reported = record["targets"]
    assert share[1:] == [pytest.approx(0.1), "at most 0.125", True]
    assert loss[1:] == [pytest.approx(1.86), "at most 1.85", False]
    assert reported[1:] == [pytest.approx(1.86), "at most 1.88", True]
    text = "\n".join(report.section(record | {"threads": 2}))
    assert "| baseline | 2,000 | 11.0 (10.0 to 12.0) |" in text
    assert "| at most 1.85 | **no** |" in text


def test_a_section_is_replaced_in_place(tmp_path):
    readme = tmp_path / "README.md"
    _record.write_section("One", ["first"], readme)
    _record.write_section("Two", ["second"], readme)
    _record.write_section("One", ["again", "", "more"], readme)
    assert readme.read_text() == "# Benchmarks\n\n## One\n\nagain\n\nmore\n\n## Two\n\nsecond\n"


def test_a_point_is_measured_in_a_fresh_process():
    row = growth.in_a_fresh_process("model", "1M", 1)
    assert row["model"] == "1M" and row["parameters"] == pytest.approx(1e6, rel=0.2)
    assert row["tokens_a_second"] > 0 and 50 < row["peak_megabytes"] < 5000


def test_the_models_are_as_large_as_their_names():
    from helpers.model import GPT

    for name, (vocab_size, width, heads, layers) in growth.MODELS.items():
        with torch.device("meta"):
            model = GPT(GPTConfig(vocab_size, 256, width, heads, layers))
        assert model.n_parameters() == pytest.approx(int(name[:-1]) * 1e6, rel=0.25)


def test_a_corpus_is_encoded_in_pieces_and_trained_on(monkeypatch):
    def write_story(path, n_bytes):
        path.write_text(load_corpus("story") * 2, "utf-8")
        assert n_bytes == 3_000_000

    monkeypatch.setattr(growth, "write_tales", write_story)
    row = growth.corpus_point(3, 1, "cpu")
    assert row["megabytes"] == 3 and 5_000 < row["tokens"] < 20_000
    assert row["encoded_megabytes_a_second"] > 0 and row["least_to_most"][0] > 0


def test_tales_fill_a_file(tmp_path):
    growth.write_tales(tmp_path / "tales.txt", 5_000, n_tales=3)
    assert (tmp_path / "tales.txt").stat().st_size == 5_000


def test_the_report_of_growth(tmp_path):
    point = {"least_to_most": [80, 120], "parameters": 1_000_000, "precision": "fp32"}
    rows = [
        {"tokens_a_second": 100.0 / n, "peak_megabytes": 400.0 + 50 * n, "context": n, "model": "1M",
         "megabytes": n, "tokens": n * 1000, "encoded_megabytes_a_second": 5.0} | point
        for n in (1, 2, 4)
    ]  # fmt: skip
    curves = {kind: rows for kind in ("context", "model", "corpus")}
    record = {"command": "c", "machine": MACHINE, "steps": 5, "curves": curves}
    record["targets"] = _growth_report.targets(curves, 1.1)
    assert record["targets"][0][1:] == [pytest.approx(600 / 450), "at most 1.1", False]
    text = "\n".join(_growth_report.section(record | {"cuda": curves, "cuda_device": "a card"}))
    assert "| 4 | 4,000 | 5.0 | 25 | 80 to 120 | 600 |" in text and "on a card" in text
    _growth_report.draw(curves, tmp_path / "growth.png")
    assert (tmp_path / "growth.png").read_bytes()[:4] == b"\x89PNG"
