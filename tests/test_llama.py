"""Llama: each part by hand, its cache, and the logits of transformers' Llama, Qwen 2 and Qwen 3."""

import dataclasses
import json
import math

import pytest
import torch
from safetensors.torch import save_file
from torch.testing import assert_close

from helpers.attention import MultiHeadAttention
from helpers.config import GPTConfig
from helpers.fast import speed_up
from helpers.generate import generate
from helpers.kv_cache import KVCache
from helpers.llama import Llama, LlamaConfig, load_llama
from helpers.llama.config import linear_divisors, llama3_divisors, rope_frequencies
from helpers.llama.load import SAFETENSORS, config_from_hf, theirs
from helpers.llama.model import GroupedQueryAttention, RMSNorm, SwiGLU, rotary_angles, rotate

SMALL = LlamaConfig(
    vocab_size=50,
    context_length=40,
    embedding_dim=24,
    hidden_dim=40,
    n_heads=6,
    n_layers=3,
    n_kv_heads=2,
    rope_base=1000.0,
)


def small(**changes):
    torch.manual_seed(0)
    return all_random(Llama(dataclasses.replace(SMALL, **changes)))


def all_random(model):
    """Scales and biases are trivial in a fresh model, and its matrices too small to show a mix-up."""
    with torch.no_grad():
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, float(parameter.ndim == 1), 0.2)
    return model.eval()


# --- the parts ----------------------------------------------------------------------------------


def test_rms_norm_by_hand():
    norm = RMSNorm(3, epsilon=0.0)
    norm.scale.data = torch.tensor([1.0, 2.0, 3.0])
    x = torch.tensor([2.0, -2.0, 4.0])  # mean square 8
    assert_close(norm(x), torch.tensor([2.0, -4.0, 12.0]) / math.sqrt(8))


def test_a_query_and_a_key_know_only_how_far_apart_they_are():
    cosines, sines = rotary_angles(SMALL, past=0, length=20)
    query, key = torch.randn(2, 1, SMALL.head_dim)
    queries, keys = (rotate(x.expand(20, -1), cosines, sines) for x in (query, key))
    products = queries @ keys.T
    for distance in (0, 3, 11):
        along = products.diagonal(-distance)
        assert_close(along, along[:1].expand_as(along), atol=1e-4, rtol=0)
    assert not torch.allclose(products[0, 0], products[11, 0], atol=1e-2)  # the control


def test_rotation_is_the_product_of_complex_numbers():
    cosines, sines = rotary_angles(SMALL, past=5, length=7)
    x = torch.randn(7, SMALL.head_dim)
    pairs = torch.complex(*x.chunk(2, dim=-1)) * torch.complex(cosines, sines)
    assert_close(rotate(x, cosines, sines), torch.cat([pairs.real, pairs.imag], dim=-1))


def test_angles_after_earlier_tokens_go_on():
    whole, rest = (rotary_angles(SMALL, past, 10 - past)[1] for past in (0, 6))
    assert torch.equal(whole[6:], rest)


def test_swiglu_by_hand():
    layer = SwiGLU(LlamaConfig(10, 8, embedding_dim=1, hidden_dim=1, n_heads=1, n_kv_heads=1,
                               n_layers=1, head_size=2))  # fmt: skip
    for name, value in (("gate", 2.0), ("expand", 3.0), ("project", 5.0)):
        getattr(layer, name).weight.data.fill_(value)
    x = 0.5
    gate = 2 * x / (1 + math.exp(-2 * x))
    assert layer(torch.tensor([[x]])).item() == pytest.approx(5 * gate * 3 * x)


def test_without_rotation_it_is_the_attention_of_gpt():
    """At position 0 nothing turns; so with angles of 0 both modules are the same."""
    ours = GroupedQueryAttention(SMALL)
    gpts = MultiHeadAttention(
        GPTConfig(50, 40, 24, 6, 3, n_kv_heads=2, qkv_bias=False, dropout=0.0)
    )
    gpts.load_state_dict(ours.state_dict(), strict=False)
    gpts.output.bias.data.zero_()
    x, still = torch.randn(2, 9, 24), (torch.ones(9, 2), torch.zeros(9, 2))
    assert_close(ours(x, still), gpts(x))
    assert not torch.allclose(ours(x, rotary_angles(SMALL, 0, 9)), gpts(x), atol=1e-3)


