"""GPT-2's weights: the same logits as transformers', and a refusal of everything that differs."""

import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.testing import assert_close

from helpers import pretrained
from helpers.config import PRESETS, GPTConfig
from helpers.model import GPT
from helpers.pretrained import config_from_gpt2, gpt2_shapes, load_gpt2
from helpers.texts import available

SETTINGS = {"vocab_size": 30, "n_positions": 10, "n_embd": 8, "n_head": 2, "n_layer": 2}
SMALL = config_from_gpt2(SETTINGS)
SIZES = [name for name in PRESETS if name.startswith("gpt2")]


@pytest.fixture(scope="module")
def transformers():
    module = pytest.importorskip(
        "transformers", reason="compares with transformers, an optional extra"
    )
    module.utils.logging.disable_progress_bar()
    return module


def random_tensors(config, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return {
        name: torch.randn(shape, generator=generator) for name, shape in gpt2_shapes(config).items()
    }


def write_model(folder, tensors, settings=SETTINGS):
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(settings))
    save_file({name: t.contiguous() for name, t in tensors.items()}, folder / "model.safetensors")
    return folder


def write_shards(folder, tensors, n_shards=3):
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(SETTINGS))
    places = {name: f"part-{number % n_shards}.safetensors" for number, name in enumerate(tensors)}
    for file in set(places.values()):
        save_file({name: tensors[name] for name in tensors if places[name] == file}, folder / file)
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": places}))
    return folder


def assert_same(model, other):
    mine, theirs = model.state_dict(), other.state_dict()
    assert mine.keys() == theirs.keys()
    assert all(torch.equal(mine[name], theirs[name]) for name in mine)


# Against transformers


def all_random(model):
    """Biases and normalizations are trivial in a fresh model: a mix-up there would not show."""
    for name, parameter in model.named_parameters():
        if parameter.ndim == 1:
            is_scale = "ln_" in name and name.endswith("weight")
            torch.nn.init.normal_(parameter, mean=1.0 if is_scale else 0.0, std=0.1)
    return model.eval()


@pytest.mark.slow
@pytest.mark.parametrize("shard_size", [None, "120MB"])
@pytest.mark.parametrize("name", SIZES)
def test_logits_equal_transformers(transformers, tmp_path, name, shard_size):
    """The four widths with two layers each: as one file, and as shards."""
    config = replace(PRESETS[name], n_layers=2)
    torch.manual_seed(0)
    theirs = all_random(
        transformers.GPT2LMHeadModel(
            transformers.GPT2Config(
                n_embd=config.embedding_dim, n_head=config.n_heads, n_layer=config.n_layers
            )
        )
    )
    theirs.save_pretrained(tmp_path, **({"max_shard_size": shard_size} if shard_size else {}))
    n_files = len(list(tmp_path.glob("*.safetensors")))
    assert n_files > 1 if shard_size else n_files == 1
    model = load_gpt2(tmp_path)
    assert model.config == config
    assert model.n_parameters() == theirs.num_parameters()
    token_ids = torch.randint(config.vocab_size, (2, 20))
    with torch.no_grad():
        assert_close(model(token_ids), theirs(token_ids).logits, atol=1e-5, rtol=0)


def small_transformers(transformers, **settings):
    torch.manual_seed(1)
    config = transformers.GPT2Config(
        **(SETTINGS | settings), resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0
    )
    return all_random(transformers.GPT2LMHeadModel(config))


@pytest.mark.parametrize("tied", [True, False])
def test_gradients_equal_transformers(transformers, tmp_path, tied):
    """Dropout is off, so the loss and the gradient of every weight can be compared."""
    theirs = small_transformers(transformers, tie_word_embeddings=tied)
    theirs.save_pretrained(tmp_path)
    model = load_gpt2(tmp_path)
    token_ids = torch.randint(30, (3, 10))
    loss = torch.nn.functional.cross_entropy(
        model(token_ids)[:, :-1].flatten(0, 1), token_ids[:, 1:].flatten()
    )
    loss.backward()
    reference = theirs(token_ids, labels=token_ids).loss
    reference.backward()
    assert_close(loss, reference)
    gradients = {n.removeprefix("transformer."): p.grad for n, p in theirs.named_parameters()}
    expected = pretrained.convert_gpt2(gradients, model.config)
    for name, parameter in model.named_parameters():
        assert_close(parameter.grad, expected[name], atol=1e-6, rtol=1e-4)


def test_the_model_without_its_head_loads_too(transformers, tmp_path):
    """`GPT2Model` writes the names without the `transformer.` prefix."""
    theirs = small_transformers(transformers)
    theirs.transformer.save_pretrained(tmp_path / "bare")
    theirs.save_pretrained(tmp_path / "whole")
    names = [set(load_file(tmp_path / kind / "model.safetensors")) for kind in ("bare", "whole")]
    assert "wte.weight" in names[0] and "transformer.wte.weight" in names[1]
    assert_same(load_gpt2(tmp_path / "bare"), load_gpt2(tmp_path / "whole"))


# By hand


