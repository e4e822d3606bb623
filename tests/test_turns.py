"""The decorator `your_turn`: what the cell says, what the notebook goes on with, what is kept."""

import json
import random
import re
import signal
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from nbformat.v4 import new_code_cell, new_notebook

from classroom.turns import guard, kept
from classroom.turns.guard import OutOfTime, limited
from classroom.turns.kept import Kept, keep, kept_turns
from classroom.turns.registry import COLUMNS, Wrong, wrapped
from classroom.turns.trial import Trial
from classroom.turns.turn import Slow, Turns
from tests.turn_cells import run_cell, unwrapped
from tools import execute
from tools.lectures import ROOT


def double(number):
    return 2 * number


def four_times(number):
    return double(double(number))


class Counter:
    def __init__(self, start):
        self.value = start

    def add(self, number):
        self.value += number
        return self.value


def total(numbers):
    return sum(numbers)


def add(self, number):
    self.value += number
    return self.value


def make_turns():
    """Five small turns: two functions, a class, a method, and one that may be slow."""
    turns = Turns("99")

    @turns.turn(double)
    def check_double(trial):
        trial.equal(2, gives=4, why="it is doubled", mistakes=[(3, "that adds one")])
        trial.equal(0, gives=0, why="twice nothing is nothing")

    @turns.turn(four_times)
    def check_four_times(trial):
        trial.equal(2, gives=8, why="doubled twice")

    @turns.turn(Counter)
    def check_counter(trial):
        counter = trial.call(5)
        trial.equal(2, gives=7, why="it counts on", function=counter.add, name="counter.add")

    @turns.turn(total, slow=Slow(lambda version: version(range(20_000)), "add as you go", 10, 0.1))
    def check_total(trial):
        trial.equal([1, 2], gives=3, why="the sum")

    @turns.turn(add, of="Growing")
    def check_add(trial):
        trial.equal(2, gives=7, why="it counts on", function=trial.attempt(5).add, name="add")

    return turns


@pytest.fixture
def cell(tmp_path, monkeypatch):
    """Runs cells of one notebook, whose reader has an empty folder; returns what they print."""
    monkeypatch.setenv("LLM_COURSE_STATE", str(tmp_path / "reader" / "state.json"))
    turns = make_turns()
    namespace = {"your_turn": turns.your_turn, "__name__": "__main__"}

    def run(source):
        return unwrapped(run_cell(textwrap.dedent(source), namespace))

    run.names = namespace
    run.turns = turns
    return run


# untouched, right, wrong


@pytest.mark.parametrize("dots", ["...", "pass", "raise NotImplementedError"])
def test_an_untouched_turn_uses_the_courses_version(cell, dots):
    said = cell(f'@your_turn\ndef double(number):\n    """Twice."""\n    {dots}\n')
    assert said == "double: not written yet; the course's version is used.\n"
    assert cell.names["double"] is double and kept_turns() == []


def test_a_right_turn_is_used_and_kept(cell):
    source = "def double(number):\n    return number + number  # mine\n"
    said = cell(f"@your_turn\n{source}")
    assert said == "double: right, 2 checks. The notebook uses yours from here on.\n"
    assert cell.names["double"] is not double and cell.names["double"](4) == 8
    (turn,) = kept_turns()
    assert (turn.notebook, turn.name, turn.order, turn.checks) == ("99", "double", 1, 2)
    assert turn.source == source and turn.imports == turn.uses == []


def test_a_wrong_turn_is_told_on_which_input_and_is_not_used(cell):
    said = cell("@your_turn\ndef double(number):\n    return number + 1\n")
    assert said.startswith("double: not yet: double(2) gives 3, and should give 4: that adds one")
    assert said.endswith(". The course's version is used.\n")
    assert cell("@your_turn\ndef double(number):\n    return 5\n").count("it is doubled") == 1
    assert cell.names["double"] is double


def test_dots_left_under_an_answer_do_not_hide_it(cell):
    assert "right" in cell("@your_turn\ndef double(number):\n    return 2 * number\n    ...\n")


def test_a_long_verdict_is_broken_between_words_and_nowhere_else():
    """In JupyterLab a longer line would be broken within a word."""
    for words in ("f" * 20 + " ", "it gives 'a  b' " * 3, "x.y-z/w, "):
        for times in range(1, 60):
            verdict = f"double: not yet: {words * times}end\n    {'code ' * 30}^"
            lines = wrapped(verdict).split("\n")
            assert max(map(len, lines[:-1])) <= COLUMNS and unwrapped(wrapped(verdict)) == verdict
    assert wrapped("y" * 200) == "y" * 200


