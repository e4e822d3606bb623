"""The turns of notebook 01: other right answers, typical mistakes, and each property of each task."""

import random
from functools import partial

from classroom.turns.t01 import SMALL_SCRIPT, TURNS, MiniEliza, in_1966_form, random_texts
from helpers.eliza import Eliza
from helpers.eliza.script import parse_script
from tests.turn_cells import changed as changed_text
from tests.turn_cells import function, turn_tests


def writer(name, arguments, imports=""):
    return partial(function, f"{name}({arguments})", imports=imports)


reflect = writer("reflect", "words, swaps")
match = writer("match", "pattern, words")
fill = writer("fill", "answer, pieces", "import re\n\n")
kept = writer("kept_words", "text, ranks", "import re\n\n")
stack = writer("stack_keywords", "words, ranks")
apply = writer("apply_rules", "keyword, words, rules, given")
remember = writer("remember", "stack, words, memory")
count = writer("count_followers", "words", "from collections import Counter\n\n")
pairs = writer("next_word_pairs", "text, context_size")
prompt = writer("few_shot_prompt", "task, examples, query")

MATCH = """@your_turn
def match(pattern, words):
    if not pattern:
        return None if words else []
    if pattern[0] != "0":
        rest = match(pattern[1:], words[1:]) if words[:1] == pattern[:1] else None
        return None if rest is None else [words[:1], *rest]
    for length in range(len(words) + 1):
        rest = match(pattern[1:], words[length:])
        if rest is not None:
            return [words[:length], *rest]
    return None
"""
FILL = (
    "found = lambda n: ''.join(' ' + word for word in pieces[int(n[1]) - 1])",
    r"return re.sub(r' ?(\d+)', found, answer).strip()",
)
KEPT = (
    r"for part in re.split(r'[.,;:!?]|\bbut\b', text.lower()):",
    """    words = re.findall(r"[a-z0-9']+", part)""",
    "    if any(word in ranks for word in words):",
    "        return words",
    "return []",
)
STACK = (
    "stack = []",
    "for word in words:",
    "    if word in ranks:",
    "        higher = stack and ranks[word] > ranks[stack[0]]",
    "        stack.insert(0 if higher else len(stack), word)",
    "return stack",
)
APPLY = (
    "for pattern, answers in rules[keyword]:",
    "    pieces = match(pattern.split(), words)",
    "    if pieces is not None:",
    "        answer = answers[given[keyword, pattern] % len(answers)]",
    "        given[keyword, pattern] += 1",
    "        if answer.startswith('='):",
    "            return apply_rules(answer[1:], words, rules, given)",
    "        return fill(answer, pieces)",
    "return None",
)
REMEMBER = (
    "keyword, pattern, remark = memory",
    "if stack[:1] != [keyword]:",
    "    return None",
    "pieces = match(pattern.split(), words)",
    "return None if pieces is None else fill(remark, pieces)",
)
WHOLE = """from collections import Counter

@your_turn
class MiniEliza:
    def __init__(self, script):
        self.script, self.given = script, Counter()
        self.memory, self.number = [], 0

    def respond(self, text):
        self.number += 1
        script = self.script
        typed = kept_words(text, script["ranks"])
        stack = stack_keywords(typed, script["ranks"])
        words = reflect(typed, script["swaps"])
        remark = remember(stack, words, script["memory"])
        if remark:
            self.memory.append(remark)
        if not stack and self.memory and self.number % 4 == 3:
            return self.memory.pop(0)
        for keyword in [*stack, "none"]:
            answer = apply_rules(keyword, words, script["rules"], self.given)
            if answer:
                return answer
"""
ANSWERS = """        rules, tried = self.script["rules"], [*stack, "none"]
        answers = (apply_rules(k, words, rules, self.given) for k in tried)
        return next(answer for answer in answers if answer)
"""
PAIRS = (
    "words = text.split()",
    "return [(words[max(0, i - context_size) : i], words[i]) for i in range(1, len(words))]",
)
PROMPT = (
    "parts = [task] if task else []",
    "parts += [f'{a}\\n{b}' for a, b in examples]",
    "return '\\n\\n'.join(parts + [query + '\\n'])",
)


def changed(lines, old, new):
    """Lines with one change."""
    return changed_text("\n".join(lines), (old, new)).split("\n")


