"""Language models that can take ELIZA's place: those on this machine, and those that you name.

    find_gpts()      all of them, in this order
    choose_gpt()     the first
    find_gpt("GPT-2", shows="...")     the first of that name, or None and a line that says so

1. The course's own small GPT, and its chat model. They are always available. `LLM_COURSE_GPT` may
   name the folder of a GPT that you trained with `helpers.train`; it comes first.
2. SmolLM2, a chat model of 135 million parameters, and GPT-2, if they have been downloaded.
3. Any server with OpenAI's chat protocol, if you name it in the environment: `LLM_COURSE_CHAT_URL`
   (for instance https://api.openai.com/v1), `LLM_COURSE_CHAT_MODEL`, and `LLM_COURSE_CHAT_KEY` if
   it requires a key.
4. Ollama on this machine, if you name one of its models: `LLM_COURSE_OLLAMA_MODEL=llama3.2`.

Nothing is contacted unless you name it. Each has a `name`, a `kind` ("base" continues your text,
"chat" answers it), `respond(text)` and `reset()`, like ELIZA.
"""

import json
import os
import re
from functools import cache, cached_property, partial
from pathlib import Path

import torch

from classroom.pages.chat_server import ChatServer
from helpers.assistant.refusal import load_refusal
from helpers.bpe import BPETokenizer
from helpers.bpe.files import from_printable
from helpers.chat import BASE_MODEL, ChatModel, load_chat_model
from helpers.checkpoint import load_model
from helpers.fast import speed_up
from helpers.generate import generate
from helpers.llama import LlamaChat
from helpers.pretrained import load_gpt2
from helpers.texts.corpora import data_folder
from helpers.texts.sources import CORPORA
from helpers.tokenizer import END_OF_TEXT

ASSETS = BASE_MODEL.parent
OLLAMA = "http://localhost:11434/v1"


class BaseGPT:
    """A pretrained GPT that continues any text.

    `load` returns (model, tokenizer); it is called when the first text arrives. `options` go to
    `helpers.generate.generate`. By default decoding is greedy, with a penalty on tokens that have
    occurred already; so the same text always gets the same reply.
    """

    kind = "base"

    def __init__(self, name, load, max_new_tokens=40, **options):
        self.name, self._load, self.max_new_tokens = name, cache(load), max_new_tokens
        self.options = options or {"repetition_penalty": 1.2}

    @cached_property
    def _parts(self):
        return self._load()

    @property
    def model(self):
        """The `GPT`; loaded on first use."""
        return self._parts[0]

    @property
    def tokenizer(self):
        """Its tokenizer; loaded on first use."""
        return self._parts[1]

    def respond(self, text):
        """Return the continuation of `text` on one line, up to its last complete sentence.

        Returns three dots if there are no words. Raises TypeError if the text is not a string.
        """
        if not isinstance(text, str):
            raise TypeError(f"text must be a string, not {type(text).__name__}")
        end_of_text = self.tokenizer.special_tokens.get(END_OF_TEXT)
        # what looks like a special token is text, too
        token_ids = self.tokenizer.encode_ordinary(text) or [end_of_text or 0]
        new = [
            token.item()
            for token in generate(
                self.model,
                torch.tensor([token_ids]),
                self.max_new_tokens,
                stop_id=end_of_text,
                **self.options,
            )
        ]
        kept = new[:-1] if new and new[-1] == end_of_text else new
        return tidy_end(self.tokenizer.decode(kept)) or "..."

    def reset(self):
        """Do nothing: a base model remembers nothing between texts."""


def tidy_end(text):
    """Put a continuation on one line and cut it after its last complete sentence, if any.

    >>> tidy_end(" went home. The end. And th")
    'went home. The end.'
    >>> tidy_end(" and the sea ")
    'and the sea'
    """
    line = " ".join(text.split())
    whole = re.match(r".*[.!?][\"')]*(?= |$)", line)
    return whole[0] if whole else line


