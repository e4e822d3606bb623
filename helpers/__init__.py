"""The companion package of the course: one idea a module, in the order in which they are taught.

Nothing is imported here, so that every import in a notebook says where its code lives:

    from helpers.bpe import BPETokenizer
    from helpers.model import GPT

The order, from the ground up: `plots`; `eliza`, `tokenizer`, `bpe`; `corpora`, `loaders`;
`config`, `layers`, `attention`, `model`, `kv_cache`; `generate`; `optim`, `checkpoint`, `train`.
Each module imports only from modules before it.
"""
