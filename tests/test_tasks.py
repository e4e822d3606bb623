"""The tasks: every answer is held against a rule that sees only the text, every split against the others."""

import re
from collections import Counter, defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classroom.worlds import english
from classroom.worlds.english import number_in_digits, number_in_words, past, plural
from classroom.worlds.tasks import (
    answers as task_answers,
)
from classroom.worlds.tasks import (
    items as task_items,
)
from classroom.worlds.tasks import (
    words as task_words,
)
from classroom.worlds.tasks.tasks import KINDS, Task, item_of, sample, solve
from classroom.worlds.tasks.words import SPLITS, find_wording, split_of, words

EXAMPLES = [
    ("rewrite", "Make this sentence passive.", "Mia cut a bun.", "A bun was cut by Mia."),
    ("rewrite", "Make this request polite.", "Open the box.", "Could you open the box, please?"),
    ("negate", "Negate this sentence.", "The cat can swim.", "The cat cannot swim."),
    ("negate", "Negate this sentence.", "My boy likes tea.", "My boy does not like tea."),
    ("plural", 'What is the plural of "this mouse"?', "", "these mice"),
    ("plural", "Make this plural.", "one small box", "two small boxes"),
    ("tense", 'What is the past of "hurry"?', "", "hurried"),
    ("tense", "Put this sentence in the past.", "We buy the hat.", "We bought the hat."),
    ("tense", "Put this sentence in the future.", "I run at home.", "I will run at home."),
    ("sort", "Sort these numbers.", "12, 3, 20", "3, 12, 20"),
    ("sort", "Sort these words by the alphabet.", "pear, axe, hat", "axe, hat, pear"),
    ("count", "Count the words.", "pear, axe, hat", "3"),
    ("count", "Count the people.", "Mia, Tom and Ben are at the mill.", "3"),
    ("arithmetic", "What is 12 - 5?", "", "7"),
    ("arithmetic", "Solve this problem with words.", "two plus nine", "eleven"),
    ("arithmetic", "How many are there now?", "Tom had 9 cups and gave 2 away.", "7"),
    ("arithmetic", "How many are there now?", "Tom has 9 cups, and Mia has 2 cups.", "11"),
    ("extract", "Extract the name.", "Last Friday Mia saw the red hat.", "Mia"),
    ("extract", "When was this?", "Last Friday Mia saw the red hat.", "Friday"),
    ("extract", "Where is this?", "The red hat is with Mia at the inn.", "inn"),
    ("extract", "Write only the color.", "The red hat is with Mia at the inn.", "red"),
    ("extract", "Write only the number.", "At the inn Mia saw three hats.", "three"),
    ("classify", "Classify the word.", "trumpet", "instrument"),
    ("classify", "What is the sentiment of this review?", "The tea was not bad.", "positive"),
    ("classify", "What is the sentiment of this review?", "I hated the tea.", "negative"),
    ("complete", "What comes next?", "Saturday, Sunday", "Monday"),
    ("complete", "What comes next?", "15, 20, 25", "30"),
    ("complete", "What comes next?", "red, blue, red, blue", "red"),
    ("complete", "What comes after K?", "", "L"),
    ("numerals", "Turn the words into digits.", "forty-two", "42"),
    ("numerals", "Use words for this number: 100 hats", "", "one hundred hats"),
    ("format", "Make all letters capital.", "red fox", "RED FOX"),
    ("format", "Put commas between the words.", "pear axe hat", "pear, axe, hat"),
    ("format", "Make this list end with and.", "pear, axe, hat", "pear, axe and hat"),
    ("format", "What are the initials of Mia Brown?", "", "M. B."),
    ("format", "Change this date to numbers.", "May 3", "5/3"),
    ("question", "Ask if this is true.", "The cat is at the inn.", "Is the cat at the inn?"),
    ("question", "Ask if this is true.", "Mia needs tea now.", "Does Mia need tea now?"),
    ("opposite", "Name the opposite.", "cold", "hot"),
    ("opposite", "Change the last word to its opposite.", "This cup is wet.", "This cup is dry."),
    ("pick", "Which word is first?", "pear, axe, hat", "pear"),
    ("pick", "Pick the last one.", "pear, axe, hat", "hat"),
    ("pick", "Pick the odd one out.", "pear, axe, bun, pie", "axe"),
    ("compare", "Which is larger, 7 or 12?", "", "12"),
    ("compare", "Pick the smaller one.", "7 or 12", "7"),
]


