"""The transformer family: what stands beside GPT.

`encoder` is BERT's shape, `encoder_decoder` the transformer of 2017, `bert` learns by filling gaps, and
`scores` asks models about words. `recurrent` and `vision` are the relatives outside, `fit` trains any.
`word_pieces` is BERT's tokenizer; `sentences` a real BERT, which turns a text into a vector; `search`
finds passages with it, and by counting words.
"""
