"""Instruction data for a model: prompt formats, and batches in which only answers are scored.

A conversation is a list of turns, each an `Instruction`. As tokens it is one document:

    prompt of turn 1 | answer 1 | <end> | prompt of turn 2 | answer 2 | <end>
       not scored    |      scored      |     not scored   |      scored

Sources: Taori et al. 2023 (Alpaca's format); Abdin et al. 2024 (Phi-3's format).
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from helpers.bpe import BPETokenizer
from helpers.texts.documents import DocumentLoader
from helpers.tokenizer import end_of_text_id

PromptFormat = Callable[[str, str], str]  # an instruction and its input to a prompt


class Instruction(NamedTuple):
    """An instruction, the input it is about (may be empty), and the right output."""

    instruction: str
    input: str = ""
    output: str = ""


def format_alpaca(instruction: str, input: str = "") -> str:
    """Return the prompt in Alpaca's format; the answer follows it directly.

    >>> print(format_alpaca("Add up.", "2 and 3").splitlines()[2])
    ### Instruction:
    """
    task = "Below is an instruction that describes a task"
    if input:
        task += ", paired with an input that provides further context"
    text = f"{task}. Write a response that appropriately completes the request."
    text += f"\n\n### Instruction:\n{instruction}"
    if input:
        text += f"\n\n### Input:\n{input}"
    return text + "\n\n### Response:\n"


def format_phi3(instruction: str, input: str = "") -> str:
    """Return the prompt in the shorter format of Phi-3; the answer follows it directly.

    >>> format_phi3("Add up.", "2 and 3")
    '<|user|>\\nAdd up.\\n2 and 3<|end|>\\n<|assistant|>\\n'
    """
    question = f"{instruction}\n{input}" if input else instruction
    return f"<|user|>\n{question}<|end|>\n<|assistant|>\n"


def format_chat(instruction: str, input: str = "") -> str:
    """Return the prompt for the course's chat model: Phi-3's format, with a space before each line.

    Most tokens are a word with the space before it. With a space at the start of each line, a word
    is the same token at every position, so it can be copied. The answer begins with a space, too.

    >>> format_chat("Add up.", "2 and 3")
    '<|user|>\\n Add up.\\n 2 and 3<|end|>\\n<|assistant|>\\n'
    """
    lines = [text.replace("\n", "\n ") for text in (instruction, input) if text]
    return format_phi3(*(f" {line}" for line in lines))


FORMATS = {"alpaca": format_alpaca, "phi3": format_phi3, "chat": format_chat}


def encode_conversation(
    tokenizer: BPETokenizer,
    turns: Sequence[Instruction],
    prompt_format: PromptFormat = format_phi3,
    mask_prompt: bool = True,
) -> tuple[list[int], list[bool]]:
    """Return (token ids, scored) of one conversation, without its last end-of-text token.

    `scored` says of each token whether the loss counts it. It has one value more than there are
    ids, for the end that `DocumentLoader` adds. With `mask_prompt=False` prompts are scored, too.
    Raises ValueError for no turns and for a turn without an answer.

    >>> from helpers.bpe import BPETokenizer
    >>> tokenizer = BPETokenizer.train("abc", 257, ("<|endoftext|>",))
    >>> ids, scored = encode_conversation(tokenizer, [Instruction("Hi", output="Yo")])
    >>> tokenizer.decode(ids), sum(scored)
    ('<|user|>\\nHi<|end|>\\n<|assistant|>\\nYo', 3)
    """
    if not turns:
        raise ValueError("a conversation needs at least one turn")
    end_id = end_of_text_id(tokenizer)
    ids, scored = [], []
    for turn in turns:
        if not isinstance(turn, Instruction):
            raise TypeError(f"a turn must be an Instruction, not {type(turn).__name__}")
        if not turn.output:
            raise ValueError(f"there is no answer to {turn.instruction!r}")
        prompt = tokenizer.encode_ordinary(prompt_format(turn.instruction, turn.input))
        answer = [*tokenizer.encode_ordinary(turn.output), end_id]
        ids += prompt + answer
        scored += [not mask_prompt] * len(prompt) + [True] * len(answer)
    return ids[:-1], scored


def instruction_loader(
    tokenizer: BPETokenizer,
    conversations: Sequence[Instruction | Sequence[Instruction]],
    batch_size: int,
    prompt_format: PromptFormat = format_phi3,
    mask_prompt: bool = True,
    max_tokens: int | None = None,
    **options: Any,
) -> DocumentLoader:
    """Return a `DocumentLoader` of conversations in which the loss ignores the prompts.

    A conversation may be a single turn. One that is longer than `max_tokens` (with an end-of-text
    token before and after it) is truncated; `loader.n_cut` is the number of these. `options` go to
    `DocumentLoader`. Raises ValueError if there are no conversations, or if truncation leaves one
    without any scored token.
    """
    if not conversations:
        raise ValueError("there are no instructions to learn from")
    documents, marks, n_cut = [], [], 0
    for each in conversations:
        turns = [each] if isinstance(each, Instruction) else each
        ids, scored = encode_conversation(tokenizer, turns, prompt_format, mask_prompt)
        if max_tokens is not None and len(ids) + 1 > max_tokens:
            n_cut += 1
            ids, scored = ids[: max_tokens - 1], [*scored[: max_tokens - 1], False]
            if not any(scored):
                raise ValueError(
                    f"the prompt {turns[0].instruction[:40]!r}... fills all {max_tokens} tokens"
                )
        documents.append(ids)
        marks.append(scored)
    end_id = end_of_text_id(tokenizer)
    loader = DocumentLoader(documents, end_id, batch_size, scored=marks, **options)
    loader.n_cut = n_cut
    return loader


def fit_prompt(token_ids: list[int], context_length: int, room: int) -> tuple[list[int], int]:
    """Keep the last tokens of a prompt, so that an answer of `room` tokens fits after it.

    The end of the prompt is kept, since it usually holds the question. Returns (token ids, number
    of tokens dropped). Raises ValueError if `room` leaves no space for the prompt.

    >>> fit_prompt([1, 2, 3, 4, 5], context_length=6, room=3)
    ([3, 4, 5], 2)
    """
    kept = context_length - room
    if kept < 1:
        raise ValueError(f"an answer of {room} tokens fills the context of {context_length}")
    return token_ids[-kept:], max(0, len(token_ids) - kept)
