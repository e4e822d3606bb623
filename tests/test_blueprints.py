"""The drawings: no fault in any of them, and the numbers of the config they were given."""

import pytest

from classroom.drawings.blueprints import (
    draw_block,
    draw_cache,
    draw_feed_forward,
    draw_gpt,
    draw_norm_orders,
    show_board,
)
from helpers.config import PRESETS


def words_of(board):
    return " ".join(words.content for words in board.ledger.words)


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("draw", [draw_gpt, draw_block, draw_feed_forward])
def test_no_faults_for_any_preset(draw, name):
    config = PRESETS[name]
    board = draw(config)
    assert board.faults() == []
    assert f"{4 * config.embedding_dim:,}" in words_of(board)
    assert board.description.endswith(".")


def test_the_whole_gpt_names_its_sizes():
    words = words_of(draw_gpt(PRESETS["gpt2-xl"]))
    for part in ("50,257 × 1,600", "1,024 × 1,600", "48 in a row", "25 heads of 64", "(B, T, V)"):
        assert part in words


def test_norm_orders_has_no_faults():
    board = draw_norm_orders()
    assert board.faults() == []
    assert words_of(board).count("normalize") == 2


def test_the_cache_computes_each_token_once():
    texts = ["a", "b", "c", "d"]
    board = draw_cache(texts, n_prompt=2)
    assert board.faults() == []
    shown = [words.content for words in board.ledger.words]
    assert (
        shown.count("a") == 4 and shown.count("d") == 0
    )  # two steps on each side; d is the result


def test_the_cache_of_the_notebook_has_no_faults():
    words = ["Hello", ",", "I", "am", "a", "model", "that", "learns"]
    assert draw_cache(words, n_prompt=4).faults() == []


def test_a_board_is_shown_with_its_description(monkeypatch):
    shown = []
    monkeypatch.setattr("classroom.drawings.blueprints.show", lambda board, alt: shown.append(alt))
    show_board(board := draw_norm_orders())
    assert shown == [board.description]


@pytest.mark.parametrize("n_prompt", [0, 3, -1])
def test_a_cache_needs_a_prompt_and_a_step(n_prompt):
    with pytest.raises(ValueError, match=f"n_prompt is {n_prompt}; it must be 1 to 2"):
        draw_cache(["a", "b", "c"], n_prompt)
