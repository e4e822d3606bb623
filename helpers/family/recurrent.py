"""Recurrent networks: read one token after another, and carry what matters along.

    token 1        token 2        token 3
       |              |              |
     state 0 ---->  state 1 ---->  state 2 ----> ...     always as large, however long the text

A GPT looks back at all tokens so far; an LSTM or a GRU has only its state. The cells are written
out here, with the names and shapes of PyTorch's; the language model uses PyTorch's own loops over
time, which are the same arithmetic in a faster language.

Shapes: B sequences, T tokens, C embedding dimensions, V tokens in the vocabulary.
"""

from typing import Any

import torch
from torch import nn

CELLS = {"lstm": nn.LSTM, "gru": nn.GRU}


class LSTMCell(nn.Module):
    """One step of an LSTM: a protected memory, and three gates that say what happens to it.

    `input` and `recurrent` make four vectors at once, in PyTorch's order: input gate, forget gate,
    candidate, output gate. Sources: Hochreiter and Schmidhuber 1997; Gers et al. 2000 (forget).

    >>> cell = LSTMCell(8)
    >>> hidden, memory = cell(torch.zeros(2, 8), (torch.zeros(2, 8), torch.zeros(2, 8)))
    >>> hidden.shape, memory.shape
    (torch.Size([2, 8]), torch.Size([2, 8]))
    """

    def __init__(self, dimensions: int) -> None:
        super().__init__()
        self.input = nn.Linear(dimensions, 4 * dimensions)
        self.recurrent = nn.Linear(dimensions, 4 * dimensions)

    def forward(
        self, x: torch.Tensor, state: tuple[torch.Tensor, torch.Tensor]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Take x (B, C) and the state (hidden, memory), (B, C) each; return the new state."""
        hidden, memory = state
        parts = (self.input(x) + self.recurrent(hidden)).chunk(4, dim=-1)
        write, keep, show = (parts[i].sigmoid() for i in (0, 1, 3))
        memory = keep * memory + write * parts[2].tanh()
        return show * memory.tanh(), memory


class GRUCell(nn.Module):
    """One step of a GRU: one state, which a gate mixes from the old one and a candidate.

    In PyTorch's order: reset gate, update gate, candidate. Source: Cho et al. 2014.

    >>> GRUCell(8)(torch.zeros(2, 8), torch.zeros(2, 8)).shape
    torch.Size([2, 8])
    """

    def __init__(self, dimensions: int) -> None:
        super().__init__()
        self.input = nn.Linear(dimensions, 3 * dimensions)
        self.recurrent = nn.Linear(dimensions, 3 * dimensions)

    def forward(self, x: torch.Tensor, hidden: torch.Tensor) -> torch.Tensor:
        """Take x (B, C) and the state (B, C); return the new state."""
        new = self.input(x).chunk(3, dim=-1)
        old = self.recurrent(hidden).chunk(3, dim=-1)
        reset, keep = (new[0] + old[0]).sigmoid(), (new[1] + old[1]).sigmoid()
        candidate = (new[2] + reset * old[2]).tanh()
        return keep * hidden + (1 - keep) * candidate


class RecurrentModel(nn.Module):
    """A language model like GPT, with recurrent layers in place of the blocks.

    `kind` is "lstm" or "gru"; the output head is the token embedding. Raises ValueError for another
    kind. Source: Mikolov et al. 2010 (a recurrent network as a language model).

    >>> model = RecurrentModel("gru", vocab_size=50, dimensions=16, n_layers=2)
    >>> model(torch.tensor([[1, 2, 3]])).shape
    torch.Size([1, 3, 50])
    """

    def __init__(self, kind: str, vocab_size: int, dimensions: int, n_layers: int) -> None:
        super().__init__()
        if kind not in CELLS:
            raise ValueError(f"kind is {kind!r}; it must be one of {', '.join(CELLS)}")
        self.token_embedding = nn.Embedding(vocab_size, dimensions)
        self.layers = CELLS[kind](dimensions, dimensions, n_layers, batch_first=True)
        self.output_head = nn.Linear(dimensions, vocab_size, bias=False)
        nn.init.normal_(self.token_embedding.weight, std=0.02)
        self.output_head.weight = self.token_embedding.weight

    def forward(self, token_ids: torch.Tensor) -> torch.Tensor:
        """Logits (B, T, V) for token ids (B, T), from an empty state."""
        return self.output_head(self.hidden_states(token_ids))

    def hidden_states(self, token_ids: torch.Tensor) -> torch.Tensor:
        """What the model knows after each token, (B, T, C)."""
        return self.layers(self.token_embedding(token_ids))[0]

    def step(self, token_ids: torch.Tensor, state: Any = None) -> tuple[torch.Tensor, Any]:
        """Logits (B, V) after new tokens (B, T), and the state to go on with."""
        x, state = self.layers(self.token_embedding(token_ids), state)
        return self.output_head(x[:, -1]), state
