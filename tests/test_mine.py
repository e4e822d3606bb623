"""`my_llm.py`: it runs alone, and it is the same LLM as `helpers`, whoever wrote its parts."""

import ast
import importlib.util
import re
import subprocess
import sys
from dataclasses import asdict, replace

import pytest
import torch

from classroom.mine.assemble import assemble
from classroom.turns.kept import Kept
from helpers import checkpoint, config, generate, train
from helpers.bpe import BPETokenizer
from helpers.chat import BASE_MODEL
from helpers.model import GPT
from helpers.runs.run import Run
from helpers.texts import available, load_corpus
from helpers.texts.corpora import gpt2_encoding
from helpers.texts.prepare import prepare
from tests.turn_cells import NOTEBOOKS, SOLUTION, turns_of
from tools.lectures import ROOT

LINES = 800


def solutions():
    """Every solution of the notebooks, as it would be kept."""
    found = []
    for path in NOTEBOOKS:
        for order, (_, _, below) in enumerate(turns_of(path), start=1):
            cell = SOLUTION.findall(below)[0]
            *imports, definition = ast.parse(cell).body
            of = "".join(
                f"{ast.unparse(keyword.value)}."
                for each in definition.decorator_list
                if isinstance(each, ast.Call)
                for keyword in each.keywords
            )
            lines = cell.splitlines()
            decorators = [lines[each.lineno - 1] for each in definition.decorator_list]
            lines = lines[definition.lineno - 1 : definition.end_lineno]
            lines = [line for line in decorators if "your_turn" not in line] + lines
            each_import = [
                ast.unparse(type(node)(**{**vars(node), "names": [alias]}))
                for node in imports
                for alias in node.names
            ]
            source = "\n".join(lines) + "\n"
            name = of + definition.name
            found.append(Kept(path.stem[:2], order, name, source, each_import, [], 3, "2026-01-02"))
    return found


KEPT = {"nothing": [], "half": solutions()[::2], "all": solutions()}


@pytest.fixture(scope="module", params=KEPT)
def written(request, tmp_path_factory):
    """my_llm.py as a module, with nothing, half or all of it written."""
    return loaded(assemble(KEPT[request.param]).text, tmp_path_factory.mktemp("mine"))