def test_a_transposed_matrix_by_hand(tmp_path):
    """Conv1D computes x @ weight + bias; our Linear must give the same for each third."""
    tensors = random_tensors(SMALL)
    model = load_gpt2(write_model(tmp_path, tensors))
    x = torch.randn(4, 8)
    packed = x @ tensors["h.1.attn.c_attn.weight"] + tensors["h.1.attn.c_attn.bias"]
    attention = model.blocks[1].attention
    for layer, part in zip(
        (attention.query, attention.key, attention.value), packed.split(8, dim=-1), strict=True
    ):
        assert_close(layer(x), part)
    assert torch.equal(model.blocks[0].norm_feed_forward.shift, tensors["h.0.ln_2.bias"])
    assert torch.equal(model.final_norm.scale, tensors["ln_f.weight"])


def test_one_file_and_shards_give_the_same_model(tmp_path):
    tensors = random_tensors(SMALL)
    one = load_gpt2(write_model(tmp_path / "one", tensors))
    assert_same(one, load_gpt2(write_shards(tmp_path / "shards", tensors)))


def test_old_masks_prefixes_and_a_repeated_head_are_accepted(tmp_path):
    tensors = random_tensors(SMALL)
    plain = load_gpt2(write_model(tmp_path / "plain", tensors))
    old = {f"transformer.{name}": tensor for name, tensor in tensors.items()}
    old["transformer.h.0.attn.bias"] = torch.ones(1, 1, 10, 10)
    old["transformer.h.1.attn.masked_bias"] = torch.tensor(-1e4)
    old["lm_head.weight"] = tensors["wte.weight"].clone()
    assert_same(plain, load_gpt2(write_model(tmp_path / "old", old)))


def test_the_model_is_ready_to_use_and_to_train(tmp_path):
    folder = write_model(tmp_path, random_tensors(SMALL))
    model = load_gpt2(folder)
    assert not model.training
    assert model.output_head.weight is model.token_embedding.weight
    assert all(p.is_contiguous() and p.requires_grad for p in model.parameters())
    stored = [p.untyped_storage().data_ptr() for p in model.parameters()]
    assert len(set(stored)) == len(stored)  # no two share memory, so each can be saved
    model(torch.tensor([[1, 2, 3]])).sum().backward()
    with torch.no_grad():
        model.token_embedding.weight.zero_()  # the file is not touched by it
    assert load_gpt2(folder).token_embedding.weight.abs().sum() > 0


def test_half_precision_weights_become_what_is_asked_for(tmp_path):
    tensors = random_tensors(SMALL)
    folder = write_model(tmp_path, {name: t.to(torch.float16) for name, t in tensors.items()})
    assert {p.dtype for p in load_gpt2(folder).parameters()} == {torch.float32}
    assert {p.dtype for p in load_gpt2(folder, torch.bfloat16).parameters()} == {torch.bfloat16}
    expected = tensors["wpe.weight"].half().float()
    assert torch.equal(load_gpt2(folder).position_embedding.weight, expected)


def test_a_name_is_looked_up_in_the_data_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("LLM_COURSE_DATA", str(tmp_path))
    write_model(tmp_path / "my-gpt2", random_tensors(SMALL))
    assert load_gpt2("my-gpt2").config == SMALL


def test_the_cached_download_is_found_by_its_name(tmp_path, monkeypatch):
    monkeypatch.setenv("LLM_COURSE_DATA", str(tmp_path))
    write_model(tmp_path / "gpt2", random_tensors(SMALL))
    assert load_gpt2("gpt2-weights").config == SMALL


# What does not fit


def bad_model(tmp_path, **changes):
    tensors = random_tensors(SMALL)
    for name, change in changes.items():
        if change is None:
            del tensors[name]
        else:
            tensors[name] = change
    return write_model(tmp_path, tensors)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"h.1.mlp.c_fc.weight": torch.zeros(32, 8)},
            r"tensor h\.1\.mlp\.c_fc\.weight has shape \(32, 8\); the model needs \(8, 32\)",
        ),
        (
            {"wte.weight": torch.zeros(31, 8)},
            r"tensor wte\.weight has shape \(31, 8\); the model needs \(30, 8\)",
        ),
        ({"ln_f.bias": None}, r"tensor ln_f\.bias of shape \(8,\) is missing"),
        (
            {"h.2.ln_1.weight": torch.zeros(8)},
            r"tensor h\.2\.ln_1\.weight of shape \(8,\) does not belong to the model",
        ),
        (
            {"lm_head.weight": torch.zeros(30, 8)},
            r"tensor lm_head\.weight of shape \(30, 8\) is not wte\.weight of shape \(30, 8\)",
        ),
        ({"lm_head.weight": torch.zeros(31, 8)}, r"lm_head\.weight of shape \(31, 8\) is not"),
    ],
)
def test_a_tensor_that_does_not_fit_is_named_with_both_shapes(tmp_path, changes, message):
    with pytest.raises(ValueError, match=message):
        load_gpt2(bad_model(tmp_path, **changes))


