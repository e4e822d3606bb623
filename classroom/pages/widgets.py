"""Every interactive page of the course, by name, in one place.

Each takes data and returns something that a notebook displays if it is the last line of a cell. All
can be used by keyboard: Tab goes from one control to the next, the arrow keys move a slider, Enter
or the space bar presses a button. Each also has a static page, for where no kernel runs.

>>> from classroom.pages import widgets
>>> [name for name in widgets.__all__ if "attention" in name]
['show_attention_explorer']
"""

from classroom.pages.attention_view import show_attention_explorer
from classroom.pages.chat_stream import StreamingWindow
from classroom.pages.chat_window import ChatWindow
from classroom.pages.embedding_explorer import EmbeddingExplorer
from classroom.pages.knobs import Knobs
from classroom.pages.landscape_view import LandscapeExplorer
from classroom.pages.merge_view import MergeExplorer
from classroom.pages.sampling_view import SamplingExplorer
from classroom.pages.token_view import show_tokens
from classroom.pages.tokenizer_view import TokenizerExplorer
from classroom.pages.training_view import TrainingExplorer
from classroom.study.flash_cards import FlashCards
from classroom.study.question_generator import QuestionGenerator, question_generator
from classroom.study.quiz import Quiz, quiz

DESCRIPTIONS = {
    show_tokens: "tokens as tiles, ids below them (static)",
    TokenizerExplorer: "type a text: how several tokenizers split it",
    MergeExplorer: "byte pair merges on a short text, one by one",
    EmbeddingExplorer: "type a word: its neighbors in a plane of word vectors, and their cosines",
    show_attention_explorer: "choose a layer, a head and a token: what it attends to",
    SamplingExplorer: "temperature, top-k and top-p: how they change a distribution to sample from",
    TrainingExplorer: "a training run, live, with its learning rate and a Stop button",
    LandscapeExplorer: "the loss around a model, with a slice to move",
    ChatWindow: "talk to ELIZA, a GPT, or several at once",
    StreamingWindow: "talk to one model whose answer appears word by word",
    Quiz: "multiple-choice questions, one after the other",
    quiz: "the same for a lecture or a topic",
    QuestionGenerator: "pick a topic, press Generate, get questions of the bank or of a model",
    question_generator: "the same, with the servers that you named in the environment",
    FlashCards: "interview questions that come back until they are known",
    Knobs: "sliders for the arguments of any function that returns HTML",
}

__all__ = ["overview", *(thing.__name__ for thing in DESCRIPTIONS)]


def overview():
    """Return one line for each page: its name, and what it shows.

    >>> print(overview().splitlines()[0])
    show_tokens              tokens as tiles, ids below them (static)
    """
    return "\n".join(f"{thing.__name__:24} {what}" for thing, what in DESCRIPTIONS.items())
