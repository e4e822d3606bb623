"""The LLM of the course, small, in the order in which it is taught.

Every import says where its code lives:

    from helpers.bpe import BPETokenizer
    from helpers.model import GPT

The order of imports: each module imports only from those before it.

ground: limits files plots device
words: eliza.rules eliza.script eliza.eliza tokenizer bpe.train bpe.merge bpe.files bpe.tokenizer
texts: texts.sources texts.downloads texts.corpora texts.prepare texts.loaders
batches: fast.head_loss texts.documents texts.token_files
model: config fast.products layers attention model kv_cache generate
training: optim fast.distributed checkpoint compression runs.progress runs.safety runs.board fast.compiled train
looking: landscape copying_start
adapting: pretrained baselines classifier instructions lora difference
talking: evaluate judge chat
speed: fast.packing fast.quantize
"""
