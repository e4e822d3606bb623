"""The plane of words without a browser: type a word, move the slider, press a button."""

import html
import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from classroom.pages.embedding_explorer import (
    MOST,
    EmbeddingExplorer,
    find_label,
    nearest_in_plane,
    nearest_spellings,
)
from classroom.pages.embedding_view import nearest_words, plot_neighbors, principal_components
from helpers.plots import COLORS

LABELS = ["north", "north-east", "east", "south", "west", "up"]
VECTORS = [[0, 1, 0], [3, 3, 0], [2, 0, 0], [0, -5, 0], [-1, 0, 0], [0, 0, 0.5]]


def explorer(**options):
    return EmbeddingExplorer(VECTORS, LABELS, **{"word": "north", "count": 2} | options)


def listed(page):
    """Names and cosines of the list on a page."""
    rows = re.findall(r"<td[^>]*>([^<]*)</td><td[^>]*>(-?\d\.\d\d)</td>", page)
    return [(html.unescape(name), float(cosine)) for name, cosine in rows]


def shown_buttons(view):
    return [button.description for button in view.buttons if button.layout.display != "none"]


def test_cosines_by_hand():
    found = nearest_words("north", VECTORS, LABELS, 6)
    assert [name for name, _ in found] == ["north-east", "east", "west", "up", "south"]
    assert [round(cosine, 4) for _, cosine in found] == [0.7071, 0, 0, 0, -1]


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000), st.integers(1, 12))
def test_cosines_as_pytorch_has_them(seed, count):
    vectors = torch.randn(12, 5, generator=torch.Generator().manual_seed(seed), dtype=torch.double)
    labels = [f"word {n}" for n in range(12)]
    expected = torch.cosine_similarity(vectors, vectors[3:4]).tolist()
    found = nearest_words("word 3", vectors, labels, count)
    assert len(found) == min(count, 11) and "word 3" not in dict(found)
    for name, cosine in found:
        assert cosine == pytest.approx(expected[labels.index(name)])
    others = sorted((c for n, c in zip(labels, expected, strict=True) if n != "word 3"))[::-1]
    assert [cosine for _, cosine in found] == pytest.approx(others[:count])


def test_a_vector_of_zeros_is_near_nothing():
    found = nearest_words("nothing", [[0, 0], [1, 0], [0, 1]], ["nothing", "a", "b"])
    assert found == [("a", 0.0), ("b", 0.0)]


def test_the_plane_can_lie():
    """Two words far apart in the third direction fall on one point of the plane."""
    vectors = np.array([[9, 0, 1], [9, 0.1, -1], [8.5, 0, 1], [-9, 6, 0], [-9, -6, 0]], float)
    points = principal_components(vectors)
    labels = list("abcde")
    assert nearest_in_plane("a", points, labels, 1) == ["b"]
    assert nearest_words("a", vectors, labels, 1)[0][0] == "c"
    view = EmbeddingExplorer(vectors, labels, "a", 1)
    assert "by the distance in it, 0 of these 1 would be found." in view.describe()
    assert "shows 99% of the variance of 5 words" in view.describe() and 0.97 < view.plane_share < 1


def test_the_map_is_the_same_whichever_way_the_directions_come_out():
    points = principal_components(VECTORS)
    for mirror in (-1, 1):
        again = principal_components(np.array(VECTORS) * [1, 1, mirror])
        np.testing.assert_allclose(np.abs(again), np.abs(points), atol=1e-12)
    values = np.array(VECTORS) - np.mean(VECTORS, axis=0)
    directions = np.linalg.lstsq(values, points, rcond=None)[0]  # (C, 2)
    assert all(column[np.abs(column).argmax()] > 0 for column in directions.T)


def test_word_and_neighbors_are_marked_and_named():
    points = principal_components(VECTORS)
    ax = plot_neighbors(points, LABELS, "north", ["east", "up"])
    assert [text.get_text() for text in ax.texts] == ["north", "east", "up"]
    assert [text.get_color() for text in ax.texts] == [COLORS[1], COLORS[0], COLORS[0]]
    marks = [tuple(dots.get_offsets()[0]) for dots in ax.collections[1:]]
    assert marks == [tuple(points[LABELS.index(name)]) for name in ("north", "east", "up")]
    assert len(ax.collections[0].get_offsets()) == 6
    assert not plot_neighbors(points, LABELS).texts
    with pytest.raises(ValueError, match="'down' is not among the 6 words"):
        plot_neighbors(points, LABELS, "north", ["down"])


def test_points_far_from_all_others_do_not_shrink_the_picture():
    rng = np.random.default_rng(0)
    vectors = rng.uniform(-3, 3, size=(300, 2))
    vectors[0] = [500, 0]
    labels = [f"word{n}" for n in range(300)]
    ax = plot_neighbors(principal_components(vectors), labels, "word1", ["word2"])
    near, crosses = (np.asarray(dots.get_offsets()) for dots in ax.collections[:2])
    assert len(near) == 299 and len(crosses) == 1
    assert np.ptp(near, axis=0).min() > 4 and np.ptp(ax.get_xlim()) < 15
    view = EmbeddingExplorer(vectors, labels, "word1")
    assert "1 far from all others: crosses on its edge." in view.describe()
    assert "crosses" not in explorer().describe()