def test_attention_weights_give_the_context():
    model = small()
    ids = torch.randint(50, (2, 7))
    weights = model.attention_weights(ids)
    assert len(weights) == 3 and weights[0].shape == (2, 6, 7, 7)
    assert_close(weights[1].sum(-1), torch.ones(2, 6, 7))
    block, x, angles = model.blocks[0], model.token_embedding(ids), model.angles(ids)
    normed = block.norm_attention(x)
    _, _, values = block.attention.project(normed, angles)
    context = weights[0] @ block.attention.for_every_head(values)
    mixed = block.attention.output(context.transpose(1, 2).flatten(2))
    assert_close(mixed, block.attention(normed, angles))


# --- the whole ----------------------------------------------------------------------------------


KINDS = [{}, {"qkv_bias": True}, {"qk_norm": True}, {"tie_weights": False}, {"head_size": 10}]


@pytest.mark.parametrize("changes", KINDS)
def test_the_cache_changes_nothing(changes):
    model = small(**changes)
    ids = torch.randint(50, (2, 20))
    cache, pieces = KVCache(model.config, 2), []
    with torch.no_grad():
        for part in ids.split([7, 1, 5, 1, 6], dim=1):
            pieces.append(model(part, cache))
        assert_close(torch.cat(pieces, dim=1), model(ids), atol=1e-4, rtol=1e-4)


def test_it_generates_the_same_with_and_without_a_cache_and_past_its_context():
    model, start = small(), torch.randint(50, (2, 30))
    texts = [
        torch.stack(list(generate(model, start, 20, use_cache=use_cache)))
        for use_cache in (True, False)
    ]
    assert torch.equal(*texts) and len(texts[0]) == 20


def test_what_is_later_changes_nothing_before():
    model, ids = small(), torch.randint(50, (1, 12))
    other = ids.clone()
    other[0, 8] = (other[0, 8] + 1) % 50
    with torch.no_grad():
        first, second = model(ids), model(other)
    assert_close(first[:, :8], second[:, :8])
    assert not torch.allclose(first[:, 8:], second[:, 8:], atol=1e-3)


def test_too_long_a_text_is_refused():
    with pytest.raises(ValueError, match="41 tokens are more than the context length 40"):
        small()(torch.zeros(1, 41, dtype=torch.long))


def test_it_learns():
    torch.manual_seed(0)
    model = Llama(SMALL)
    ids = torch.randint(50, (4, 20))
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3)
    losses = []
    for _ in range(120):
        logits = model(ids[:, :-1])
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[0] == pytest.approx(math.log(50), abs=0.2) and losses[-1] < 0.5


def test_speed_up_changes_no_logits():
    model, ids = small(), torch.randint(50, (1, 12))
    with torch.no_grad():
        before = model(ids)
        assert_close(speed_up(model, generation=True)(ids), before, atol=1e-4, rtol=1e-4)


def test_llama_31_is_counted_exactly():
    """The sizes that Meta gives: 8.03, 70.55 and 405.85 billion parameters."""
    shapes = {
        8_030_261_248: (4096, 14336, 32, 32),
        70_553_706_496: (8192, 28672, 64, 80),
        405_853_388_800: (16384, 53248, 128, 126),
    }
    for n_parameters, (width, hidden, heads, layers) in shapes.items():
        config = LlamaConfig(
            128256, 131072, width, hidden, heads, layers, 8, rope_base=5e5, tie_weights=False
        )
        with torch.device("meta"):
            assert Llama(config).n_parameters() == n_parameters


# --- the configuration --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes, error",
    [
        ({"n_layers": 0}, ValueError),
        ({"n_heads": 5}, ValueError),
        ({"n_kv_heads": 4}, ValueError),
        ({"head_size": 3}, ValueError),
        ({"hidden_dim": 1.5}, TypeError),
        ({"qk_norm": 1}, TypeError),
        ({"rope_base": "big"}, TypeError),
        ({"rope_divisors": (1.0,)}, ValueError),
        ({"rope_divisors": (1.0, 0.0)}, ValueError),
        ({"norm_epsilon": -1.0}, ValueError),
    ],
)
def test_impossible_sizes_are_refused(changes, error):
    with pytest.raises(error, match=next(iter(changes))):
        dataclasses.replace(SMALL, **changes)


def test_linear_scaling_is_the_angle_of_an_earlier_position():
    scaled = dataclasses.replace(SMALL, rope_divisors=linear_divisors(SMALL.head_dim, 4.0))
    assert_close(rotary_angles(scaled, 8, 1), rotary_angles(SMALL, 2, 1))


def test_llama3_scaling_keeps_fast_pairs_and_slows_slow_ones():
    divisors = llama3_divisors(128, 500_000.0, 8.0, 1.0, 4.0, 8192)
    turns = [8192 * f / (2 * math.pi) for f in rope_frequencies(128, 500_000.0)]
    assert all(d == 1 for d, n in zip(divisors, turns, strict=True) if n >= 4)
    assert all(d == pytest.approx(8) for d, n in zip(divisors, turns, strict=True) if n <= 1)
    between = [d for d, n in zip(divisors, turns, strict=True) if 1 < n < 4]
    assert between and all(1 < d < 8 for d in between) and between == sorted(between)