@pytest.fixture(scope="module")
def drawn():
    """Five thousand tasks of each split."""
    return {split: sample(5_000, seed=11, split=split) for split in SPLITS}


@pytest.mark.parametrize("kind, instruction, input, answer", EXAMPLES)
def test_solve_by_hand(kind, instruction, input, answer):
    assert solve(Task(kind, instruction, input, "")) == answer


def test_the_examples_cover_every_form():
    covered = {item_of(Task(*example[:3], ""))[0] for example in EXAMPLES}
    assert covered == set(task_answers.RULES) == set(task_items.DRAW) == set(task_words.wordings())


@pytest.mark.parametrize("split", SPLITS)
def test_every_answer_is_what_the_rules_say(drawn, split):
    for task in drawn[split]:
        assert task.output == solve(task), task


def test_a_wrong_answer_is_found():
    task = sample(1, seed=0)[0]
    assert solve(task._replace(output="wrong")) == task.output


# splits


def test_wordings_are_held_out(drawn):
    asked = {split: {find_wording(*t[:3])[0] for t in drawn[split]} for split in SPLITS}
    assert asked["train"] == asked["validation"]
    assert not asked["train"] & asked["test"]


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_has_wordings_enough(kind):
    per_form = [task_words.wordings()[form] for form in task_words.forms()[kind]]
    every = [wording for form in per_form for wording in form]
    assert len({w.text for w in every}) == len(every) >= 11
    assert 3 <= sum(w.held_out for w in every) <= len(every) / 2
    assert all(sum(w.held_out for w in form) >= 2 for form in per_form)


def test_no_wording_belongs_to_two_forms():
    texts = [w.text for form in task_words.wordings().values() for w in form]
    assert [text for text, times in Counter(texts).items() if times > 1] == []


def test_held_out_wordings_use_known_words():
    """Each word of a held-out wording stands in a training wording of its kind."""
    known, unknown = defaultdict(set), set()
    for form, of_form in task_words.wordings().items():
        for wording in of_form:
            if not wording.held_out:
                known[form.split(".")[0]] |= set(re.findall(r"\w+", wording.text.lower()))
    for form, of_form in task_words.wordings().items():
        for wording in of_form:
            if wording.held_out:
                found = set(re.findall(r"\w+", wording.text.lower()))
                unknown |= {(form, word) for word in found - known[form.split(".")[0]]}
    assert unknown == set()


def test_items_of_splits_are_disjoint(drawn):
    items = {split: {item_of(task) for task in drawn[split]} for split in SPLITS}
    assert not items["train"] & items["validation"]
    assert not items["train"] & items["test"]
    assert not items["validation"] & items["test"]


@pytest.mark.parametrize("form", ["sort.words", "sort.numbers", "classify.thing", "pick.odd"])
def test_no_order_of_the_same_words_is_in_two_splits(drawn, form):
    found = defaultdict(set)
    for split in SPLITS:
        for task in sample(200, seed=3, split=split, kinds=[form.split(".")[0]]):
            of_form, item = item_of(task)
            if of_form == form:
                found[frozenset(item.split(", "))].add(split)
    assert found and all(len(splits) == 1 for splits in found.values())


