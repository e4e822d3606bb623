"""Train the upper layers of a frozen model, and compute once what comes below them.

Layers that do not learn give the same for the same row in every pass over the data. Here it is kept, in
16 bits per number, so that a further pass computes the upper layers alone, forward and backward: with
the upper third, a third of the work.

Shapes: B rows, T tokens, C embedding dimensions.
"""

from typing import Any

import torch

from helpers.assistant.adapter import Correction, corrections_of
from helpers.assistant.learning import Adapted
from helpers.lora import LoRALinear


class UpperLayers(Adapted):
    """A Llama with LoRA of which the blocks from number `first` on learn; what is below is kept.

    LoRA that has not learned yet is taken off below. Rows are told apart by their token ids up to the
    padding of `end_id`. Raises ValueError for a `first` that leaves no block to learn, and for blocks
    below it whose LoRA has learned.
    """

    def __init__(self, model: Any, first: int, end_id: int = 0) -> None:
        super().__init__(model)
        if not 0 <= first < len(model.blocks):
            raise ValueError(f"first must be from 0 to {len(model.blocks) - 1}, not {first}")
        self.first, self.end_id = first, end_id
        self.kept: dict[tuple[int, ...], torch.Tensor] = {}
        for block in model.blocks[:first]:
            self._without_lora(block)

    def corrections(self) -> dict[str, Correction]:
        """The corrections of the layers that learn, by their names in the model."""
        return corrections_of(self.model)

    def hidden_states(self, token_ids: torch.Tensor) -> torch.Tensor:
        """What the model knows at each token, (B, T, C); at padding it means nothing."""
        angles, x = self.model.angles(token_ids), self._below(token_ids)
        for layer in range(self.first, len(self.model.blocks)):
            x = self.model.blocks[layer](x, angles, None, layer)
        return self.model.final_norm(x)

    def _without_lora(self, block):
        for part in [*block.modules()]:
            for name, layer in part.named_children():
                if isinstance(layer, LoRALinear):
                    if layer.up.any():
                        raise ValueError("a block below the first that learns has learned already")
                    setattr(part, name, layer.linear)

    def _below(self, token_ids):
        rows = [self._bare(row) for row in token_ids.tolist()]
        if not all(row in self.kept for row in rows):
            self._keep(token_ids, rows)
        width = self.model.token_embedding.weight.shape[1]
        x = torch.zeros(*token_ids.shape, width)
        for place, row in enumerate(rows):
            x[place, : len(row)] = self.kept[row]
        return x

    def _bare(self, row):
        length = len(row)
        while length > 1 and row[length - 1] == self.end_id:
            length -= 1
        return tuple(row[:length])

    @torch.no_grad()
    def _keep(self, token_ids, rows):
        angles, x = self.model.angles(token_ids), self.model.token_embedding(token_ids)
        for layer in range(self.first):
            x = self.model.blocks[layer](x, angles, None, layer)
        for row, states in zip(rows, x, strict=True):
            self.kept[row] = states[: len(row)].to(torch.bfloat16, copy=True)
