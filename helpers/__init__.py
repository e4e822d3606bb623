"""The LLM of the course, small, in the order in which it is taught.

Every import says where its code lives:

    from helpers.bpe import BPETokenizer
    from helpers.model import GPT

The order of imports: each module imports only from those before it.

ground: limits files plots device
words: eliza.rules eliza.script eliza.eliza tokenizer bpe.train bpe.merge bpe.files bpe.tokenizer
model: config kv_cache layers attention model generate loss
texts: pip_models texts.sources texts.downloads texts.corpora texts.prepare texts.loaders texts.documents texts.token_files
streams: streams.shards streams.sources
training: optim checkpoint compression runs.progress runs.log runs.safety runs.board runs.run train
looking: landscape copying_start
adapting: pretrained baselines classifier instructions lora difference preferences reinforce
talking: evaluate judge assistant.refusal chat
llama: llama.config llama.model llama.blocks llama.gguf llama.tokens llama.load llama.chat
out: interchange.templates interchange.hugging_face interchange.gguf
family: family.encoder family.encoder_decoder family.bert family.scores family.recurrent family.vision family.fit
search: family.word_pieces family.sentences family.search
speed: fast.swap fast.products fast.attention fast.packing fast.quantize fast.four_bits fast.llama fast.head_loss fast.lora fast.compiled.training fast.compiled.called fast.compiled.rows fast.compiled.one_token fast.speed_up fast.processes.group fast.processes.parallel fast.speculative
assistant: assistant.adapter assistant.rows assistant.learning assistant.asking assistant.chat assistant.wordings assistant.making
"""

import os
from collections.abc import MutableMapping

# PyTorch's threads spin while they wait for work, which takes the processor from other programs.
# A short spin is as fast alone. OpenMP reads these variables when torch is loaded: GNU's (Linux)
# the first, a count; Intel's (Windows) and LLVM's (macOS) the second, in milliseconds (not measured).
WAITING = {"GOMP_SPINCOUNT": "10000", "KMP_BLOCKTIME": "1"}


def shorten_spinning(environment: MutableMapping[str, str]) -> MutableMapping[str, str]:
    """Add `WAITING` to environment variables, except where the reader has chosen; return them."""
    if "OMP_WAIT_POLICY" not in environment:
        for name, value in WAITING.items():
            environment.setdefault(name, value)
    return environment


shorten_spinning(os.environ)
# Linux: large pages of memory are read faster. PyTorch asks for them where its first tensor sees this.
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