# a right version that is slow


def test_a_slow_version_is_told_as_right_and_is_not_used(cell):
    slow = """
        @your_turn
        def total(numbers):
            found = 0
            for number in numbers:
                for other in range(number):
                    pass
                found += number
            return found
        """
    said = cell(slow)
    assert "total: right, but more than" in said and "times slower" in said
    assert said.endswith("add as you go. The course's version is used.\n")
    assert cell.names["total"] is total and kept_turns() == []
    loop = "@your_turn\ndef total(numbers):\n    return sum(n for n in numbers)\n"
    assert "right, 1 check." in cell(loop)


# classes and methods


def test_a_class(cell):
    stub = "@your_turn\nclass Counter:\n    def __init__(self, start): ...\n    def add(self, n): ...\n"
    assert "not written yet; the course's" in cell(stub) and cell.names["Counter"] is Counter
    half = stub.replace("start): ...", "start):\n        self.value = start\n")
    assert cell(half) == "Counter: add is not written yet. The course's version is used.\n"
    whole = half.replace("n): ...", "n):\n        self.value += n\n        return self.value")
    assert "right, 1 check" in cell(whole) and cell.names["Counter"] is not Counter
    assert kept_turns()[0].source == whole.removeprefix("@your_turn\n")


def test_a_method_of_a_class_from_an_earlier_cell(cell):
    cell("class Growing:\n    def __init__(self, start):\n        self.value = start\n")
    cell("add = 'mine'")
    assert "not written yet" in cell("@your_turn(of=Growing)\ndef add(self, number):\n    ...\n")
    assert cell.names["Growing"](1).add(2) == 3
    wrong = "@your_turn(of=Growing)\ndef add(self, number):\n    return number\n"
    assert "Growing.add: not yet: add(2) gives 2" in cell(wrong)
    assert cell.names["Growing"](1).add(2) == 3
    right = """
        @your_turn(of=Growing)
        def add(self, number):
            self.value = self.value + number
            return self.value
        """
    assert "Growing.add: right" in cell(right)
    assert cell.names["Growing"].add is not add and cell.names["add"] == "mine"
    assert kept_turns()[0].name == "Growing.add"


# the source runs alone


def test_an_undeclared_name_is_told(cell):
    cell("import math\nhelp_me = lambda number: 2 * number\nFACTOR = 2")
    for body in ("help_me(number)", "FACTOR * number", "[FACTOR * n for n in (number,)][0]"):
        said = cell(f"@your_turn\ndef double(number):\n    return {body}\n")
        assert ("help_me" if "help" in body else "FACTOR") in said and "outside" in said
        assert cell.names["double"] is double
    assert "math" in cell("@your_turn\ndef double(number):\n    return math.prod([2, number])\n")
    assert "FACTOR" in cell("@your_turn\ndef double(number, by=FACTOR):\n    return by * number\n")
    said = cell(
        "@your_turn\ndef double(number):\n    global SEEN\n    SEEN = 2\n    return 2 * number\n"
    )
    assert "SEEN" in said and "outside" in said


def test_imports_of_the_cell_and_of_the_body_are_declared(cell):
    cell_imports = "import math\nimport re, os.path as paths\nfrom operator import mul as times\n"
    body = "@your_turn\ndef double(number):\n    return times(2, math.floor(number))\n"
    assert "right" in cell(f"{cell_imports}\n{body}")
    assert kept_turns()[0].imports == ["import math", "from operator import mul as times"]
    assert "right" in cell(
        "@your_turn\ndef double(number):\n    import math\n    return math.prod([2, number])\n"
    )


def test_imports_of_the_course_are_told(cell):
    said = cell(
        "from helpers.files import sha256\n@your_turn\ndef double(n):\n    sha256\n    return 2*n\n"
    )
    assert "helpers.files" in said and "my_llm.py" in said
    said = cell("@your_turn\ndef double(n):\n    import helpers.files\n    return 2 * n\n")
    assert "helpers.files" in said and kept_turns() == []