def loaded(text, folder):
    path = folder / "my_llm.py"
    path.write_text(text, "utf-8")
    spec = importlib.util.spec_from_file_location(f"my_llm_{id(path)}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def story():
    return load_corpus("story")


# the file


@pytest.mark.parametrize("kept", KEPT.values(), ids=KEPT)
def test_it_is_short_formatted_and_imports_nothing_of_the_course(kept, tmp_path):
    made = assemble(kept)
    assert len(made.text.splitlines()) < LINES and made.remarks == ()
    assert made.text == assemble(kept).text
    packages = set()
    for node in ast.walk(ast.parse(made.text)):
        if isinstance(node, ast.Import):
            packages |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            packages.add(node.module.partition(".")[0])
    assert packages - sys.stdlib_module_names == {"torch", "regex"}
    path = tmp_path / "my_llm.py"
    path.write_text(made.text, "utf-8")
    for command in (["format", "--check"], ["check"]):
        line = [sys.executable, "-m", "ruff", *command, "--config", ROOT / "pyproject.toml", path]
        done = subprocess.run(line, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout


def mark_of(name, text):
    """Whose a part is and from which notebook, as the nearest comment above it says."""
    owner, _, method = name.rpartition(".")
    start = re.search(rf"^(def|class) {owner or name}\b", text, re.M).start()
    if owner:
        start = text.index(f"    def {method}(", start)
    marks = r"^( *)# (yours, .+|the course's) \(notebook (..)\)$"
    found = [m for m in re.finditer(marks, text[:start], re.M) if owner or not m[1]]
    return found[-1][2].startswith("yours"), found[-1][3]


def test_each_part_says_who_wrote_it():
    places = {(piece.notebook, piece.name) for piece in assemble([]).pieces}
    kept = [turn for turn in solutions() if (turn.notebook, turn.name) in places]
    assert len(kept) == len(places)
    for some in ([], kept[:1], kept):
        made = assemble(some)
        assert set(made.yours) == {turn.name for turn in some} & {p.name for p in made.pieces}
        for piece in made.pieces:
            assert mark_of(piece.name, made.text) == (bool(piece.kept), piece.notebook), piece.name
        kept_elsewhere = [replace(turn, notebook="99") for turn in some]
        assert assemble(some + kept_elsewhere).text == made.text
        names = {line.split()[1] for line in made.text.splitlines() if line.startswith("class ")}
        assert {"GPTConfig", "GPT"} <= {name.partition("(")[0].rstrip(":") for name in names}


def test_neighbors_by_one_writer_have_one_comment():
    text = assemble([]).text
    assert text.count("# the course's (notebook 03)") == 1 and "\n\n\ndef encode_word" in text
    written = next(turn for turn in solutions() if turn.name == "encode_word")
    text = assemble([written]).text
    assert "3 checks (notebook 03)\ndef encode_word" in text
    assert text.count("# the course's (notebook 03)") == 2  # before and after it
    text = assemble([replace(turn, checks=2) for turn in solutions()]).text
    assert text.count("(notebook 03)") == 1 and "yours, checked on 2026-01-02, 14 checks" in text


def test_a_longer_file_is_written_and_says_so():
    gelu = next(turn for turn in solutions() if turn.name == "gelu" and turn.notebook == "06")
    head, *body = gelu.source.splitlines()
    longer = "\n".join([head, *["    # as in the paper"] * 200, *body]) + "\n"
    made = assemble([replace(gelu, source=longer)])
    lines = len(made.text.splitlines())
    assert lines > LINES and made.yours == ["gelu"]
    assert made.remarks == (
        f"It is meant to stay under 800 lines; with your versions it has {lines}.",
    )


def test_a_part_takes_nothing_that_it_does_not_use():
    one = next(turn for turn in solutions() if turn.name == "gelu" and turn.notebook == "06")
    body = 'def gelu(x):\n    """With a name of its own."""\n    overlap = x\n    return overlap\n'
    made = assemble([replace(one, source=body, imports=["import string", "import math"])])
    assert "import string" not in made.text and "def overlap" not in made.text


# the same LLM


def test_from_the_same_weights_text_and_settings_the_losses_agree(written, story):
    settings = config.PRESETS["tiny"]
    tokenizer, train_ids, held_out_ids, *texts = prepare(story, settings.vocab_size)
    mine = written.BytePairTokenizer.train(texts[0], settings.vocab_size)
    assert mine.merges == tokenizer.merges
    ids = [mine.encode(text, tuple(mine.special_tokens)) for text in texts]
    assert ids == [train_ids.tolist(), held_out_ids.tolist()]
    torch.manual_seed(0)
    model = GPT(replace(settings, vocab_size=tokenizer.vocab_size))
    torch.manual_seed(0)
    my_model = written.GPT(written.GPTConfig(**asdict(model.config)))
    weights = dict(model.named_parameters())
    assert weights.keys() == dict(my_model.named_parameters()).keys()
    assert all(torch.equal(p, weights[name]) for name, p in my_model.named_parameters())
    my_config = written.TrainConfig(50, 16, 3e-3, 10, seed=5)
    recipe = train.TrainConfig(50, 16, 1, 3e-3, 10, seed=5, evaluate_every=50)
    history = train.train(model, train_ids, held_out_ids, recipe, Run(progress=False))
    optimizer = written.AdamW(my_model, my_config.weight_decay)
    state = written.train(my_model, optimizer, ids, my_config)
    gap = max(abs(a - b) for a, b in zip(state["losses"], history.train_losses, strict=True))
    assert len(state["losses"]) == 50 and gap < 1e-4
    assert state["losses"][-1] < state["losses"][0] - 1
    assert state["validation"][0][1] == pytest.approx(history.validation_losses[0], abs=1e-4)
    assert not my_model.training


@pytest.mark.parametrize("option", [{}, {"tie_weights": False}, {"qkv_bias": False}])
def test_models_go_both_ways(written, tmp_path, option):
    torch.manual_seed(1)
    settings = replace(config.PRESETS["tiny"], vocab_size=260, **option)
    model = GPT(settings).eval()
    tokenizer = BPETokenizer.train("low lower lowest", 260)
    checkpoint.save_model(tmp_path / "theirs", model, tokenizer)
    mine, my_tokenizer = written.load_model(tmp_path / "theirs")
    token_ids = torch.tensor([[1, 2, 3, 250]])
    assert torch.allclose(mine(token_ids), model(token_ids), atol=1e-5)
    assert my_tokenizer.encode("lower") == tokenizer.encode("lower")
    written.save_model(tmp_path / "mine", mine, my_tokenizer)
    back, tokenizer_back = checkpoint.load_model(tmp_path / "mine")
    assert torch.equal(back(token_ids), model(token_ids))
    assert repr(tokenizer_back) == repr(tokenizer)
    files = ("model.safetensors", "tokenizer.json", "config.json")
    assert all(
        (tmp_path / "mine" / name).read_bytes() == (tmp_path / "theirs" / name).read_bytes()
        for name in files
    )


def test_it_loads_the_courses_gpt_and_says_the_same(written, tmp_path):
    model, tokenizer = checkpoint.load_model(BASE_MODEL)
    mine, my_tokenizer = written.load_model(BASE_MODEL)
    text = "One day a fox found a key. "
    token_ids = my_tokenizer.encode(text)
    assert token_ids == tokenizer.encode(text)
    expected = list(generate.generate(model, torch.tensor([token_ids]), 30))
    assert list(written.generate(mine, token_ids, 30)) == [int(each) for each in expected]
    said = "".join(written.continuation(mine, my_tokenizer, text, 30, temperature=0))
    assert text + said == generate.complete(model, tokenizer, text, 30)


@pytest.mark.parametrize(
    "options", [{}, {"temperature": 0.3}, {"top_k": 5}, {"top_p": 0.6}, {"top_k": 40, "top_p": 0.9}]
)
def test_it_draws_as_helpers_does(written, options):
    torch.manual_seed(4)
    for scores in (torch.randn(300), 200 * torch.randn(300), torch.zeros(4)):
        expected = generate.next_token_probabilities(scores, **options)
        got = written.next_token_probabilities(scores, **options)
        assert torch.allclose(got, expected, atol=1e-6) or len(scores) == 4  # equals are a choice
        assert abs(got.sum() - 1) < 1e-5
    model = GPT(config.PRESETS["tiny"]).eval()
    mine = written.GPT(written.GPTConfig(**asdict(model.config))).eval()
    written.load_weights(mine, dict(model.named_parameters()))
    options = {"temperature": 1.0} | options
    start = torch.tensor([[3, 1, 4]])
    theirs = [int(i) for i in generate.generate(model, start, 20, **options, seed=6)]
    torch.manual_seed(6)
    assert list(written.generate(mine, [3, 1, 4], 20, **options)) == theirs


def test_sampling_that_makes_no_sense_is_refused(written):
    for wrong in (
        {"temperature": -1},
        {"top_k": -2},
        {"top_p": 1.5},
        {"top_p": -0.1},
        {"min_p": 2},
    ):
        with pytest.raises(ValueError, match="min-p over 0"):
            written.next_token_probabilities(torch.zeros(3), **wrong)


def test_min_p_keeps_what_is_likely_beside_the_best(written):
    logits = torch.tensor([0.0, -1.0, -3.0])
    found = written.next_token_probabilities(logits, min_p=0.3)
    assert torch.allclose(found, torch.tensor([1.0, torch.e**-1, 0.0]) / (1 + torch.e**-1))


def test_past_the_context_it_goes_on_as_helpers_does(written):
    torch.manual_seed(2)
    model = GPT(replace(config.PRESETS["tiny"], context_length=12)).eval()
    mine = written.GPT(written.GPTConfig(**asdict(model.config))).eval()
    written.load_weights(mine, dict(model.named_parameters()))
    start = [3, 1, 4, 1, 5]
    expected = [int(each) for each in generate.generate(model, torch.tensor([start]), 20)]
    assert list(written.generate(mine, start, 20)) == expected


def test_checkpoints_go_both_ways_and_training_goes_on(written, story, tmp_path):
    settings = replace(config.PRESETS["tiny"], vocab_size=300)
    ids = BPETokenizer.train(story, 300).encode(story)[:5000]
    my_config = written.TrainConfig(12, 8, 3e-3, 4, evaluate_every=6)

    def new():
        torch.manual_seed(3)
        model = written.GPT(written.GPTConfig(**asdict(settings)))
        return model, written.AdamW(model, my_config.weight_decay)

    model, optimizer = new()
    whole = written.train(model, optimizer, (ids, ids[:200]), my_config, folder=tmp_path)
    assert [path.name for path in written.checkpoints(tmp_path)] == [
        "step-00000006",
        "step-00000012",
    ]
    place = tmp_path / "step-00000006"
    resumed, optimizer = new()
    state = written.load_checkpoint(place, resumed, optimizer)
    assert written.train(resumed, optimizer, (ids, ids[:200]), my_config, state) == whole
    theirs = GPT(settings)  # and the same checkpoint in helpers, which writes it again
    theirs_optimizer = train.create_optimizer(theirs)
    state = checkpoint.load_checkpoint(place, theirs, theirs_optimizer)
    again = checkpoint.save_checkpoint(tmp_path / "again", theirs, theirs_optimizer, state)
    for name in checkpoint.FILES:
        assert (again / name).read_bytes() == (place / name).read_bytes()
    resumed, optimizer = new()
    state = written.load_checkpoint(again, resumed, optimizer)
    assert written.train(resumed, optimizer, (ids, ids[:200]), my_config, state) == whole
    (again / "model.safetensors").write_bytes(b"")
    with pytest.raises(ValueError, match="damaged"):
        written.load_checkpoint(again, resumed, optimizer)


HARD = [
    "Hello, world!",
    "  two  spaces\n\n\ttabs ",
    "naïve café, 12,345 %",
    "日本語 and emoji 🦊",
    "I'll say: it's theirs' o'clock",
    "def f(x):\n    return x ** 2  # !!\r\n",
    "",
    " ",
]


@pytest.mark.skipif(not available("gpt2-vocabulary"), reason="needs gpt2-vocabulary")
def test_on_gpt2s_vocabulary_it_gives_tiktokens_ids(written, tmp_path, story):
    encoding = gpt2_encoding()
    theirs = BPETokenizer.from_tiktoken(encoding)
    ordinary = {i: t for i, t in theirs.vocab.items() if i not in theirs.special_tokens.values()}
    BPETokenizer(ordinary, theirs.merges, theirs.special_tokens).save(tmp_path / "tokenizer.json")
    mine = written.load_tokenizer(tmp_path / "tokenizer.json")
    assert type(mine) is written.BytePairTokenizer
    for text in [*HARD, story]:
        ids = encoding.encode(text)
        assert mine.encode(text) == ids and mine.decode(ids) == text
    text = "one<|endoftext|>two"
    assert mine.encode(text, {"<|endoftext|>"}) == encoding.encode(text, allowed_special="all")
    with pytest.raises(ValueError, match="endoftext"):
        mine.encode(text)


def test_a_tokenizer_with_another_split_keeps_it(written, tmp_path):
    theirs = BPETokenizer.train("low-er low-er", 265, pattern=r"\S+|\s+")
    theirs.save(tmp_path / "theirs.json")
    mine = written.load_tokenizer(tmp_path / "theirs.json")
    text = "low-er lower<|endoftext|>"
    assert mine.encode(text, {"<|endoftext|>"}) == theirs.encode(text, "all")
    written.save_tokenizer(mine, tmp_path / "mine.json")
    assert (tmp_path / "mine.json").read_bytes() == (tmp_path / "theirs.json").read_bytes()


def test_a_tokenizer_that_numbers_otherwise_is_refused(written, tmp_path):
    path = tmp_path / "tokenizer.json"
    BPETokenizer.train("low lower", 260).save(path)
    path.write_text(path.read_text("utf-8").replace(": 256", ": 999"), "utf-8")
    with pytest.raises(ValueError, match="another way"):
        written.load_tokenizer(path)
