"""Every picture of the course that you can touch, by name, in one place.

Each takes data and gives something that a notebook cell shows as its last line. All can be used
by keyboard: Tab goes from one control to the next, the arrow keys move a slider, Enter or the
space bar presses a button. Each keeps a still page, too, for where no kernel runs.

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

WHAT = {
    show_tokens: "tokens as tiles, ids below them (it stands still)",
    TokenizerExplorer: "a box to type into, and where several tokenizers cut the text",
    MergeExplorer: "byte pair merges on a short text, one by one",
    EmbeddingExplorer: "type a word: its neighbors in a plane of word vectors, and their cosines",
    show_attention_explorer: "pick a layer and a head, point at a token: where it looks",
    SamplingExplorer: "temperature, top-k and top-p over a distribution, and a token drawn from it",
    TrainingExplorer: "a training run as it goes, with its learning rate and a Stop button",
    LandscapeExplorer: "the loss around a model, with a slice to move",
    ChatWindow: "talk to ELIZA, a GPT, or several at once",
    StreamingWindow: "talk to one model whose answer appears word by word",
    Quiz: "multiple-choice questions, one after the other",
    quiz: "the same for a lecture or a topic",
    QuestionGenerator: "pick a topic, press Generate, get questions of the bank or of a model",
    question_generator: "the same, with the servers that you named in the environment",
    FlashCards: "interview questions that come back until they are known",
    Knobs: "sliders over the HTML of any function",
}

__all__ = ["WHAT", "overview", *(thing.__name__ for thing in WHAT)]


def overview():
    """Return what there is, a line each: the name, and what it shows.

    >>> print(overview().splitlines()[0])
    show_tokens              tokens as tiles, ids below them (it stands still)
    """
    return "\n".join(f"{thing.__name__:24} {what}" for thing, what in WHAT.items())
