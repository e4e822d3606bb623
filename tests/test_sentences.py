"""Sentence vectors: a tiny file of MiniLM's layout, transformers' vectors, and files that are refused."""

import io
import json
import zipfile

import pytest
import torch
from safetensors.torch import save
from torch.testing import assert_close

from classroom.worlds.passages import note_passages
from helpers.family.sentences import load_minilm, mean_pool, pad, theirs
from helpers.texts import available, fetch

TOKENS = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    *"abcdefgh",
    *(f"##{c}" for c in "abcdefgh"),
]
CONFIG = {
    "model_type": "bert", "hidden_act": "gelu", "position_embedding_type": "absolute",
    "vocab_size": len(TOKENS), "max_position_embeddings": 20, "hidden_size": 8,
    "num_attention_heads": 2, "num_hidden_layers": 2, "intermediate_size": 12,
    "type_vocab_size": 2, "layer_norm_eps": 1e-12, "hidden_dropout_prob": 0.1,
}  # fmt: skip
TEXTS = ["a", "abc def", "", "ha ha ha ha ha", "b c d e f g h a b c d e f g h a b c d e f g h"]


def bert():
    """transformers' BERT of the tiny size, with random weights."""
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    model = transformers.BertModel(transformers.BertConfig(**CONFIG))
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return model.eval()


def parts(tensors, **changes):
    """The files of a tiny sentence encoder, by name; `changes` go into its config.json."""
    vocab = {token: number for number, token in enumerate(TOKENS)}
    settings = {
        "config.json": {**CONFIG, **changes},
        "1_Pooling/config.json": {"pooling_mode_mean_tokens": True},
        "tokenizer_config.json": {"do_lower_case": True},
        "sentence_bert_config.json": {"max_seq_length": 16},
        "tokenizer.json": {"model": {"vocab": vocab}},
    }
    found = {name: json.dumps(value).encode() for name, value in settings.items()}
    return {**found, "model.safetensors": save(tensors)}