RIGHT = [
    reflect(
        "new = []",
        "for word in words:",
        "    new.append(swaps[word] if word in swaps else word)",
        "return new",
    ),
    match(
        "if not pattern or not words:",
        "    return None if words or set(pattern) > {'0'} or set(pattern) - {'0'} else [[] for _ in pattern]",
        "if pattern[0] == '0':",
        "    rest = match(pattern[1:], words)",
        "    if rest is not None:",
        "        return [[]] + rest",
        "    rest = match(pattern, words[1:])",
        "    return None if rest is None else [[words[0]] + rest[0]] + rest[1:]",
        "rest = match(pattern[1:], words[1:]) if pattern[0] == words[0] else None",
        "return None if rest is None else [[words[0]]] + rest",
    ),
    fill(
        r"parts = re.split(r'(\d+)', answer)",
        "for i in range(1, len(parts), 2):",
        "    parts[i] = ' '.join(pieces[int(parts[i]) - 1])",
        r"    if not parts[i] and parts[i - 1].endswith(' '):",
        "        parts[i - 1] = parts[i - 1][:-1]",
        "return ''.join(parts)",
    ),
    kept(
        "words = []",
        """for token in [*re.findall(r"[a-z0-9']+|[.,;:!?]", text.lower()), "."]:""",
        "    if token != 'but' and token not in '.,;:!?':",
        "        words.append(token)",
        "    elif ranks.keys() & set(words):",
        "        return words",
        "    else:",
        "        words = []",
        "return words",
    ),
    stack(
        "stack = []",
        "for word in filter(ranks.__contains__, words):",
        "    if stack and ranks[word] > ranks[stack[0]]:",
        "        stack = [word] + stack",
        "    else:",
        "        stack = stack + [word]",
        "return stack",
    ),
    apply(
        "for pattern, answers in rules[keyword]:",
        "    pieces = match(pattern.split(), words)",
        "    if pieces is None:",
        "        continue",
        "    turn = given[keyword, pattern]",
        "    given[keyword, pattern] = turn + 1",
        "    answer = (answers * (turn + 1))[turn]",
        "    if answer[0] == '=':",
        "        return apply_rules(answer[1:], words, rules, given)",
        "    return fill(answer, pieces)",
    ),
    remember(
        "if stack and stack[0] == memory[0]:",
        "    pieces = match(memory[1].split(), words)",
        "    if pieces is not None:",
        "        return fill(memory[2], pieces)",
    ),
    WHOLE.replace(WHOLE[WHOLE.index("        for keyword") :], ANSWERS),
    count(
        "followers = {word: Counter() for word in words[:-1]}",
        "for place in range(len(words) - 1):",
        "    followers[words[place]][words[place + 1]] += 1",
        "return followers",
    ),
    pairs(
        "words, made = text.split(), []",
        "for i, word in enumerate(words):",
        "    if i:",
        "        made.append((words[:i][-context_size:], word))",
        "return made",
    ),
    prompt(
        "text = task + '\\n\\n' if task else ''",
        "for a, b in examples:",
        "    text += a + '\\n' + b + '\\n\\n'",
        "return text + query + '\\n'",
    ),
]

