"""What notebooks 05 and 06 both ask of an attention layer: where dropout acts, and any device."""

import torch


def needs_dropout_of_weights(trial, layer, n_heads):
    """A layer with biases and a dropout of 0.5 applies it to the attention weights, in training.

    Every value is 1, so the output says how much weight each token has left in each head.
    """
    width = layer.output.weight.shape[0]
    x = torch.zeros(8, 64, width)
    with torch.no_grad():
        for name in ("query", "key", "value"):
            getattr(layer, name).weight.zero_()
        layer.value.bias.fill_(1.0)
        layer.output.weight.copy_(torch.eye(width))
        layer.output.bias.zero_()
        torch.manual_seed(0)
        kept = layer.train()(x).view(8, 64, n_heads, -1)
        whole = layer.eval()(x)
    trial.that(
        bool((kept - 1).abs().max() > 0.1),
        "there is no dropout while training: config.dropout of the attention weights are set to 0",
    )
    trial.that(
        bool((kept - kept[..., :1]).abs().max() < 1e-4),
        "dropout belongs on the attention weights, so that a token is dropped as a whole; yours "
        "drops single numbers",
    )
    trial.that(
        0.9 < float(kept.mean()) < 1.1 and float((kept[:, 0] - 2).abs().min()) < 1e-4,
        "the weights that are kept must be divided by 1 - p, and the first token keeps all or none",
    )
    trial.that(
        bool((whole - 1).abs().max() < 1e-4),
        "after eval() nothing may be dropped; ask self.training, or use nn.Dropout",
    )


def needs_any_device(trial, run):
    """`run()` calls a layer on the meta device, which has no memory and is there on every machine."""
    try:
        run()
        moved = True
    except RuntimeError as error:
        moved = "device" not in str(error)
    trial.that(
        moved,
        "on another device (a GPU) it stops, because something it makes stays on the CPU: move "
        "the mask there with .to(x.device)",
    )