# --- against transformers -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def transformers():
    module = pytest.importorskip(
        "transformers", reason="compares with transformers, an optional extra"
    )
    module.utils.logging.disable_progress_bar()
    return module


SIZES = {
    "vocab_size": 60,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
}
LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 10_000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}
LINEAR = {"rope_type": "linear", "rope_theta": 10_000.0, "factor": 4.0}
SUPPORTED = {
    "llama": ("Llama", {}),
    "tied": ("Llama", {"tie_word_embeddings": True}),
    "every head its own": ("Llama", {"num_key_value_heads": 4}),
    "one head of keys": ("Llama", {"num_key_value_heads": 1}),
    "wide heads": ("Llama", {"head_dim": 16}),
    "rope base": ("Llama", {"rope_parameters": {"rope_type": "default", "rope_theta": 5e5}}),
    "llama 3.1": ("Llama", {"rope_parameters": LLAMA3}),
    "linear": ("Llama", {"rope_parameters": LINEAR}),
    "qwen 2": ("Qwen2", {}),
    "qwen 2 tied": ("Qwen2", {"tie_word_embeddings": True}),
    "qwen 3": ("Qwen3", {"head_dim": 16}),
    "qwen 3 tied": ("Qwen3", {"head_dim": 8, "tie_word_embeddings": True}),
}


def make_theirs(transformers, kind, settings):
    torch.manual_seed(1)
    config = getattr(transformers, f"{kind}Config")(**(SIZES | settings))
    return all_random(getattr(transformers, f"{kind}ForCausalLM")(config))


@pytest.mark.parametrize("case", SUPPORTED)
@pytest.mark.parametrize("shard_size", [None, "20KB"])
def test_logits_equal_transformers(transformers, tmp_path, case, shard_size):
    theirs = make_theirs(transformers, *SUPPORTED[case])
    theirs.save_pretrained(tmp_path, **({"max_shard_size": shard_size} if shard_size else {}))
    assert (len(list(tmp_path.glob("*.safetensors"))) > 1) == bool(shard_size)
    model = load_llama(tmp_path)
    assert model.n_parameters() == theirs.num_parameters()
    token_ids = torch.randint(60, (2, 200))  # past the original context of the scaled ones
    with torch.no_grad():
        assert_close(model(token_ids), theirs(token_ids).logits, atol=1e-4, rtol=0)
    new = torch.stack(list(generate(model, token_ids[:, :20], 30)), dim=1)
    theirs.generation_config.eos_token_id = None
    start = {"input_ids": token_ids[:, :20], "attention_mask": torch.ones(2, 20)}
    greedy = theirs.generate(**start, max_new_tokens=30, do_sample=False, pad_token_id=0)
    assert torch.equal(new, greedy[:, 20:])


def test_the_old_names_of_settings_mean_the_same(transformers, tmp_path):
    theirs = make_theirs(transformers, "Llama", {"rope_parameters": LLAMA3})
    theirs.save_pretrained(tmp_path)
    settings = json.loads((tmp_path / "config.json").read_text())
    rope = settings.pop("rope_parameters")
    old = settings | {"rope_theta": rope.pop("rope_theta"), "rope_scaling": rope}
    old["rope_scaling"]["type"] = old["rope_scaling"].pop("rope_type")
    assert config_from_hf(old) == load_llama(tmp_path).config


def test_gradients_equal_transformers(transformers, tmp_path):
    reference = make_theirs(transformers, "Qwen3", {"head_dim": 16})
    reference.save_pretrained(tmp_path)
    model, token_ids = load_llama(tmp_path), torch.randint(60, (2, 15))
    logits = model(token_ids)[:, :-1]
    torch.nn.functional.cross_entropy(logits.flatten(0, 1), token_ids[:, 1:].flatten()).backward()
    reference(token_ids, labels=token_ids).loss.backward()
    gradients = {n.removeprefix("model."): p.grad for n, p in reference.named_parameters()}
    for name, parameter in model.named_parameters():
        assert_close(parameter.grad, gradients[theirs(name, SAFETENSORS)], atol=1e-5, rtol=1e-3)


# --- folders that are not right -----------------------------------------------------------------


HF_SETTINGS = {
    "model_type": "llama",
    "vocab_size": 50,
    "hidden_size": 24,
    "intermediate_size": 40,
    "num_hidden_layers": 3,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "max_position_embeddings": 40,
    "rms_norm_eps": 1e-5,
    "rope_theta": 1000.0,
    "tie_word_embeddings": True,
}


