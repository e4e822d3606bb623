"""The LLM of the course, small, in the order in which it is taught.

Every import says where its code lives:

    from helpers.bpe import BPETokenizer
    from helpers.model import GPT

The order of imports: each module takes only from those before it. Of a folder named whole, any
module may take from any other that comes before it in the folder's own line.

ground: limits plots device
words: eliza.rules eliza.script eliza.eliza tokenizer bpe.train bpe.merge bpe.files bpe.tokenizer
model: config kv_cache layers attention model generate loss
texts: texts.sources texts.downloads texts.corpora texts.prepare texts.loaders texts.documents texts.token_files
training: optim checkpoint compression runs.progress runs.log runs.safety runs.board runs.run train
looking: landscape copying_start
adapting: pretrained baselines classifier instructions lora difference
talking: evaluate judge chat
speed: fast.swap fast.products fast.attention fast.packing fast.quantize fast.head_loss fast.compiled fast.speed_up fast.distributed
"""