def test_names_in_the_column_do_not_cover_each_other():
    crowd = np.random.default_rng(0).normal(0, 0.01, (MOST + 1, 2))
    points = np.concatenate([crowd, [[-5, -5], [5, 5], [-5, 0.02]]])
    for shift in ([0, 0], [0, -5], [4, 5]):  # in the middle, and in two corners
        points[: MOST + 1] = crowd + shift
        labels = [f"word{n}" for n in range(len(points))]
        ax = plot_neighbors(points, labels, "word0", labels[1 : MOST + 1])
        ax.figure.draw_without_rendering()
        boxes = [text.get_window_extent() for text in ax.texts]
        page = ax.figure.bbox
        for place, box in enumerate(boxes):
            assert page.x0 <= box.x0 and box.x1 <= page.x1
            assert page.y0 <= box.y0 and box.y1 <= page.y1
            assert not any(box.padded(-1).overlaps(other) for other in boxes[:place])


def test_typing_a_word_changes_list_picture_and_buttons():
    view = explorer()
    assert listed(view.page.value) == [("north-east", 0.71), ("east", 0.0)]
    before = bytes(view.image.value)
    assert before.startswith(b"\x89PNG")
    view.box.value = "East"
    assert view.word == "east"
    assert listed(view.page.value) == [("north-east", 0.71), ("north", 0.0)]
    assert bytes(view.image.value) != before
    assert shown_buttons(view) == ["north-east", "north"]
    view.slider.value = 5
    assert [name for name, _ in listed(view.page.value)][-1] == "west"
    assert listed(view.page.value)[-1][1] == -1.0 and len(shown_buttons(view)) == 5


def test_a_button_goes_on_from_a_neighbor():
    view = explorer()
    view.buttons[0].click()
    assert view.box.value == "north-east" and "<b>north-east</b>" in view.page.value
    assert dict(listed(view.page.value)).keys() == {"north", "east"}


def test_an_unknown_word_lists_what_is_spelled_like_it():
    view = explorer()
    view.box.value = "nroth"
    assert view.word is None
    assert "&#x27;nroth&#x27; is not among the 6 words. Spelled like it: north" in view.page.value
    assert shown_buttons(view)[0] == "north" and listed(view.page.value) == []
    view.slider.value = 3  # changes nothing that could fail
    view.buttons[0].click()
    assert view.word == "north" and len(listed(view.page.value)) == 3
    view.box.value = "<qqq>"
    assert "Spelled like it: none of them." in view.page.value and shown_buttons(view) == []
    assert "<qqq>" not in view.page.value and "&lt;qqq&gt;" in view.page.value
    view.box.value = ""
    assert view.word is None and "none of them" in view.describe()


def test_labels_are_found_without_capitals_and_blanks():
    assert find_label("b", ["B", "b"]) == "b"
    assert find_label("MONDAY", [" Monday", "Tuesday"]) == " Monday"
    assert find_label("day", ["Monday"]) is None
    assert nearest_spellings("MONDY", [" Monday", "Tuesday"]) == [" Monday"]
    assert nearest_spellings("", LABELS) == []


@settings(deadline=None, max_examples=40)
@given(st.text(max_size=12))
def test_any_text_can_be_typed(text):
    spelled = nearest_spellings(text, LABELS)
    assert set(spelled) <= set(LABELS) and len(spelled) <= 5
    assert find_label(text, LABELS) in [*LABELS, None]


def test_a_reader_without_a_kernel_sees_list_and_picture():
    view = explorer()
    bundle = view._repr_mimebundle_()
    assert listed(bundle["text/html"]) == listed(view.page.value)
    alt = re.search(r'<img alt="([^"]*)"', bundle["text/html"])[1]
    assert alt == html.escape(view.describe()) and alt.startswith(
        "Nearest to north by the cosine: north-east, east."
    )
    assert bundle["text/plain"] == "EmbeddingExplorer(6 words, 'north')"
    assert bundle["application/vnd.jupyter.widget-view+json"]["model_id"] == view.widget.model_id


def test_tensors_that_are_trained_are_taken_too():
    table = torch.nn.Embedding(4, 3)
    view = EmbeddingExplorer(table.weight, {"a": 0, "b": 1, "c": 2, "d": 3}, count=3)
    assert view.box.value == "a" and len(listed(view.page.value)) == 3


def test_vectors_all_the_same_can_be_shown():
    view = EmbeddingExplorer(np.ones((3, 2)), ["a", "b", "c"], count=1)
    assert view.plane_share == 0 and listed(view.page.value) == [("b", 1.0)]
