"""BERT's encoder: equal to transformers' and PyTorch's, blind to padding, sighted to both sides."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from helpers.family.encoder import Encoder, EncoderBlock, EncoderConfig

SMALL = EncoderConfig(
    vocab_size=50, context_length=12, dimensions=16, n_heads=4, n_layers=2, hidden=24
)


@pytest.fixture
def encoder():
    torch.manual_seed(0)
    model = Encoder(SMALL)
    for parameter in model.parameters():  # no bias is zero, no scale is one
        nn.init.normal_(parameter, std=0.3)
    return model.eval()


def rows(*lengths, seed=1):
    """Random ids (B, T) padded with zeros, and their mask."""
    ids = torch.randint(1, 50, (len(lengths), max(lengths)), generator=torch.manual_seed(seed))
    mask = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    return ids * mask, mask


def test_a_block_is_pytorchs_encoder_layer(encoder):
    """PyTorch's own layer, with normalization afterwards and the exact GELU."""
    block = encoder.blocks[0]
    theirs = nn.TransformerEncoderLayer(
        16, 4, 24, dropout=0.0, activation="gelu", layer_norm_eps=1e-12, batch_first=True
    ).eval()
    parts = (block.attention.query, block.attention.key, block.attention.value)
    theirs.load_state_dict(
        {
            "self_attn.in_proj_weight": torch.cat([part.weight for part in parts]),
            "self_attn.in_proj_bias": torch.cat([part.bias for part in parts]),
            "self_attn.out_proj.weight": block.attention.output.weight,
            "self_attn.out_proj.bias": block.attention.output.bias,
            "linear1.weight": block.expand.weight,
            "linear1.bias": block.expand.bias,
            "linear2.weight": block.project.weight,
            "linear2.bias": block.project.bias,
            "norm1.weight": block.norm_attention.scale,
            "norm1.bias": block.norm_attention.shift,
            "norm2.weight": block.norm_feed_forward.scale,
            "norm2.bias": block.norm_feed_forward.shift,
        }
    )
    x, (_, mask) = torch.randn(3, 7, 16), rows(7, 4, 1)
    found, expected = block(x, mask), theirs(x, src_key_padding_mask=~mask)
    assert_close(found[mask], expected[mask], atol=1e-5, rtol=1e-5)


def test_embeddings_by_hand():
    """Rows of the three tables are added, then brought to mean 0 and variance 1."""
    config = EncoderConfig(3, 2, dimensions=2, n_heads=1, n_layers=1, hidden=2)
    model = Encoder(config)
    model.token_embedding.weight.data = torch.tensor([[0.0, 0.0], [1.0, 5.0], [4.0, 0.0]])
    model.position_embedding.weight.data = torch.tensor([[0.0, 2.0], [0.0, 0.0]])
    model.segment_embedding.weight.data = torch.tensor([[0.0, 0.0], [-1.0, 0.0]])
    first = model.embed(torch.tensor([[1, 2]]))  # (1, 7) and (4, 0)
    assert_close(first, torch.tensor([[[-1.0, 1.0], [1.0, -1.0]]]))
    paired = model.embed(torch.tensor([[1, 1]]), torch.tensor([[0, 1]]))  # (1, 7) and (0, 5)
    assert_close(paired, torch.tensor([[[-1.0, 1.0], [-1.0, 1.0]]]))


def test_padding_changes_nothing(encoder):
    ids, mask = rows(9, 5, 2)
    together = encoder(ids, mask)
    for row, length in enumerate((9, 5, 2)):
        alone = encoder(ids[row : row + 1, :length])
        assert_close(together[row, :length], alone[0], atol=1e-5, rtol=1e-5)
    other = torch.where(mask, ids, 7)
    assert_close(encoder(other, mask)[mask], together[mask])


def test_every_token_sees_both_sides(encoder):
    """A changed last token moves the first vector, which in a GPT it cannot."""
    ids, _ = rows(6)
    changed = ids.clone()
    changed[0, -1] = (ids[0, -1] + 1) % 50
    assert (encoder(ids)[0, 0] - encoder(changed)[0, 0]).abs().max() > 1e-3


def test_segments_count_and_default_to_the_first(encoder):
    ids, _ = rows(6)
    zeros = torch.zeros_like(ids)
    assert_close(encoder(ids), encoder(ids, segments=zeros))
    assert (encoder(ids) - encoder(ids, segments=zeros + 1)).abs().max() > 1e-3


def test_initialization_and_size():
    torch.manual_seed(0)
    model = Encoder(EncoderConfig(2000, 64, dimensions=64, n_heads=4, n_layers=1, hidden=256))
    assert 0.019 < model.token_embedding.weight.std().item() < 0.021
    assert not any(m.bias.any() for m in model.modules() if isinstance(m, nn.Linear))
    assert sum(p.numel() for p in EncoderBlock(EncoderConfig()).parameters()) == 7_087_872


def test_a_text_that_is_too_long_is_refused(encoder):
    with pytest.raises(ValueError, match=r"13 .* 12"):
        encoder(torch.zeros(1, 13, dtype=torch.long))


@pytest.mark.parametrize(
    ("sizes", "word"),
    [({"dimensions": 10, "n_heads": 4}, "divisible"), ({"n_layers": 0}, "n_layers"),
     ({"norm_epsilon": -1.0}, "norm_epsilon")],
)  # fmt: skip
def test_impossible_sizes_are_refused(sizes, word):
    with pytest.raises(ValueError, match=word):
        EncoderConfig(**sizes)
    with pytest.raises(TypeError, match="hidden"):
        EncoderConfig(hidden=2.5)


def test_it_learns_to_copy_from_the_right():
    """Trained for a moment, it predicts a hidden token that is told only by the next one."""
    torch.manual_seed(0)
    config = EncoderConfig(10, 2, dimensions=32, n_heads=2, n_layers=1, hidden=64)
    model, head = Encoder(config), nn.Linear(32, 10)
    optimizer = torch.optim.AdamW([*model.parameters(), *head.parameters()], lr=3e-3)
    told = torch.arange(1, 10)
    ids = torch.stack([torch.zeros_like(told), told], dim=1)  # (9, 2): 0 is the mask
    for _ in range(60):
        loss = nn.functional.cross_entropy(head(model(ids)[:, 0]), told)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert head(model(ids)[:, 0]).argmax(-1).equal(told)