def zipped(files, path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in files.items():
            file.writestr(name, data)
    return path


def tiny_tensors():
    """Every tensor under its name in the file, from our own encoder."""
    from helpers.family.encoder import Encoder, EncoderConfig

    torch.manual_seed(1)
    encoder = Encoder(EncoderConfig(len(TOKENS), 20, 8, 2, 2, 12))
    return {theirs(name): each.detach().clone() for name, each in encoder.named_parameters()}


def straight(model, rows):
    """One text at a time, without padding: the mean of its vectors, at length 1."""
    with torch.no_grad():
        means = [model(torch.tensor([row])).last_hidden_state[0].mean(dim=0) for row in rows]
    return torch.stack([mean / mean.norm() for mean in means])


def test_the_tiny_file_gives_transformers_vectors(tmp_path):
    model = bert()
    path = zipped(parts({k: v.contiguous() for k, v in model.state_dict().items()}), tmp_path / "m")
    encoder = load_minilm(path)
    assert encoder.most == 16
    rows = [encoder.tokenizer.encode(text, 16) for text in TEXTS]
    assert max(map(len, rows)) == 16
    for batch_size in (1, 2, 32):
        found = encoder.vectors(TEXTS, batch_size)
        assert_close(found, straight(model, rows), atol=1e-5, rtol=1e-4)


@pytest.fixture(scope="module")
def real():
    if not available("minilm"):
        pytest.skip("needs minilm: python3 course.py data minilm")
    return load_minilm()


def test_the_real_vectors_are_transformers(real, tmp_path):
    """Passages of the notes, questions, a text of 400 tokens and one of none, all in one batch."""
    transformers = pytest.importorskip("transformers")
    with zipfile.ZipFile(fetch("minilm")) as file:
        for name in ("config.json", "model.safetensors"):
            file.extract(name, tmp_path)
    model = transformers.BertModel.from_pretrained(tmp_path).eval()
    texts = [*map(str, note_passages()[::97]), "What is a token?", "word " * 400, ""]
    rows = [real.tokenizer.encode(text, 256) for text in texts]
    assert_close(real.vectors(texts), straight(model, rows), atol=1e-4, rtol=0)


def test_meaning_beats_words(real):
    """The first two share no word but mean the same; the last two share words and do not."""
    same, other = (
        real.vectors(["How do I fix my car?", "Repairing an automobile yourself"]),
        real.vectors(["The bank of the river", "The bank of England raised its rates"]),
    )
    assert (same[0] @ same[1]).item() > (other[0] @ other[1]).item() + 0.1


def test_texts_keep_their_places(real):
    texts = ["a long text about a red fox that jumps", "no", "a fox"]
    alone = torch.cat([real.vectors([text]) for text in texts])
    assert_close(real.vectors(texts, batch_size=2), alone, atol=1e-5, rtol=0)
    assert_close(alone.norm(dim=-1), torch.ones(3))
    assert real.vectors([]).shape == (0, 384)


def test_pooling_by_hand():
    ids, mask = pad([[7], [7, 8, 9]], padding_id=5)
    assert ids.tolist() == [[7, 5, 5], [7, 8, 9]] and mask.sum(dim=1).tolist() == [1, 3]
    vectors = torch.tensor(
        [[[1.0, 2.0], [50.0, 50.0], [50.0, 50.0]], [[0.0, 3.0], [6.0, 0.0], [0.0, 0.0]]]
    )
    assert mean_pool(vectors, mask).tolist() == [[1.0, 2.0], [2.0, 1.0]]


def refused(path, word):
    with pytest.raises(ValueError) as error:
        load_minilm(path)
    said = str(error.value)
    assert str(path) in said and word in said and "\n" not in said and len(said) < 300


def test_missing_and_damaged_files(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_minilm(tmp_path / "nothing.zip")
    whole = zipped(parts(tiny_tensors()), tmp_path / "whole.zip").read_bytes()
    load_minilm(tmp_path / "whole.zip")
    path = tmp_path / "damaged.zip"
    for data in (b"", b"GGUF and so on", whole[: len(whole) // 2], whole[:-40]):
        path.write_bytes(data)
        refused(path, "zip")
    altered = bytearray(whole)
    with zipfile.ZipFile(io.BytesIO(whole)) as file:
        start = file.getinfo("model.safetensors").header_offset + 200
    altered[start : start + 50] = bytes(50)
    path.write_bytes(altered)
    refused(path, "")


@pytest.mark.parametrize("name", list(parts({"a": torch.zeros(1)})))
def test_a_part_that_is_missing_or_foreign(tmp_path, name):
    files = parts(tiny_tensors())
    refused(zipped({k: v for k, v in files.items() if k != name}, tmp_path / "a"), f"no {name}")
    word = "safetensors" if name.endswith("safetensors") else name
    refused(zipped({**files, name: b"\x00\x01 no JSON"}, tmp_path / "b"), word)
    if name.endswith("json"):
        refused(zipped({**files, name: b"[1, 2]"}, tmp_path / "c"), "")


@pytest.mark.parametrize(
    ("changes", "word"),
    [({"model_type": "roberta"}, "roberta"), ({"hidden_act": "relu"}, "relu"),
     ({"position_embedding_type": "relative_key"}, "relative_key"),
     ({"num_hidden_layers": 3}, "encoder.layer.2"), ({"num_hidden_layers": 1}, "belong"),
     ({"hidden_size": 16}, "shape"), ({"hidden_size": "8"}, "dimensions"),
     ({"vocab_size": 22}, "word_embeddings"), ({"num_attention_heads": 3}, "divisible")],
)  # fmt: skip
def test_settings_of_another_model(tmp_path, changes, word):
    refused(zipped(parts(tiny_tensors(), **changes), tmp_path / "m"), word)


def test_tensors_of_another_model(tmp_path):
    tensors = tiny_tensors()
    name = theirs("blocks.1.expand.bias")
    missing = {k: v for k, v in tensors.items() if k != name}
    for number, (wrong, word) in enumerate([
        (missing, name), ({**tensors, "extra": torch.zeros(2)}, "extra"),
        ({**tensors, name: torch.zeros(12, dtype=torch.int8)}, "int8"),
    ]):  # fmt: skip
        refused(zipped(parts(wrong), tmp_path / f"m{number}"), word)


def test_other_pooling_and_case_are_refused(tmp_path):
    files = parts(tiny_tensors())
    pooling = {"1_Pooling/config.json": b'{"pooling_mode_mean_tokens": false}'}
    refused(zipped({**files, **pooling}, tmp_path / "a"), "pooling_mode_mean_tokens")
    cased = {"tokenizer_config.json": b'{"do_lower_case": false}'}
    refused(zipped({**files, **cased}, tmp_path / "b"), "do_lower_case")
