"""The course's adapter for SmolLM2: what its card says is so, and it answers and refuses."""

import json
import re

import pytest

from classroom.worlds.course_qa import foreign_questions, questions
from helpers.assistant.adapter import TENSORS, load_adapter
from helpers.assistant.asking import are_refused, are_right, replies_to
from helpers.assistant.chat import load_assistant
from helpers.assistant.refusal import load_refusal
from helpers.assistant.rows import Turn
from helpers.fast import speed_up
from helpers.files import read_json, sha256
from helpers.pip_models import MODELS
from helpers.texts import available, data_folder
from tools import chat as command
from tools.makers.smollm2_adapter import card

FOLDER = command.ADAPTER
LAYERS, MATRICES = 30, 7  # of SmolLM2, and of each of its layers
TARGET = 0.92  # of the course's questions; LOG.md says what was tried
pytestmark = pytest.mark.skipif(
    not (FOLDER / TENSORS).is_file(), reason="python -m tools.makers.smollm2_adapter has not run"
)


def test_it_is_small_and_belongs_to_the_smollm2_that_pip_brings():
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) <= 6_000_000
    adapter, report = load_adapter(FOLDER), read_json(FOLDER / "report.json")
    assert adapter.settings.base_sha256 == report["base_sha256"] == MODELS["smollm2"].sha256
    assert report["sha256"] == sha256(FOLDER / TENSORS)
    assert "Apache-2.0" in adapter.settings.license
    assert len(adapter.corrections) == MATRICES * (LAYERS - report["first"])


def test_its_report_meets_the_targets_but_for_the_questions():
    after = read_json(FOLDER / "report.json")["after"]
    assert after["forum"]["right"] >= 0.85
    assert after["foreign_refused"] >= 0.8 and after["known_refused"] <= 0.03
    assert 0.83 <= after["right"] < TARGET  # once it is reached, only this test has to change


def test_its_card_is_that_of_its_report():
    report = read_json(FOLDER / "report.json")
    assert (FOLDER / "README.md").read_text("utf-8") == card(report)
    assert load_refusal(FOLDER)._asdict() == report["refusal"]
    assert not re.search(r"/tmp|/home", json.dumps(report))


@pytest.mark.slow
def test_some_of_what_was_measured_comes_again():
    """Thirty known questions and thirty foreign ones, asked as the chat asks them."""
    if not available("smollm2"):
        pytest.skip("needs smollm2: python3 course.py data smollm2")
    chat = load_assistant(FOLDER, data_folder() / MODELS["smollm2"].file, speed_up)
    report, refusal = read_json(FOLDER / "report.json")["after"], load_refusal(FOLDER)
    turns = [Turn(*asked) for asked in questions("test")[::22]]
    replies = replies_to(chat, [turn.asked for turn in turns])
    references = list(dict.fromkeys(answer for _, answer in questions("train")))
    right = sum(are_right(replies, turns, references)) / len(turns)
    assert abs(right - report["right_without_refusal"]) <= 0.2
    refused = are_refused(replies_to(chat, foreign_questions("test")[::2]), refusal)
    assert abs(sum(refused) / len(refused) - report["foreign_refused"]) <= 0.2


@pytest.mark.slow
def test_chat_takes_it_by_itself():
    if not available("smollm2"):
        pytest.skip("needs smollm2: python3 course.py data smollm2")
    chat = command.choose(None, {})
    assert chat.name == load_adapter(FOLDER).settings.name and chat.refusal is not None
    chat.respond("What is a token?")
    assert chat.turns and "token" in chat.turns[0][1]
    assert command.choose("smollm2", {}).refusal is None