def test_earlier_turns_may_be_used_and_later_ones_not(cell):
    twice = "@your_turn\ndef four_times(number):\n    return double(double(number))\n"
    assert "run the cell of double first" in cell(twice)
    cell("@your_turn\ndef double(number):\n    ...\n")
    assert "right" in cell(twice) and kept_turns()[0].uses == ["double"]
    assert "four_times" in cell(
        "@your_turn\ndef double(number):\n    return four_times(number) / 2\n"
    )


def test_a_turn_may_call_itself(cell):
    recursive = "def double(n):\n    return 0 if n <= 0 else 2 + double(n - 1)\n"
    assert "right" in cell(f"@your_turn\n{recursive}")


# it never breaks a notebook


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("return 1 / 0", ["double(2)", "ZeroDivisionError"]),
        ("return double(number)", ["RecursionError"]),
        ("2 * number", ["returned None", "return?"]),
        ("return str(2 * number)", ["type str", "type int"]),
        ("raise SystemExit", ["SystemExit"]),
        ("raise ValueError('x' * 9999)", ["ValueError"]),
        ("return missing", ["missing", "outside"]),
        ("yield 2 * number", ["generator"]),
        ("return input('number? ')", ["input"]),
    ],
)
def test_one_clear_sentence_for_whatever_happens(cell, body, words):
    said = cell(f"@your_turn\ndef double(number):\n    {body}\n")
    assert all(word in said for word in words), said
    assert said.endswith((". The course's version is used.\n", "? The course's version is used.\n"))
    assert said.count("\n") == 1
    assert len(said) < 500 and cell.names["double"] is double


@pytest.mark.parametrize(
    "body",
    [
        "while True: pass",
        "while True:\n        try: number += 1\n        except Exception: pass",
        "while True:\n        try: number += 1\n        except: pass",
        "while True:\n        import time\n        time.sleep(99)",
        "import re\n    return re.match('(a+)+$', 'a' * 60 + 'b')",
    ],
)
def test_an_endless_loop_ends(cell, body, monkeypatch):
    monkeypatch.setattr(guard, "SECONDS", 0.3)
    before, start = threading.active_count(), time.monotonic()
    said = cell(f"@your_turn\ndef double(number):\n    {body}\n")
    assert "still running" in said and cell.names["double"] is double
    assert time.monotonic() - start < 10 and threading.active_count() == before


def test_the_limit_holds_in_every_thread():
    def endless():
        while True:
            pass

    with ThreadPoolExecutor(1) as pool:  # as on Windows, where the main thread has no timer
        outcome = pool.submit(limited, endless, 0.3).result()
        assert isinstance(outcome.error, OutOfTime)
        assert pool.submit(limited, lambda: 7, 0.3).result().value == 7


def test_after_an_interrupt_from_another_thread_functions_can_be_traced():
    lines = [
        "import sys, threading",
        "from classroom.turns.guard import limited",
        "def endless():",
        "    while True: pass",
        "def work():",
        "    for seconds in (0.0005, 0.05): limited(lambda: sum(range(20_000)), seconds)",
        "    limited(endless, 0.1)",
        "for _ in range(20):",
        "    thread = threading.Thread(target=work)",
        "    thread.start()",
        "    thread.join()",
        "    sys.settrace(lambda *_: None)",
        "    (lambda: 7)()",
        "    sys.settrace(None)",
    ]
    subprocess.run([sys.executable, "-c", "\n".join(lines)], cwd=ROOT, check=True, timeout=60)


def test_the_readers_own_interrupt_passes_through():
    def stop():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        limited(stop)


def test_no_interrupt_comes_late():
    def work_that_ends_just_when_its_time_is_over():
        for _ in range(100):
            limited(lambda: sum(range(20_000)), seconds=0.0005)
        return "whole"

    before = sys.stdout, signal.getsignal(getattr(signal, "SIGALRM", signal.SIGINT))
    assert work_that_ends_just_when_its_time_is_over() == "whole"
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(work_that_ends_just_when_its_time_is_over).result() == "whole"
    assert (sys.stdout, signal.getsignal(getattr(signal, "SIGALRM", signal.SIGINT))) == before


def test_a_flood_is_cut_and_a_few_lines_are_shown(cell):
    flood = "@your_turn\ndef double(number):\n    while True:\n        print('spam' * 50)\n"
    said = cell(flood)
    assert "printed more than" in said and len(said) < 1500
    said = cell(
        "@your_turn\ndef double(number):\n    print('got', number)\n    return 2 * number\n"
    )
    assert said.startswith("double: right") and "  got 2\n  got 0\n" in said