def test_an_untied_model_needs_its_head(tmp_path):
    settings = SETTINGS | {"tie_word_embeddings": False}
    with pytest.raises(ValueError, match=r"lm_head\.weight of shape \(30, 8\) is missing"):
        load_gpt2(write_model(tmp_path, random_tensors(SMALL), settings))


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("model_type", "llama"),
        ("activation_function", "relu"),
        ("layer_norm_epsilon", 1e-6),
        ("scale_attn_weights", False),
        ("scale_attn_by_inverse_layer_idx", True),
        ("add_cross_attention", True),
        ("n_inner", 100),
    ],
)
def test_a_setting_that_our_model_does_not_have_is_refused(setting, value):
    with pytest.raises(ValueError, match=f"{setting} is {value!r}; this model has"):
        config_from_gpt2(SETTINGS | {setting: value})


def test_missing_sizes_are_named():
    with pytest.raises(ValueError, match="config.json has no n_embd, n_layer"):
        config_from_gpt2({"vocab_size": 3, "n_positions": 4, "n_head": 1})


def test_config_from_the_published_settings():
    published = {
        "activation_function": "gelu_new", "attn_pdrop": 0.1, "embd_pdrop": 0.1, "n_ctx": 1024,
        "layer_norm_epsilon": 1e-05, "model_type": "gpt2", "n_embd": 768, "n_head": 12,
        "n_layer": 12, "n_positions": 1024, "resid_pdrop": 0.1, "vocab_size": 50257,
    }  # fmt: skip
    assert config_from_gpt2(published) == GPTConfig()


def test_missing_files_say_which(tmp_path, monkeypatch):
    monkeypatch.setenv("LLM_COURSE_DATA", str(tmp_path / "data"))
    with pytest.raises(FileNotFoundError, match="no folder 'gpt5' with a config.json"):
        load_gpt2("gpt5")
    (tmp_path / "config.json").write_text(json.dumps(SETTINGS))
    with pytest.raises(FileNotFoundError, match="neither model.safetensors nor model.safeten"):
        load_gpt2(tmp_path)


def test_a_missing_or_outside_shard_is_named(tmp_path):
    folder = write_shards(tmp_path / "model", random_tensors(SMALL))
    (folder / "part-1.safetensors").rename(tmp_path / "elsewhere.safetensors")
    with pytest.raises(FileNotFoundError, match="index.json names 'part-1.safetensors'"):
        load_gpt2(folder)
    index = folder / "model.safetensors.index.json"
    index.write_text(index.read_text().replace("part-1", "../elsewhere"))
    with pytest.raises(FileNotFoundError, match="names '../elsewhere.safetensors'"):
        load_gpt2(folder)


def test_a_shard_that_lacks_a_tensor_is_refused(tmp_path):
    tensors = random_tensors(SMALL)
    folder = write_shards(tmp_path, tensors)
    part = load_file(folder / "part-0.safetensors")
    name = next(iter(part))
    del part[name]
    save_file(part, folder / "part-0.safetensors")
    with pytest.raises(ValueError, match=f"tensor {name} of shape .* is missing"):
        load_gpt2(folder)


@pytest.mark.parametrize("content", [b"", b"not a safetensors file at all", b"\xff" * 64])
def test_a_damaged_file_is_named(tmp_path, content):
    folder = write_model(tmp_path, random_tensors(SMALL))
    (folder / "model.safetensors").write_bytes(content)
    with pytest.raises(ValueError, match="model.safetensors is truncated"):
        load_gpt2(folder)


def test_a_file_cut_short_is_refused(tmp_path):
    path = write_model(tmp_path, random_tensors(SMALL)) / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match="model.safetensors is truncated"):
        load_gpt2(tmp_path)


@pytest.mark.parametrize("file", ["config.json", "model.safetensors.index.json"])
def test_a_damaged_json_is_named(tmp_path, file):
    folder = write_shards(tmp_path, random_tensors(SMALL))
    (folder / file).write_text("{")
    with pytest.raises(ValueError, match=f"{file} is damaged or not JSON"):
        load_gpt2(folder)


# With the real weights


@pytest.mark.slow
def test_the_real_weights(transformers, capsys):
    if not available("gpt2-weights"):
        pytest.skip("needs gpt2-weights: python3 course.py data gpt2-weights")
    model = load_gpt2("gpt2-weights")
    assert model.config == PRESETS["gpt2-small"] and model.n_parameters() == 124_439_808
    folder = pretrained._find_folder("gpt2-weights")
    theirs = transformers.GPT2LMHeadModel.from_pretrained(folder).eval()
    token_ids = torch.tensor([[15496, 11, 314, 716]])  # "Hello, I am"
    with torch.no_grad():
        assert_close(model(token_ids), theirs(token_ids).logits, atol=1e-3, rtol=1e-5)


def test_an_own_model_can_be_written_for_it(tmp_path):
    """gpt2_shapes is a contract: what it lists is what is read, no more and no less."""
    tensors = random_tensors(SMALL)
    model = load_gpt2(write_model(tmp_path, tensors))
    assert isinstance(model, GPT)
    assert sum(t.numel() for t in tensors.values()) == model.n_parameters()