def find_gpts(environment=None):
    """Return every GPT that is available now, the course's own first.

    `environment` replaces `os.environ`. Nothing is loaded or contacted yet.
    """
    environment = os.environ if environment is None else environment
    gpts = []
    if environment.get("LLM_COURSE_GPT"):
        trained = Path(os.path.expanduser(environment["LLM_COURSE_GPT"]))
        gpts.append(BaseGPT(f"your GPT ({trained.name})", lambda: _faster(load_model(trained))))
    own, chat = ASSETS / "course_gpt", ASSETS / "chat_model"
    if (own / "model.safetensors").is_file():
        gpts.append(BaseGPT("the course's own GPT", lambda: _faster(load_model(own))))
        if any(chat.glob("*.safetensors")):
            load = partial(load_chat_model, chat, own)
            gpts.append(
                ChatModel(
                    "the course's chat model", lambda: _faster(load()), refusal=load_refusal(chat)
                )
            )
    if all(f.is_file() for f in _files("smollm2")):
        gpts.append(smollm2())
    if all(f.is_file() for n in ("gpt2-weights", "gpt2-vocabulary") for f in _files(n)):
        gpts.append(BaseGPT("GPT-2 (124 million parameters)", _load_gpt2))
    url, model = (environment.get(f"LLM_COURSE_CHAT_{what}") for what in ("URL", "MODEL"))
    if url and model:
        gpts.append(ChatServer(url, model, environment.get("LLM_COURSE_CHAT_KEY")))
    if environment.get("LLM_COURSE_OLLAMA_MODEL"):
        gpts.append(ChatServer(OLLAMA, environment["LLM_COURSE_OLLAMA_MODEL"]))
    return gpts


def choose_gpt(environment=None):
    """Return the first of `find_gpts`; raises FileNotFoundError if there is none."""
    gpts = find_gpts(environment)
    if not gpts:
        raise FileNotFoundError(
            f"no GPT to talk to: {ASSETS.name}/course_gpt is missing from helpers; get the "
            "course again, or name a server in LLM_COURSE_CHAT_URL and LLM_COURSE_CHAT_MODEL"
        )
    return gpts[0]


def find_gpt(name, shows, environment=None):
    """Return the first of `find_gpts` whose name holds `name`, or None after one printed line.

    `shows` says what a notebook's cell would have shown: "the same talk with SmolLM2".
    """
    for gpt in find_gpts(environment):
        if name.lower() in gpt.name.lower():
            return gpt
    print(f"This cell shows {shows}, where {name} is on this computer.")
    return None


def smollm2(**options):
    """SmolLM2-135M-Instruct, from the folder of downloads; loaded when the first text arrives.

    `options` go to `helpers.llama.LlamaChat`.
    """
    return LlamaChat(
        "SmolLM2 (135 million parameters)", _files("smollm2")[0], faster=speed_up, **options
    )


def _faster(loaded):
    model, tokenizer = loaded
    return speed_up(model), tokenizer


def _load_gpt2():
    return speed_up(load_gpt2("gpt2-weights"), generation=True), gpt2_tokenizer(
        *_files("gpt2-vocabulary")
    )


def gpt2_tokenizer(merges_file, vocabulary_file):
    """Build GPT-2's tokenizer from OpenAI's two files, `vocab.bpe` and `encoder.json`."""
    ids = json.loads(Path(vocabulary_file).read_text(encoding="utf-8"))
    special = {END_OF_TEXT: ids.pop(END_OF_TEXT)}
    lines = Path(merges_file).read_text(encoding="utf-8").split("\n")[1:]
    merges = [tuple(map(from_printable, line.split(" "))) for line in lines if line]
    vocab = {token_id: from_printable(token) for token, token_id in ids.items()}
    return BPETokenizer(vocab, merges, special)


def _files(name):
    """The paths of a download in the data folder, whether they exist or not."""
    return [data_folder() / download.file for download in CORPORA[name].downloads]
