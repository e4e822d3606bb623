"""Part 2 of `my_llm.py`: byte pair encoding, from text to token ids and back."""

from classroom.turns.t03 import BytePairTokenizer, byte_characters, encode_word, split_at_special

__all__ = ["BytePairTokenizer", "byte_characters", "encode_word", "split_at_special"]
END_OF_TEXT = "<|endoftext|>"
GPT2_SPLIT_PATTERN = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