def test_a_misspelled_name_leaves_the_notebook_whole(cell):
    said = cell("@your_turn\ndef doublex(number):\n    return 2 * number\n")
    assert "doublex" in said and "is it double?" in said and cell.names["double"] is double


def test_without_its_source_it_is_told(cell):
    source = "@your_turn\ndef double(number):\n    return 2 * number\n"
    exec(compile(source, "<nowhere>", "exec"), cell.names)
    assert cell.names["double"] is double and kept_turns() == []


def test_a_broken_check_does_not_break_the_notebook(cell, monkeypatch):
    monkeypatch.setattr("classroom.turns.turn.keep", lambda turn: 1 / 0)
    said = cell("@your_turn\ndef double(number):\n    return 2 * number\n")
    assert "could not be checked" in said and cell.names["double"] is double


# what is kept


def test_going_back_and_changing_what_was_right(cell):
    cell("@your_turn\ndef double(number):\n    return 2 * number\n")
    cell("@your_turn\ndef four_times(number):\n    return double(double(number))\n")
    cell("@your_turn\ndef double(number):\n    return number\n")  # wrong: the right one stays kept
    assert "2 * number" in kept_turns()[0].source and cell.names["four_times"](1) == 4
    cell("@your_turn\ndef double(number):\n    return number + number\n")
    assert [turn.name for turn in kept_turns()] == ["double", "four_times"]
    assert "number + number" in kept_turns()[0].source


def a_turn(name="f", notebook="99", order=1, source="def f(): ...\n"):
    return Kept(notebook, order, name, source, ["import re"], ["g"], 3, "2026-01-02")


def test_turns_come_back_in_the_order_of_the_notebooks(cell):
    turns = [
        a_turn("a", "05", 2),
        a_turn("b", "02", 1),
        a_turn("c", "05", 1),
        a_turn("d.e", "02", 3),
    ]
    assert all(keep(turn) is None for turn in turns)
    assert [turn.name for turn in kept_turns()] == ["b", "d.e", "c", "a"]
    assert a_turn("d.e", "02", 3) in kept_turns()


@pytest.mark.parametrize("damage", ["", "{", "[1]", '{"name": "f"}', "\x00\xff", "null"])
def test_damage_reaches_one_turn_and_is_put_aside(cell, damage):
    keep(a_turn("f")), keep(a_turn("g"))
    path = kept.folder() / "99.f.json"
    path.write_text(damage, "utf-8")
    assert [turn.name for turn in kept_turns()] == ["g"]
    assert keep(a_turn("f")) is None and len(kept_turns()) == 2
    assert path.with_suffix(".damaged").read_text("utf-8") == damage


def test_fields_of_the_wrong_kind_are_damage(cell):
    keep(a_turn())
    path = kept.folder() / "99.f.json"
    for field in ("source", "imports", "order"):
        values = json.loads(path.read_text("utf-8"))
        path.write_text(json.dumps(values | {field: {"no": 1}}), "utf-8")
        assert kept_turns() == []
        keep(a_turn())


def test_on_a_full_disk_the_older_answer_stays_and_the_cell_says_so(cell, monkeypatch):
    cell("@your_turn\ndef double(number):\n    return 2 * number\n")

    def full(path, contents):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(kept, "write_whole", full)
    said = cell("@your_turn\ndef double(number):\n    return number + number\n")
    assert "right, 2 checks" in said and "No space left" in said
    assert cell.names["double"].__code__.co_filename.startswith("<cell")
    assert "2 * number" in kept_turns()[0].source