def sums(split):
    """The sums of a split, in digits whatever their form."""
    found = set()
    for task in sample(600, seed=5, split=split, kinds=["arithmetic"]):
        form, item = item_of(task)
        numbers = re.findall(r"\d+", item)
        if form == "arithmetic.words":
            numbers = [str(number_in_digits(word)) for word in item.split(" ")[::2]]
        minus = int(solve(task)) < int(numbers[0]) if task.output.isdigit() else "minus" in item
        found.add((*numbers, "-" if minus else "+"))
    return found


def test_a_held_out_sum_is_held_out_in_every_form():
    train, validation, test = (sums(split) for split in SPLITS)
    assert not train & test and not train & validation and not validation & test
    assert len(train) > 200 and len(test) > 15


def changed_words(split, kind):
    """The nouns or verbs that tasks of a kind inflect."""
    found = set()
    for task in sample(1_500, seed=8, split=split, kinds=[kind]):
        form, item = item_of(task)
        if form == "plural.phrase":
            found.add(item.split(" ")[-1])
        elif form != "tense.future":
            found.add(item.rstrip(".").split(" ")[form == "tense.sentence"])
    return found


@pytest.mark.parametrize(
    "kind, irregular",
    [("plural", english.IRREGULAR_PLURALS), ("tense", english.IRREGULAR_PASTS)],
)
def test_some_regular_words_are_new_in_the_test_and_no_irregular_ones(kind, irregular):
    new = changed_words("test", kind) - changed_words("train", kind)
    assert len(new) >= 4
    assert not new & set(irregular)


def test_the_past_and_the_plural_of_new_words_are_read_elsewhere():
    others = [kind for kind in KINDS if kind not in ("plural", "tense")]
    texts = [" ".join(task[1:]) for task in sample(20_000, seed=4, kinds=others)]
    read = set(re.findall(r"[a-z]+", " ".join(texts)))
    for kind, change in (("plural", plural), ("tense", past)):
        new = changed_words("test", kind) - changed_words("train", kind)
        missing = {change(word) for word in new} - read
        assert len(missing) <= len(new) / 3, missing


def test_each_number_is_seen_in_one_direction():
    seen = set()
    for task in sample(3_000, seed=1, kinds=["numerals"]):
        form, item = item_of(task)
        number = item if form == "numerals.words" else task.output
        seen.add(int(number.split(" ")[0]))
    assert seen == set(range(101))


def test_each_opposite_is_seen_in_one_direction():
    seen = {item_of(task)[1] for task in sample(1_500, seed=1, kinds=["opposite"])}
    pairs = zip(words("opposite"), words("opposite", 1), strict=True)
    assert all(one in seen or other in seen for one, other in pairs)


@pytest.mark.parametrize("split", ["validation", "test"])
def test_no_form_asks_the_same_few_items(split):
    items = defaultdict(set)
    for task in sample(4_000, seed=2, split=split):
        form, item = item_of(task)
        items[form].add(item)
    assert set(items) == set(task_answers.RULES)
    assert min(len(of_form) for of_form in items.values()) >= 5


# texts and samples


def test_the_same_seed_draws_the_same_tasks(drawn):
    assert sample(40, seed=11) == drawn["train"][:40]
    assert sample(40, seed=12) != drawn["train"][:40]


def test_a_draw_is_the_same_on_every_machine():
    assert sample(1, seed=3, kinds=["plural"]) == [
        Task("plural", "Say this for more than one.", "nurse", "nurses")
    ]
    assert [split_of("sum", 7, "+", b) for b in range(1, 9)] == [
        "train",
        "validation",
        "train",
        "train",
        "train",
        "train",
        "train",
        "train",
    ]


def test_training_tasks_are_many(drawn):
    assert len(set(drawn["train"])) >= 2_000
    assert set(Counter(task.kind for task in drawn["train"])) == set(KINDS)
    assert len(KINDS) >= 12


@pytest.mark.parametrize("split", SPLITS)
def test_texts_are_short_and_plain(drawn, split):
    for task in drawn[split]:
        text = " ".join(task[1:])
        assert text.isascii() and text.isprintable() and "{" not in text
        assert len(text.split()) < 60 and 1 <= len(task.output.split()) <= 12
        assert all(part == " ".join(part.split()) for part in task[1:])


