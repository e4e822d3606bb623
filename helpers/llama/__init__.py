"""Llama: the shape of most open models since 2023, and real ones in it.

`model` is a GPT with Llama's parts. `load` fills it from a folder of safetensors or from a GGUF file,
which `gguf` reads, `blocks` unpacks and `tokens` takes the tokenizer from. `chat` talks.
"""

from helpers.llama.chat import LlamaChat
from helpers.llama.config import LlamaConfig
from helpers.llama.load import load_gguf, load_llama
from helpers.llama.model import Llama

__all__ = ["Llama", "LlamaChat", "LlamaConfig", "load_gguf", "load_llama"]