# the first words of the turn's own message; each also is the one property that this version lacks
WRONG = [
    (reflect("return [swaps[word] for word in words if word in swaps]"), "must stay"),
    (reflect("return [swaps.get(word) for word in words]"), "became None"),
    (reflect("for word in words:", "    return [swaps.get(word, word)]"), "after the loop"),
    (reflect("return ' '.join(swaps.get(word, word) for word in words)"), "list of words"),
    (
        reflect("once = [swaps.get(w, w) for w in words]", "return [swaps.get(w, w) for w in once]"),
        "swap each word once",
    ),
    (
        reflect(
            "for i, word in enumerate(words):",
            "    words[i] = swaps.get(word, word)",
            "return words",
        ),
        "make a new list",
    ),
    (
        reflect(
            "text = ' '.join(words)",
            "for a in ('am', 'my', 'you', 'me', 'i'):",
            "    text = text.replace(a, '<' + a + '>') if a in ('am', 'my') else text",
            "for a, b in swaps.items():",
            "    text = text.replace('<' + a + '>', b)",
            "words = text.split()",
            "return [swaps.get(w, w) if w in ('i', 'you', 'me') else w for w in words]",
        ),
        "not parts",
    ),
    (
        match(
            "pieces = []",
            "for element in pattern:",
            "    if element == '0':",
            "        pieces.append([])",
            "    elif element in words:",
            "        pieces.append([element])",
            "return pieces",
        ),
        "the words that it took",
    ),
    (MATCH.replace("return None if words else []", "return []"), "use up every word"),
    (MATCH.replace("range(len(words) + 1)", "range(len(words), -1, -1)"), "as few words"),
    (MATCH.replace("range(len(words) + 1)", "range(1, len(words) + 1)"), "no word at all"),
    (MATCH.replace("[words[:1], *rest]", "[words[0], *rest]"), "list of words"),
    (MATCH.removesuffix("    return None\n") + "    return []\n", "should give None"),
    (
        match(
            "import re",
            "text = ' '.join(words)",
            "made = re.search(' ?'.join('(.*?)' if e == '0' else f'({e})' for e in pattern), text)",
            "return [piece.split() for piece in made.groups()] if made else None",
        ),
        "and should give",
    ),
    (
        match(
            "pieces, rest = [], words",
            "for e in pattern:",
            "    if e == '0':",
            "        pieces.append([])",
            "        continue",
            "    while rest and rest[0] != e and pieces and pattern[len(pieces) - 1] == '0':",
            "        pieces[-1] = pieces[-1] + rest[:1]",
            "        rest = rest[1:]",
            "    if not rest or rest[0] != e:",
            "        return None",
            "    pieces.append(rest[:1])",
            "    rest = rest[1:]",
            "if rest and pattern[-1:] == ['0']:",
            "    pieces[-1], rest = rest, []",
            "return None if rest else pieces",
        ),
        "must take more words",
    ),
    (
        match(
            "words.reverse()",
            "words.reverse()",
            "pieces = []",
            "return pieces or None",
        ),
        "returned None",
    ),
    (fill("return ' '.join(' '.join(pieces[int(w) - 1]) if w.isdigit() else w for w in answer.split())"), "question mark"),
    (fill(*changed(FILL, "' ' + word", "word")), "spaces between"),
    (
        fill(
            "for number, piece in enumerate(pieces, 1):",
            "    answer = answer.replace(str(number), ' '.join(piece))",
            "return ' '.join(answer.split()).replace(' ?', '?')",
        ),
        "speaker's own",
    ),
    (fill(r"return re.sub(r'\d+', lambda n: ' '.join(pieces[int(n[0]) - 1]), answer)"), "two spaces"),
    (
        fill(r"return ' '.join(re.sub(r'\d+', lambda n: ' '.join(pieces[int(n[0]) - 1]), answer).split())"),
        "before a mark",
    ),
    (fill(*changed(FILL, r"(\d+)", r"(\d)")), "12 is one number"),
    (fill(r"return re.sub(r' ?(\d+)', lambda n: ''.join(' ' + w for w in pieces[int(n[1]) - 1]), answer)"), "come first"),
    (kept(*changed(KEPT, "text.lower()", "text")), "lower case"),
    (
        kept(
            r"for part in re.split(r'\.|\bbut\b', text.lower()):",
            "    if set(part.split()) & set(ranks):",
            "        return part.split()",
            "return []",
        ),
        "out of words",
    ),
    (kept(*changed(KEPT, "[.,;:!?]", "[.;:!?]")), "left out"),
    (kept(*changed(KEPT, "[.,;:!?]", "[.,:!?]")), "the mark ;"),
    (kept(*changed(KEPT, r"|\bbut\b", "")), "the word but"),
    (kept(*changed(KEPT, r"\bbut\b", "but")), "whole word but"),
    (kept(*changed(KEPT, "0-9'", "0-9")), "don't is one word"),
    (kept(*changed(KEPT, "a-z0-9'", "a-z'")), "digits"),
    (kept(*changed(KEPT, "return []", "return words")), "nothing is kept"),
    (
        kept(
            "for part in re.split(r'[.,;:!?]|\\bbut\\b', text.lower()):",
            "    if any(word in part for word in ranks):",
            '''        return re.findall(r"[a-z0-9']+", part)''',
            "return []",
        ),
        "keyword",
    ),
    (kept(*changed(KEPT, "return words", "return part.strip()")), "list of its words"),
    (
        kept('''words = re.findall(r"[a-z0-9']+", text.lower())''', "return words"),
        "one part only",
    ),
    (stack("return [word for word in words if word in ranks]"), "highest rank"),
    (
        stack("return sorted((w for w in words if w in ranks), key=lambda w: -ranks[w])"),
        "it is sorted",
    ),
    (stack(*changed(STACK, "ranks[word] > ", "ranks[word] >= ")), "equal ranks"),
    (stack(*changed(STACK, "if word in ranks", "if word in ranks and word not in stack")), "each time"),
    (stack(*changed(STACK, "if word in ranks", "if ranks.get(word)")), "counts 0 as false"),
    (
        stack("best = max((w for w in words if w in ranks), key=ranks.get)", "return [best]"),
        "keep the others",
    ),
    (stack(*changed(STACK, "return stack", "return [ranks[word] for word in stack]")), "the ranks"),
    (stack(*changed(STACK, "if word in ranks", "if ranks.get(word, 1) > 0 or stack")), "KeyError"),
    (
        stack(
            "stack = []",
            "for word in words:",
            "    if word in ranks:",
            "        higher = stack and ranks[word] > ranks[stack[0]]",
            "        stack.insert(0 if higher else len(stack), word)",
            "return [w for w in stack if ranks[w] or len(stack) > 1]",
        ),
        "counts 0 as false",
    ),
    (apply(*changed(APPLY, "rules[keyword]:", "rules[keyword][::-1]:")), "from the first to the last"),
    (apply(*changed(APPLY, "pattern.split()", "pattern")), "split the pattern"),
    (apply(*changed(APPLY, "return fill(answer, pieces)", "return answer")), "with fill"),
    (apply(*changed(APPLY, "        given[keyword, pattern] += 1\n", "")), "count in given"),
    (apply(*changed(APPLY, " % len(answers)", "")), "IndexError"),
    (apply(*changed(APPLY, "given[keyword, pattern]", "given[keyword]")), "counts its own turns"),
    (apply(*APPLY[:5], *APPLY[7:]), "is a link"),
    (
        apply(
            *changed(
                APPLY,
                "return apply_rules(answer[1:], words, rules, given)",
                "return apply_rules(answer[1:], words, {**rules, 'mine': [('0', ['?'])]}, given)",
            )
        ),
        "another link",
    ),
    (apply(*changed(APPLY, "return None", "return 'Go on.'")), "the next keyword"),
    (
        apply("pattern, answers = rules[keyword][0]", *[line[4:] for line in APPLY[1:8]], "return None"),
        "each pattern counts",
    ),
    (remember(*changed(REMEMBER, "stack[:1] != [keyword]", "keyword not in stack")), "only the top"),
    (remember(*changed(REMEMBER, "stack[:1] != [keyword]", "stack[0] != keyword")), "IndexError"),
    (remember(*changed(REMEMBER, "fill(remark, pieces)", "remark")), "with fill"),
    (
        remember(*changed(REMEMBER, "return None if pieces is None else ", "return ")),
        "TypeError",
    ),
    (
        remember(*changed(REMEMBER, "keyword, pattern, remark = memory", "keyword, pattern, remark = 'my', '0 your 0', memory[2]")),
        "returned None",
    ),
    (
        remember(*changed(REMEMBER, "return None if pieces is None else fill(remark, pieces)", "return fill(remark, pieces or [['']] * 3)")),
        "does not fit",
    ),
    (WHOLE.replace("rules\"], self.given", "rules\"], Counter()"), "answers take turns"),
    (WHOLE.replace("words = reflect(typed, script[\"swaps\"])", "words = typed"), "after the swap"),
    (
        WHOLE.replace("stack = stack_keywords(typed,", "stack = stack_keywords(reflect(typed, script['swaps']),"),
        "as typed",
    ),
    (WHOLE.replace("            self.memory.append(remark)", "            pass"), "store the remark"),
    (WHOLE.replace(" and self.number % 4 == 3", ""), "texts number 3, 7, 11"),
    (WHOLE.replace("not stack and self.memory", "self.memory"), "no keyword"),
    (WHOLE.replace("self.memory.pop(0)", "self.memory[0]"), "comes back twice"),
    (WHOLE.replace("self.memory.pop(0)", "self.memory.pop()"), "oldest"),
    (WHOLE.replace('[*stack, "none"]', '[*stack[:1], "none"]'), "helpers.eliza says"),
    (
        WHOLE.replace("    def __init__", "    given = Counter()\n\n    def __init__").replace(
            "self.script, self.given = script, Counter()", "self.script = script"
        ),
        "a second MiniEliza",
    ),
    (count("return dict(Counter(words))"), "count words"),
    (
        count(
            "followers = {}",
            "for a, b in zip(words, words[1:]):",
            "    followers.setdefault(a, set()).add(b)",
            "return followers",
        ),
        "forgets how often",
    ),
    (
        count(
            "followers = {}",
            "for a, b in zip(words, words[1:]):",
            "    found = followers.setdefault(a, {})",
            "    found[b] = found.get(b, 0) + 1",
            "return followers",
        ),
        "must be a Counter",
    ),
    (
        count(
            "followers = {}",
            "for a, b in zip(words, [*words[1:], None]):",
            "    followers.setdefault(a, Counter())[b] += 1",
            "return followers",
        ),
        "nothing after it",
    ),
    (
        count(
            "followers = {}",
            "for a, b in zip(words, words[1:]):",
            "    if a != b:",
            "        followers.setdefault(a, Counter())[b] += 1",
            "return followers",
        ),
        "follow itself",
    ),
    (
        count(
            "followers = {word: Counter() for word in words}",
            "for a, b in zip(words, words[1:]):",
            "    followers[a][b] += 1",
            "return followers if len(words) > 1 else followers or {}",
        ),
        "no follower",
    ),
    (
        count(
            "followers = {}",
            "for b, a in zip(words, words[1:]):",
            "    followers.setdefault(a, Counter())[b] += 1",
            "return followers",
        ),
        "right after it",
    ),
    (pairs(*changed(PAIRS, "words[max(0, i - context_size) : i]", "words[:i]")), "more than"),
    (pairs(*changed(PAIRS, "range(1, ", "range(0, ")), "nothing before it"),
    (pairs(*changed(PAIRS, "range(1, ", "range(context_size, ")), "at the beginning"),
    (
        pairs(*changed(PAIRS, "words[max(0, i - context_size) : i]", "words[: min(i, context_size)]")),
        "not the first",
    ),
    (
        pairs(*changed(PAIRS, "words[max(0, i - context_size) : i]", "' '.join(words[max(0, i - context_size) : i])")),
        "here it is one string",
    ),
    (
        pairs(
            "words = text.split()",
            "return [(words[max(0, i - context_size + 1) : i + 1], w) for i, w in enumerate(words)]",
        ),
        "in its own input",
    ),
    (pairs(*changed(PAIRS, "max(0, i - context_size)", "max(0, i - 2)")), "a context of one word"),
    (pairs(*changed(PAIRS, "max(0, i - context_size)", "i - context_size")), "below 0"),
    (pairs(*changed(PAIRS, "[(words[max(0, i - context_size) : i], words[i])", "[[words[max(0, i - context_size) : i], words[i]]")), "is a tuple"),
    (pairs(PAIRS[0], "if context_size > len(words):", "    return []", PAIRS[1]), "long context"),
    (prompt(*changed(PROMPT, "query + '\\n'", "query")), "line break"),
    (prompt(*changed(PROMPT, "'\\n\\n'.join", "'\\n'.join")), "empty line"),
    (prompt(*changed(PROMPT, "[task] if task else []", "[]")), "the task is missing"),
    (prompt(*changed(PROMPT, "in examples]", "in examples[::-1]]")), "their order"),
    (prompt(*changed(PROMPT, "[task] if task else []", "[task]")), "no empty part"),
    (prompt(*changed(PROMPT, "in examples]", "in examples or [('a', 'b')]]")), "zero-shot"),
    (prompt(*changed(PROMPT, "f'{a}\\n{b}'", "f'{a.strip()}\\n{b.strip()}'")), "spaces stay"),
]  # fmt: skip


(
    test_right_answers_of_another_shape,
    test_mistakes_have_their_own_message,
    test_every_turn_has_mistakes_and_another_right_answer,
) = turn_tests(TURNS, RIGHT, WRONG)


def test_the_small_eliza_says_what_the_real_one_says():
    small, real = MiniEliza(SMALL_SCRIPT), Eliza(parse_script(in_1966_form(SMALL_SCRIPT)))
    texts = random_texts(random.Random(2), 3000)
    assert [small.respond(text) for text in texts] == [real.respond(text) for text in texts]
    assert len({real.respond(text) for text in texts}) > 20
