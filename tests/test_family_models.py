"""The family's models beside references: PyTorch's own modules, hand-worked inputs, other routes."""

import pytest
import torch
from torch import nn

from helpers.family import bert, encoder_decoder, scores, vision
from helpers.family.encoder import EncoderConfig
from helpers.family.fit import fit_model
from helpers.family.recurrent import RecurrentModel
from helpers.loss import IGNORED, next_token_loss

TINY = EncoderConfig(20, 16, 16, 4, 2, 32, 1)


def randomized(module, std=0.3):
    torch.manual_seed(0)
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=std)
    return module.eval()


def test_cross_attention_is_pytorchs():
    cross = randomized(encoder_decoder.CrossAttention(TINY))
    reference = nn.MultiheadAttention(16, 4, batch_first=True)
    parts = (cross.query, cross.key, cross.value)
    with torch.no_grad():
        reference.in_proj_weight.copy_(torch.cat([part.weight for part in parts]))
        reference.in_proj_bias.copy_(torch.cat([part.bias for part in parts]))
        reference.out_proj.load_state_dict(cross.output.state_dict())
    x, memory = torch.randn(2, 3, 16), torch.randn(2, 5, 16)
    mask = torch.tensor([[True] * 5, [True] * 3 + [False] * 2])
    right, weights = reference(
        x, memory, memory, key_padding_mask=~mask, average_attn_weights=False
    )
    torch.testing.assert_close(cross(x, memory, mask), right, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(cross.weights(x, memory, mask), weights, rtol=1e-4, atol=1e-5)


def test_a_decoder_block_is_pytorchs():
    block = randomized(encoder_decoder.DecoderBlock(TINY), 0.2)
    reference = nn.TransformerDecoderLayer(
        16, 4, 32, dropout=0.0, activation=nn.functional.gelu, batch_first=True
    )

    def take(theirs, ours):
        parts = (ours.query, ours.key, ours.value)
        theirs.in_proj_weight.copy_(torch.cat([part.weight for part in parts]))
        theirs.in_proj_bias.copy_(torch.cat([part.bias for part in parts]))
        theirs.out_proj.load_state_dict(ours.output.state_dict())

    with torch.no_grad():
        take(reference.self_attn, block.attention)
        take(reference.multihead_attn, block.cross_attention)
        reference.linear1.load_state_dict(block.expand.state_dict())
        reference.linear2.load_state_dict(block.project.state_dict())
        norms = (block.norm_attention, block.norm_cross_attention, block.norm_feed_forward)
        for number, norm in enumerate(norms, 1):
            getattr(reference, f"norm{number}").weight.copy_(norm.scale)
            getattr(reference, f"norm{number}").bias.copy_(norm.shift)
    x, memory = torch.randn(2, 6, 16), torch.randn(2, 5, 16)
    causal = nn.Transformer.generate_square_subsequent_mask(6)
    right = reference(x, memory, tgt_mask=causal)
    torch.testing.assert_close(block(x, memory), right, rtol=1e-4, atol=1e-4)


def test_the_decoder_sees_the_source_and_never_its_own_future():
    model = randomized(encoder_decoder.EncoderDecoder(TINY, 12), 0.2)
    source, target = torch.randint(1, 20, (1, 5)), torch.randint(12, (1, 6))
    logits = model(source, target)
    later = target.clone()
    later[0, 4] = (later[0, 4] + 1) % 12
    changed = model(source, later)
    torch.testing.assert_close(changed[:, :4], logits[:, :4])
    assert not torch.allclose(changed[:, 4:], logits[:, 4:])
    other = source.clone()
    other[0, 4] = 1 + other[0, 4] % 19
    assert not torch.allclose(model(other, target)[:, 0], logits[:, 0])


def test_padding_of_the_source_changes_nothing():
    model = randomized(encoder_decoder.EncoderDecoder(TINY, 12), 0.2)
    source, target = torch.tensor([[4, 5, 6]]), torch.tensor([[1, 7, 8]])
    padded = torch.tensor([[4, 5, 6, 0, 0]])
    torch.testing.assert_close(
        model(padded, target, padded != 0), model(source, target), rtol=1e-4, atol=1e-5
    )


def test_the_alignment_is_what_cross_attention_uses():
    model = randomized(encoder_decoder.EncoderDecoder(TINY, 12), 0.2)
    source, target = torch.tensor([[4, 5, 6, 0]]), torch.tensor([[1, 7, 8]])
    maps = model.alignment(source, target, source != 0)
    assert [tuple(weights.shape) for weights in maps] == [(1, 4, 3, 4)] * 2
    for weights in maps:
        torch.testing.assert_close(weights.sum(-1), torch.ones(1, 4, 3))
        assert not weights[..., 3].any()
    block, memory = model.blocks[0], model.encoder(source, source != 0)
    x = model.embed(target)
    x = block.norm_attention(x + block.attention(x))
    cross = block.cross_attention
    context = (maps[0] @ cross.split(cross.value(memory))).transpose(1, 2).flatten(2)
    right = cross(x, memory, source != 0)
    torch.testing.assert_close(cross.output(context), right, rtol=1e-4, atol=1e-5)


def test_translate_writes_what_the_logits_say():
    model = randomized(encoder_decoder.EncoderDecoder(TINY, 12), 0.4)
    sources = torch.tensor([[4, 5, 6, 7], [8, 9, 0, 0]])
    for row, source in zip(encoder_decoder.translate(model, sources, 6), sources, strict=True):
        written = [1]
        while len(written) < 7 and written[-1] != 2:
            logits = model(source[source != 0][None], torch.tensor([written]))
            written.append(int(logits[0, -1].argmax()))
        assert row == [token for token in written[1:] if token != 2]


def test_the_translation_loss_leaves_padding_out():
    model = randomized(encoder_decoder.EncoderDecoder(TINY, 12), 0.2)
    source, target = torch.tensor([[4, 5, 6]]), torch.tensor([[7, 8, 2]])
    padded = torch.tensor([[7, 8, 2, IGNORED]])
    loss = encoder_decoder.translation_loss(model, source, target)
    torch.testing.assert_close(encoder_decoder.translation_loss(model, source, padded), loss)
    log_probs = model(source, torch.tensor([[1, 7, 8]]))[0].log_softmax(-1)
    torch.testing.assert_close(loss, -log_probs[range(3), [7, 8, 2]].mean())


def test_the_masked_loss_is_the_cross_entropy_at_the_gaps():
    model = randomized(bert.MaskedLanguageModel(TINY))
    inputs = torch.tensor([[4, 19, 6, 18], [7, 8, 19, 9]])
    targets = torch.tensor([[IGNORED, 5, IGNORED, IGNORED], [IGNORED, IGNORED, 3, 9]])
    logits = model(inputs, inputs != 18)
    right = nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
    torch.testing.assert_close(bert.gap_loss(model, inputs, targets, 18), right)


def test_masked_batches_keep_padding_apart_and_the_first_token_visible():
    ids = torch.tensor([[0, 4, 5, 6], [0, 7, 8, 0]]).repeat(50, 1)
    following = torch.tensor([[4, 5, 6, 0], [7, 8, 0, IGNORED]]).repeat(50, 1)
    ((inputs, targets),) = bert.masked_batches([(ids, following)], 19, 18, 18)
    assert (inputs[:, 0] == 0).all() and (targets[:, 0] == IGNORED).all()
    assert (inputs[1::2, 3] == 18).all() and (targets[1::2, 3] == IGNORED).all()
    assert (inputs == 19).any() and (targets != IGNORED).any()


def test_a_split_must_sum_to_one():
    ids = torch.tensor([[1, 2]])
    with pytest.raises(ValueError, match="sum"):
        bert.hide(ids, ids > 0, 0, 5, split=(0.8, 0.1, 0.2))


@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_a_recurrent_model_step_by_step(kind):
    torch.manual_seed(0)
    model = RecurrentModel(kind, 20, 8, 2)
    ids, state, found = torch.randint(20, (2, 7)), None, []
    for token in ids.split(1, dim=1):
        logits, state = model.step(token, state)
        found.append(logits)
    torch.testing.assert_close(torch.stack(found, dim=1), model(ids))
    assert model.output_head.weight is model.token_embedding.weight
    with pytest.raises(ValueError, match="lstm, gru"):
        RecurrentModel("rnn", 20, 8, 1)


def test_scores_of_left_to_right_are_the_loss():
    torch.manual_seed(0)
    model, ids = RecurrentModel("gru", 20, 8, 1), torch.randint(20, (9,))
    loss = next_token_loss(model, ids[None, :-1], ids[None, 1:])
    torch.testing.assert_close(-scores.left_to_right(model, ids).mean(), loss)
    whole = scores.read_on(model, ids, 4, ids[4:5])
    torch.testing.assert_close(whole[0], scores.left_to_right(model, ids).sum())


def test_hidden_one_by_one_is_filling_each():
    model, ids = randomized(bert.MaskedLanguageModel(TINY)), torch.tensor([0, 4, 5, 6])
    for place, found in enumerate(scores.one_by_one(model, ids, 19), 1):
        hidden = ids.clone()
        hidden[place] = 19
        torch.testing.assert_close(found, model(hidden[None])[0, place].log_softmax(-1)[ids[place]])
    seen = model(ids[None])[0].log_softmax(-1)
    torch.testing.assert_close(scores.visible(model, ids), seen[range(1, 4), ids[1:]])


def test_writing_by_filling_appends_and_leaves_what_is_there():
    model, ids = randomized(bert.MaskedLanguageModel(TINY)), torch.tensor([[0, 4], [0, 5]])
    generator = torch.Generator().manual_seed(0)
    written = scores.write_by_filling(model, ids, 3, 19, hidden_after=2, generator=generator)
    assert written.shape == (2, 5) and torch.equal(written[:, :2], ids)


def test_patches_are_those_of_unfold():
    pictures = torch.randn(2, 6, 9)
    right = nn.functional.unfold(pictures[:, None], 3, stride=3).mT
    torch.testing.assert_close(vision.patches(pictures, 3), right)
    with pytest.raises(ValueError, match="6 by 9"):
        vision.patches(pictures, 4)


def test_a_vision_transformer_needs_its_positions():
    torch.manual_seed(0)
    model = vision.VisionTransformer(EncoderConfig(1, 64, 16, 4, 2, 32, 1), 8, 4, 10).eval()
    picture = torch.rand(1, 8, 8)
    moved = picture.roll(4, dims=2)  # the squares of each row of squares change places
    assert not torch.allclose(model(picture), model(moved))
    nn.init.zeros_(model.positions)
    torch.testing.assert_close(model(picture), model(moved))


@pytest.mark.parametrize("kind", ["vit", "convolution"])
def test_a_picture_model_learns(kind):
    torch.manual_seed(0)
    model = (
        vision.VisionTransformer(EncoderConfig(1, 64, 16, 2, 1, 32, 1), 8, 4, 2)
        if kind == "vit"
        else vision.ConvolutionalNetwork(4, 2)
    )
    classes = torch.arange(2).repeat(20)
    pictures = torch.zeros(40, 8, 8)
    pictures[classes == 1, 2:4] = 1.0  # a stroke across
    pictures[classes == 0, :, 2:4] = 1.0  # a stroke down
    batches = vision.picture_batches(pictures, classes, 8, seed=0)
    losses = fit_model(model, batches, vision.picture_loss, 60, 1e-2)
    assert losses[-1] < 0.1 < losses[0]
