"""The pictures of notebook 01 show what their tables say, and their boards have no faults."""

import pytest

from classroom.drawings.plots_field import (
    best_so_far,
    draw_course_plan,
    draw_field_map,
    draw_two_stages,
    plot_counts,
    plot_open_and_closed,
    plot_shares,
    short_count,
)


def labels(ax):
    return [text.get_text() for text in ax.texts]


@pytest.mark.parametrize("draw", [draw_field_map, draw_two_stages])
def test_boards_have_no_faults(draw):
    assert draw().faults() == [] and "<svg" in draw().svg()


def test_the_field_map_puts_one_ring_inside_the_other_and_generative_ai_across():
    board = draw_field_map()
    rings = [solid.box for solid in board.ledger.solids if solid.frame]
    assert len(rings) == 3
    for outer, inner in zip(rings, rings[1:], strict=False):
        assert outer.contains(inner)
    words = {words.content: words.box for words in board.ledger.words}
    learning, deep = rings[1:]
    assert deep.contains(words["large language models:\nGPT, Llama"])
    counts = words["tables of counts that write"]
    assert learning.contains(counts) and not deep.contains(counts)
    assert not learning.contains(words["Generative AI"])


@pytest.mark.parametrize("n_stages", [2, 3, 4])
def test_the_course_plan_grows_with_its_stages(n_stages):
    stages = [(f"Stage {i}", [f"step {j}" for j in range(i + 1)]) for i in range(n_stages)]
    board = draw_course_plan(stages)
    assert board.faults() == []
    assert f"Stage {n_stages - 1}: step 0, step 1" in board.description


def test_parameter_counts_are_on_a_logarithmic_scale():
    rows = [("small", 2018.5, 117e6), ("large", 2020.4, 175e9, "source")]
    ax = plot_counts(rows, ours=3.7e6)
    assert ax.get_yscale() == "log"
    assert labels(ax) == ["small 117M", "large 175B", "our GPT 3.7M"]
    assert ax.get_xlim()[0] < 2018.5 and ax.get_xlim()[1] > 2020.4


@pytest.mark.parametrize(
    ("number", "text"),
    [(12, "12"), (999, "999"), (3716608, "3.72M"), (1.558e9, "1.56B"), (1.8e12, "1.8T")],
)
def test_short_count(number, text):
    assert short_count(number) == text


def test_open_and_closed_are_two_staircases():
    closed = [("a", 2022.3, 69.3), ("b", 2022.4, 60.0), ("c", 2023.2, 86.4)]
    open_models = [("d", 2022.1, 33.6), ("e", 2023.1, 63.4)]
    assert best_so_far(closed) == [(2022.3, 69.3), (2023.2, 86.4)]
    assert best_so_far(list(reversed(closed))) == best_so_far(closed)
    ax = plot_open_and_closed(open_models, closed)
    stairs = [line for line in ax.lines if len(line.get_xdata()) > 1]
    assert [list(line.get_ydata()) for line in stairs] == [[69.3, 86.4, 86.4], [33.6, 63.4, 63.4]]
    assert "b 60.0" in labels(ax)  # a model below the best still gets its dot


def test_shares_with_one_and_with_several_series():
    ax = plot_shares({"web": 60.0, "books": 16})
    assert [bar.get_width() for bar in ax.patches] == [60.0, 16]
    assert [text.get_text() for text in ax.get_yticklabels()] == ["web", "books"]
    assert labels(ax) == ["60%", "16%"] and ax.get_legend() is None
    ax = plot_shares({"web": {"had": 82.2, "read": 60}, "wiki": {"read": 3}}, unit="")
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["had", "read"]
    assert labels(ax) == ["82.2", "0", "60", "3"]