def test_where_nothing_can_be_written_the_notebook_goes_on(cell, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LLM_COURSE_STATE", str(tmp_path / "file" / "state.json"))
    said = cell("@your_turn\ndef double(number):\n    return 2 * number\n")
    assert "right, 2 checks" in said and "could not be kept" in said and kept_turns() == []


KEEPING = """
import sys
from classroom.turns.kept import Kept, keep
for number in range(30):
    assert keep(Kept("99", number, f"{sys.argv[1]}{number}", "x", [], [], 1, "")) is None
"""


def test_two_kernels_at_once_lose_nothing(cell):
    command = [sys.executable, "-c", KEEPING]
    running = [subprocess.Popen([*command, name], cwd=ROOT) for name in "ab"]
    assert [process.wait(60) for process in running] == [0, 0]
    assert len(kept_turns()) == 60


def test_two_turns_of_a_name_are_refused():
    turns = make_turns()
    with pytest.raises(ValueError, match="double"):
        turns.turn(double)(None)


# in a real kernel, and in a script

NOTEBOOK_CELLS = [
    "from classroom.turns.t02 import your_turn",
    "import re\n\n\n@your_turn\ndef text_to_tokens(text):\n    ...",
    "import re\n\n\n@your_turn\ndef text_to_tokens(text):\n    while True:\n        print(end='')",
    "import re\n\n\n@your_turn\ndef text_to_tokens(text):\n"
    "    cut = re.split(r'([,.:;?_!\"()\\']|--|\\s)', text)\n"
    "    return list(filter(str.strip, cut))",
    "import inspect\nprint(inspect.getsource(text_to_tokens).count('filter'), text_to_tokens('a.'))",
    "%time\n@your_turn\nclass Tokenizer:\n    def __init__(self, text): ...",
]


def test_in_a_kernel(tmp_path):
    notebook = new_notebook(cells=[new_code_cell(source) for source in NOTEBOOK_CELLS])
    notebook.cells[1:1] = [
        new_code_cell(
            "from classroom.turns import guard\nguard.SECONDS = 1\n"
            f"import os\nos.environ['LLM_COURSE_STATE'] = {str(tmp_path / 'state.json')!r}"
        )
    ]
    execute.execute(notebook, ROOT, cell_seconds=60)
    said = ["".join(o.get("text", "") for o in cell.outputs) for cell in notebook.cells]
    assert said[2] == "text_to_tokens: not written yet; the course's version is used.\n"
    assert "still running" in said[3]
    assert "text_to_tokens: right" in said[4] and said[5] == "1 ['a', '.']\n"
    assert "Tokenizer: not written yet" in said[6]
    kept_files = list((tmp_path / "state-turns").iterdir())
    assert json.loads(kept_files[0].read_text("utf-8"))["imports"] == ["import re"]


def test_in_a_script(tmp_path):
    script = tmp_path / "mine.py"
    script.write_text(
        "\n\n".join([NOTEBOOK_CELLS[0], NOTEBOOK_CELLS[3], NOTEBOOK_CELLS[4]]), "utf-8"
    )
    done = subprocess.run(
        [sys.executable, str(script)], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert "text_to_tokens: right" in done.stdout and "1 ['a', '.']" in done.stdout, done


def test_a_check_of_tensors_says_how_they_differ():
    gives = torch.tensor([[0.5, 0.5], [1.0, 0.0]])
    other = torch.ones(40)
    wrong = [
        (lambda: None, gives, "return"),
        (lambda: gives.T.clone(), gives, "transposed"),
        (lambda: gives[0], gives, "shape"),
        (lambda: gives.tolist(), gives, "tensor"),
        (lambda: (gives,), (gives, gives), "2 values"),
        (lambda: (gives, gives.T), (gives, gives), "value 2 of 2"),
        (lambda: gives.long(), gives, "type"),
        (lambda: float("nan"), 0.5, "0.5"),
        (lambda: "0.5", 0.5, "number"),
        (lambda: other * float("nan"), other, "40 of 40"),
        (lambda: torch.cat([other[:39], torch.tensor([2.0])]), other, "[39]"),
    ]
    for attempt, right, said in wrong:
        trial = Trial("mix", attempt)
        with pytest.raises(Wrong, match=re.escape(said)):
            trial.close(gives=right, why="it mixes", mistakes=[(gives.T, "it is transposed")])
    trial = Trial("mix", lambda: (gives + 1e-7, 0.5))
    trial.close(gives=(gives, 0.5), why="it mixes")
    assert trial.checks == 1


def test_a_check_leaves_gradients_as_they_were():
    limited(lambda: torch.set_grad_enabled(False))
    assert torch.is_grad_enabled()


def test_a_check_leaves_the_random_numbers_as_they_were():
    torch.manual_seed(1)
    random.seed(1)
    before = torch.get_rng_state(), random.getstate()
    limited(lambda: (torch.rand(3), random.random(), torch.manual_seed(7)))
    assert torch.equal(torch.get_rng_state(), before[0]) and random.getstate() == before[1]
