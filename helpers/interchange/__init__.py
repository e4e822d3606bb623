"""Out to the world: our models as files that other programs run.

export_hf     a folder for `transformers`: AutoModelForCausalLM, AutoTokenizer
export_gguf   one file for llama.cpp and Ollama
"""

from helpers.interchange.gguf import export_gguf
from helpers.interchange.hugging_face import export_hf

__all__ = ["export_gguf", "export_hf"]