def write_folder(folder, model, change=None, settings=None):
    """A folder in Hugging Face's format; `change` may spoil its tensors."""
    tensors = {
        f"model.{theirs(name, SAFETENSORS)}": parameter.detach().clone()
        for name, parameter in model.named_parameters()
    }
    if change:
        change(tensors)
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(HF_SETTINGS | (settings or {})))
    save_file(tensors, folder / "model.safetensors")
    return folder


def test_a_folder_is_read_without_transformers(tmp_path):
    model = small()
    again = load_llama(write_folder(tmp_path, model))
    assert again.config == model.config and not again.training
    assert all(
        torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters(), strict=True)
    )
    assert again.output_head.weight is again.token_embedding.weight


def test_a_repeated_tied_head_is_accepted_and_another_one_refused(tmp_path):
    def repeat(tensors):
        tensors["lm_head.weight"] = tensors["model.embed_tokens.weight"].clone()

    def differ(tensors):
        tensors["lm_head.weight"] = tensors["model.embed_tokens.weight"] + 1

    load_llama(write_folder(tmp_path, small(), repeat))
    with pytest.raises(ValueError, match="lm_head.weight .*ties them"):
        load_llama(write_folder(tmp_path, small(), differ))


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda t: t.pop("model.layers.1.mlp.up_proj.weight"), "layers.1.mlp.up_proj.*is missing"),
        (lambda t: t.pop("model.layers.2.input_layernorm.weight"), "3 layers"),
        (lambda t: t.update(extra=torch.zeros(2)), r"tensor extra of shape \(2,\) does not belong"),
        (
            lambda t: t.update({"model.norm.weight": torch.zeros(25)}),
            r"norm.weight has shape \(25,\); the model needs \(24,\)",
        ),
        (
            lambda t: t.update({"model.norm.weight": torch.zeros(24, dtype=torch.int8)}),
            "final_norm.scale holds torch.int8",
        ),
    ],
)
def test_wrong_tensors_are_named(tmp_path, change, words):
    with pytest.raises(ValueError, match=words):
        load_llama(write_folder(tmp_path, small(), change))


@pytest.mark.parametrize(
    "settings, words",
    [
        ({"model_type": "mistral"}, "model_type is 'mistral'"),
        ({"hidden_act": "gelu"}, "hidden_act is 'gelu'"),
        ({"attention_bias": True}, "attention_bias is True"),
        ({"mlp_bias": True}, "mlp_bias"),
        ({"use_sliding_window": True}, "use_sliding_window"),
        ({"layer_types": ["full_attention", "sliding_attention"]}, "layer_types"),
        ({"layer_types": 3}, "layer_types"),
        ({"quantization_config": {"bits": 4}}, "quantization_config"),
        ({"rope_scaling": {"rope_type": "yarn", "factor": 2.0}}, "'yarn'"),
        ({"rope_scaling": {"rope_type": "llama3", "factor": 2.0}}, "low_freq_factor"),
        ({"rope_scaling": {"rope_type": "linear", "factor": 0}}, "rope_divisors"),
        ({"rope_scaling": {"rope_type": "linear", "factor": "two"}}, "rope_divisors"),
        ({"rope_scaling": 4}, "rope_scaling"),
        ({"hidden_size": None}, "embedding_dim"),
        ({"hidden_size": "wide"}, "embedding_dim"),
        ({"num_hidden_layers": 10_000}, "10000 layers"),
        ({"num_hidden_layers": 10**12}, "n_layers"),
        ({"tie_word_embeddings": False}, "lm_head.weight of shape .* is missing"),
    ],
)
def test_what_the_config_asks_for_in_vain_is_named(tmp_path, settings, words):
    with pytest.raises(ValueError, match=words):
        load_llama(write_folder(tmp_path, small(), settings=settings))


def test_missing_and_damaged_files(tmp_path):
    with pytest.raises(FileNotFoundError, match="no config.json"):
        load_llama(tmp_path)
    folder = write_folder(tmp_path, small())
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(ValueError, match="truncated"):
        load_llama(folder)
    file.unlink()
    with pytest.raises(FileNotFoundError, match="neither"):
        load_llama(folder)


def test_every_name_has_its_place(tmp_path):
    """The map of names covers a model with everything in it, and no two names collide."""
    model = small(qkv_bias=True, qk_norm=True, tie_weights=False)
    names = {theirs(name, format_number) for name in model.state_dict() for format_number in (0, 1)}
    assert len(names) == 2 * len(model.state_dict())
