"""The sampling explorer without a browser: move a slider, press the button, read what it says."""

import io

import pytest
import torch
from PIL import Image

from classroom.pages.sampling_view import SamplingExplorer, describe, plot_next_token

LOGITS, TOKENS = torch.tensor([2.0, 1.0, 0.0, -3.0]), ["a", "b", "c", "<d>"]


@pytest.fixture
def explorer():
    return SamplingExplorer(LOGITS, TOKENS)


def test_it_starts_with_the_plain_softmax(explorer):
    torch.testing.assert_close(explorer.probabilities(), LOGITS.softmax(-1))
    assert "4 of 4 tokens" in explorer.words.value


def test_a_slider_changes_picture_and_words(explorer):
    before = explorer.image.value
    explorer.sliders["top_k"].value = 2
    assert "2 of 4 tokens" in explorer.words.value and explorer.image.value != before
    explorer.sliders["temperature"].value = 0.1
    assert "a leads with 1.000" in explorer.words.value
    assert Image.open(io.BytesIO(explorer.image.value)).format == "PNG"


def test_top_p_leaves_the_fewest_tokens(explorer):
    explorer.sliders["top_p"].value = 0.6
    assert explorer.probabilities().tolist() == [1.0, 0.0, 0.0, 0.0]


def test_the_button_draws_what_the_knobs_allow(explorer):
    explorer.sliders["top_k"].value = 1
    explorer.button.click()
    assert explorer.words.value == "Drawn: <b>a</b>"
    only_last = SamplingExplorer(torch.tensor([0.0, 99.0]), ["x", "<d>"])
    only_last.button.click()
    assert only_last.words.value == "Drawn: <b>&lt;d&gt;</b>"


def test_a_page_without_a_kernel_shows_a_picture_with_words(explorer):
    bundle = explorer._repr_mimebundle_()
    assert bundle["text/plain"] == "SamplingExplorer(4 tokens)"
    assert 'alt="4 of 4 tokens can be drawn; a leads with' in bundle["text/html"]


def test_numbers_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"shape \(4,\) for 2 tokens"):
        plot_next_token(LOGITS, ["a", "b"])


def test_description_counts_what_is_left():
    assert describe(torch.tensor([0.5, 0.5, 0.0]), "abc") == (
        "2 of 3 tokens can be drawn; a leads with 0.500."
    )
