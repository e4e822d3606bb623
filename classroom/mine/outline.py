"""What `my_llm.py` and `my_chat.py` consist of, and how they open."""

from dataclasses import dataclass


@dataclass(frozen=True)
class File:
    """A file to put together: its parts, the notebooks whose turns may be in it, how it opens.

    It is meant to stay under `limit` lines.
    """

    name: str
    parts: tuple[str, ...]
    notebooks: tuple[str, ...]
    limit: int
    opening: str


LLM = File(
    "my_llm.py",
    ("settings", "tokenizer", "data", "model", "sampling", "files", "training", "command"),
    ("03", "04", "05", "06", "07"),
    800,
    """A GPT in one file: tokenizer, model, training, sampling. It needs {needs}.

    python my_llm.py train TEXT    learn from a text file; the model goes into the folder my_llm
    python my_llm.py talk          let the model go on with what you type
""",
)
CHAT = File(
    "my_chat.py",
    ("answers", "labels", "chat"),
    ("08", "09"),
    500,
    """A chat model and a classifier from the GPT of my_llm.py beside it. It needs {needs}.

    python my_chat.py train QUESTIONS.csv     learn to answer: columns question, answer
    python my_chat.py talk                    answer what you type
    python my_chat.py classify LABELED.csv    learn to tell labels apart: columns label, text
    python my_chat.py label                   label each line that you type or pipe
""",
)
FILES = (LLM, CHAT)
