"""Part 4 of `my_llm.py`: attention, the transformer block, GPT."""

from classroom.turns.t06 import GPT, KVCache

__all__ = ["GPT", "KVCache"]
