"""What the course's chat model learns from: questions in many wordings, tasks, and the batches of both.

Most wordings are learned with the answer broken off after `KEPT` tokens: so few tell all answers
apart, and the time that the rest of an answer takes goes to more wordings. The whole answers come in
single turns and in conversations. No wording comes twice alike: two wordings of one question are
spliced, words are left out, moved, mistyped and cut in pieces.
"""

import random
from functools import lru_cache
from itertools import chain

from classroom.worlds import tasks
from classroom.worlds.course_qa import foreign_questions, questions
from classroom.worlds.practice import contrast_texts, sum_texts
from helpers.assistant.refusal import DO_NOT_KNOW
from helpers.instructions import Instruction, encode_conversation, format_chat, instruction_loader
from helpers.texts.documents import DocumentLoader
from helpers.tokenizer import end_of_text_id
from tools.makers.course_rows import cut_words, encode_pieces
from tools.makers.course_texts import as_learned, draw_tasks, typed

N_TASKS, SEED = 160_000, 1
TASKS_OF_SUMS = 0.25  # of the tasks, so many are sums beyond those of the grammar
READ_AGAIN = {"sums": 16_000, "contrasts": 8_000}  # texts of pretraining, against forgetting
KEPT = 5
BROKEN_OFF_TIMES, WHOLE_TIMES, FOREIGN_TIMES = 8, 1, 3
SPLICED_SHARE, TYPED_SHARE = 0.5, 0.5
# Long ones too: a place in the context at which nothing was learned is a place to get lost.
CONVERSATION_SHARE, CONVERSATION_LENGTHS = 0.4, (2, 3, 4, 5, 6)
BATCH_TOKENS, ROUND_TO = 3072, 8


def conversations(n_tasks=N_TASKS, whole_times=WHOLE_TIMES, seed=SEED):
    """What is learned whole: single turns, and some conversations of two to six.

    Training wordings come `whole_times` times on average, every question equally often, beside `n_tasks`
    tasks. To foreign questions the answer is that it does not know.
    """
    rng = random.Random(seed)
    turns = [*_asked(whole_times, FOREIGN_TIMES, rng)]
    drawn = draw_tasks(n_tasks, seed, "train", TASKS_OF_SUMS)
    turns += (as_turn(task.instruction, task.output, task.input) for task in drawn)
    rng.shuffle(turns)
    found, place = [], 0
    while place < len(turns):
        length = rng.choice(CONVERSATION_LENGTHS) if rng.random() < CONVERSATION_SHARE else 1
        found.append(turns[place : place + length])
        place += length
    return found


def broken_off(times=BROKEN_OFF_TIMES, seed=SEED + 1):
    """The turns whose answers are broken off: training wordings `times` times on average."""
    return list(_asked(times, FOREIGN_TIMES if times else 0, random.Random(seed)))


def read_again(wanted=READ_AGAIN, seed=SEED):
    """Practice texts as pretraining has them, newly drawn: sums, and words against their opposites."""
    practice = {"sums": sum_texts, "contrasts": contrast_texts}
    return [text for name, n in wanted.items() for text in practice[name](n, seed)]


def spliced(wording, other, rng):
    """The beginning of a wording and the end of another of the same question, both cut by chance.

    >>> spliced("What is a token?", "explain tokens to me", random.Random(4))
    'What to me'
    """
    words, others = wording.split(), other.split()
    joined = words[: rng.randint(0, len(words))] + others[rng.randint(0, len(others)) :]
    return " ".join(joined) if len(joined) > 1 else wording


def training_loader(tokenizer, learned, parts, texts, config, max_tokens):
    """The batches to learn from: conversations, turns (`parts`) whose answers are broken off, and texts.

    Of the texts every token is scored, as in pretraining.
    """
    documents, marks = [], []
    pieces = InPieces(tokenizer)
    for turns in chain(learned, ([turn] for turn in parts)):
        ids, scored = encode_conversation(pieces, turns, format_chat)
        documents.append(ids[: max_tokens - 1])
        marks.append([*scored[: len(documents[-1])], len(ids) < max_tokens])
    for place in range(len(learned), len(documents)):
        kept = marks[place].index(True) + KEPT
        if kept < len(documents[place]):
            documents[place], marks[place] = documents[place][:kept], [*marks[place][:kept], False]
    for text in texts:
        documents.append(tokenizer.encode_ordinary(text)[: max_tokens - 1])
        marks.append([True] * (len(documents[-1]) + 1))
    return DocumentLoader(
        documents,
        end_of_text_id(tokenizer),
        config.batch_size,
        seed=config.seed,
        scored=marks,
        batch_tokens=max(BATCH_TOKENS, max_tokens),
        round_to=ROUND_TO,
    )


def validation_loader(tokenizer, config, max_tokens):
    """The batches of the validation data, with whole answers: as many tasks as questions."""
    held_out = [as_turn(*asked) for asked in questions("validation")]
    drawn = tasks.sample(len(held_out), 3, "validation")
    held_out += [as_turn(task.instruction, task.output, task.input) for task in drawn]
    return instruction_loader(
        tokenizer,
        held_out,
        min(config.batch_size, 24),
        format_chat,
        max_tokens=max_tokens,
        seed=config.seed,
        shuffle=False,
        round_to=ROUND_TO,
    )


class InPieces:
    """A tokenizer that cuts words where `cut_words` has marked them, and is as before in all else."""

    def __init__(self, tokenizer):
        self.tokenizer = tokenizer
        self.encode_ordinary = lru_cache(maxsize=4096)(self._encode)  # answers come again and again

    def __getattr__(self, name):
        return getattr(self.tokenizer, name)

    def _encode(self, text):
        return encode_pieces(self.tokenizer, text)


def as_turn(instruction, output, input=""):
    """One turn of a conversation; an answer begins with a space, as every word does."""
    return Instruction(instruction, input, f" {output}")


def _asked(times, foreign_times, rng):
    """Turns of the training wordings, changed anew each time, and of the foreign questions."""
    by_answer = {}
    for wording, answer in questions("train"):
        by_answer.setdefault(answer, []).append(wording)
    foreign = [(question, DO_NOT_KNOW) for question in foreign_questions("train")]
    for wording, answer in evenly(by_answer, times, rng) + foreign * foreign_times:
        changed = wording
        if answer in by_answer and rng.random() < SPLICED_SHARE:
            changed = as_learned(wording, spliced(wording, rng.choice(by_answer[answer]), rng))
        if rng.random() < TYPED_SHARE:
            changed = typed(changed, rng)
        yield as_turn(cut_words(changed, rng), answer)


def evenly(by_answer, times, rng):
    """Pairs (wording, answer), `times` for each wording on average and as many for each answer.

    An answer with fewer wordings would otherwise be given less often, also to questions of its own.

    >>> evenly({"yes": ["a", "b", "c"], "no": ["d"]}, 1, random.Random(0))
    [('b', 'yes'), ('c', 'yes'), ('d', 'no'), ('d', 'no')]
    """
    share = times * sum(map(len, by_answer.values())) // max(1, len(by_answer))
    pairs = []
    for answer, known in by_answer.items():
        rounds, rest = divmod(share, len(known))
        pairs += ((wording, answer) for wording in known * rounds + rng.sample(known, rest))
    return pairs
