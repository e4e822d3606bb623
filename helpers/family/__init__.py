"""The transformer family: what stands beside GPT.

`encoder` is BERT's shape; `word_pieces` its tokenizer; `sentences` a real one, which turns a text
into a vector; `search` finds passages with it, and by counting words.
"""