def test_kinds_can_be_chosen():
    assert {task.kind for task in sample(50, seed=0, kinds=["sort", "count"])} == {"sort", "count"}
    assert sample(0, seed=0) == []


@pytest.mark.parametrize(
    "arguments, message",
    [
        (dict(n=-1), "n is -1; it must be at least 0"),
        (dict(split="exam"), "split is 'exam'"),
        (dict(kinds=["sort", "juggle"]), "kind is 'juggle'"),
        (dict(kinds=[]), "kinds is empty"),
    ],
)
def test_bad_input_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        sample(**{"n": 1, "seed": 0} | arguments)


@pytest.mark.parametrize(
    "task, message",
    [
        (Task("juggle", "Juggle.", "", ""), "kind is 'juggle'"),
        (Task("sort", "Juggle these.", "a, b", ""), "no wording of 'sort' fits 'Juggle these.'"),
        (Task("plural", 'What is the plural of ""?', "", ""), "no wording of 'plural'"),
    ],
)
def test_what_cannot_be_solved_is_named(task, message):
    with pytest.raises(ValueError, match=message):
        solve(task)


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="form is 'sort.socks'"):
        task_items.draw("sort.socks", None)
    with pytest.raises(ValueError, match="no word list 'socks'"):
        words("socks")


# word lists and rules

WORDS = st.from_regex(r"[a-z]{1,5}[aeiou][a-z]{1,4}", fullmatch=True)


@pytest.mark.parametrize("name", ["noun", "walk_verb", "do_verb", "opposite", "surname", "place"])
def test_words_stand_once(name):
    assert [word for word, times in Counter(words(name)).items() if times > 1] == []


def test_an_opposite_has_one_opposite():
    both = words("opposite") + words("opposite", 1)
    assert len(set(both)) == len(both)
    assert set(task_words.word_lists()["of_a_thing"]) <= set(task_words.word_lists()["opposite"])


def test_a_word_has_one_kind():
    every = [word for kind in words("kind") for word in words(kind)]
    assert len(set(every)) == len(every)


def test_written_forms_are_what_the_rules_say():
    assert [plural(word) for word in words("noun")] == list(words("noun", 1))
    for verbs in ("walk_verb", "do_verb"):
        assert [past(word) for word in words(verbs)] == list(words(verbs, 1))


@given(WORDS)
def test_regular_plurals(noun):
    if noun not in english.IRREGULAR_PLURALS:
        many = plural(noun)
        assert many.endswith("s") and many != noun and many.startswith(noun[:-1])
        assert (noun[-1] == "y" and noun[-2] not in "aeiou") == (many[:-3] + "y" == noun)


@given(WORDS)
def test_regular_pasts(verb):
    if verb not in english.IRREGULAR_PASTS:
        done = past(verb)
        assert done.endswith("ed") and done.startswith(verb[:-1])
        assert len(verb) < len(done) <= len(verb) + 3


@given(st.integers(0, 100))
def test_numbers_come_back(number):
    assert number_in_digits(number_in_words(number)) == number


@pytest.mark.parametrize("number", [-1, 101])
def test_numbers_out_of_range(number):
    with pytest.raises(ValueError, match=f"number is {number}"):
        number_in_words(number)


@pytest.mark.parametrize("text", ["", "-", "forty-", "one-two", "forty-ten-two", "umpteen"])
def test_words_that_are_no_number(text):
    with pytest.raises(ValueError, match="is not a number from zero to one hundred"):
        number_in_digits(text)


@given(st.permutations(["axe", "bun", "cup", "dog"]), st.integers(2, 4))
def test_lists_come_back(chosen, n):
    text = " ".join(chosen[:n])
    listed = task_answers.RULES["format.commas"](text)
    assert listed.replace(",", "") == text
    assert task_answers.RULES["count.list"](listed) == str(n)
