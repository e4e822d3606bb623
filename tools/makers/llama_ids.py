"""Write the token ids that llama.cpp gives 10,000 strings, for a test to compare ours with.

    python -m tools.makers.llama_ids          needs llama-cpp-python and `course.py data smollm2`

The strings are made by a seeded program, so only a digest of each one's ids is kept, 4 bytes, in
`tests/llama_ids.json`. Sentences, code, numbers, white space, control characters, and the letters,
marks and signs of all scripts that Unicode 3.2 had: on later ones two programs may disagree about
what is a letter.
"""

import argparse
import base64
import hashlib
import json
import random
import sys
import unicodedata
from pathlib import Path

from helpers.files import sha256, write_whole
from helpers.texts import data_folder, load_corpus
from helpers.texts.sources import CORPORA
from tools.terminal import run_command

FILE = Path(__file__).resolve().parent.parent.parent / "tests" / "llama_ids.json"
N_STRINGS, SEED, DIGEST_BYTES = 10_000, 1, 4
CODE = (
    "def f(x):\n\treturn x**2  # square",
    "for (int i = 0; i < n; ++i) { a[i] += 1; }",
    "SELECT name, COUNT(*) FROM t GROUP BY 1;",
    "<a href='https://example.org/?q=1&r=2'>",
    '{"key": [1, 2.5e-3, null]}\r\n',
)
SHORT = (
    *(
        "'s",
        "'ll",
        "'T",
        "'re",
        "don't",
        "I'VE",
        "it''s",
        "’s",
        "--",
        "...",
        "?!",
        "a_b",
        "x2y",
        "3rd",
    ),
    *(
        "<|im_start|>",
        "<|endoftext|>",
        "<|im_end|>user",
        "Ġ",
        "Ċ",
        "½",
        "Ⅷ",
        "٣",
        "e\u0301",
        "👍",
        "\ufeff",
    ),
)
SPACES = (
    " ",
    "  ",
    "   ",
    "\n",
    "\n\n",
    "\t",
    "\r\n",
    " \n",
    "\n ",
    "\u00a0",
    "\u3000",
    "\u2028",
    "\x0b",
)


def characters():
    """Every character of Unicode 3.2 that a text may hold, in order."""
    category = unicodedata.ucd_3_2_0.category
    return [chr(i) for i in range(sys.maxunicode + 1) if category(chr(i)) not in ("Cn", "Cs", "Co")]


def make_strings(n=N_STRINGS, seed=SEED):
    """The strings: the same on every machine and in every Python."""
    rng, every, words = random.Random(seed), characters(), load_corpus("story").split(" ")
    scripts = [every[start : start + 256] for start in range(0, len(every), 256)]

    def piece():
        kind = rng.randrange(8)
        if kind == 0:
            return str(rng.randrange(10 ** rng.randrange(1, 12)))
        if kind == 1:
            return rng.choice(CODE)
        if kind == 2:
            return rng.choice(SHORT)
        if kind == 3:
            return rng.choice(SPACES) * rng.randrange(1, 4)
        if kind == 4:
            return rng.choice(every)
        if kind == 5:  # a few characters of one script
            script = rng.choice(scripts)
            return "".join(rng.choice(script) for _ in range(rng.randrange(1, 8)))
        start = rng.randrange(len(words))
        return " ".join(words[start : start + rng.randrange(1, 12)])

    strings = []
    for _ in range(n):
        parts = [piece() for _ in range(rng.randrange(1, 7))]
        strings.append(rng.choice(("", " ")).join(parts))
    return strings


def digest(token_ids):
    """The first bytes of a hash of token ids."""
    text = " ".join(map(str, token_ids)).encode("ascii")
    return hashlib.sha256(text).digest()[:DIGEST_BYTES]


def hash_of(strings):
    """A hash of all strings: whether a program made the same ones."""
    return hashlib.sha256("\0".join(strings).encode("utf-8")).hexdigest()


def main(arguments=None):
    """Run the command line; return 0, or 1 where llama.cpp or the model is missing."""
    argparse.ArgumentParser(prog="tools.makers.llama_ids", description=__doc__).parse_args(
        arguments
    )
    path = data_folder() / CORPORA["smollm2"].downloads[0].file
    try:
        import llama_cpp

        model = llama_cpp.Llama(str(path), vocab_only=True, verbose=False)
    except (ImportError, ValueError) as error:
        print(f"llama.cpp cannot be asked: {error}", file=sys.stderr)
        return 1
    strings = make_strings()
    ids = [model.tokenize(text.encode("utf-8"), add_bos=False, special=False) for text in strings]
    contents = {
        "llama_cpp_python": llama_cpp.__version__,
        "model_sha256": sha256(path),
        "strings_sha256": hash_of(strings),
        "n_strings": len(strings),
        "n_ids": sum(map(len, ids)),
        "digests": base64.b64encode(b"".join(map(digest, ids))).decode("ascii"),
    }
    write_whole(FILE, json.dumps(contents, indent=1) + "\n")
    print(f"{FILE.name}: {contents['n_ids']:,} ids of {len(strings):,} strings")
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main, title="tools.makers.llama_ids"))
