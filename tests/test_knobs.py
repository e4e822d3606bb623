"""Sliders over a page, turned without a browser."""

import pytest

from classroom.pages.knobs import Knobs, card, live_and_still, make_button, make_slider

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


def stars(n=3, sign="*"):
    return f"<b>{sign * n}</b>"


@pytest.fixture
def knobs():
    return Knobs(stars, n=range(1, 6), sign=["*", "<"])


def test_it_starts_at_the_defaults(knobs):
    assert knobs.settings() == {"n": 3, "sign": "*"} and knobs.page.value == "<b>***</b>"


def test_a_slider_changes_the_page(knobs):
    knobs.sliders["n"].value = 5
    assert knobs.page.value == "<b>*****</b>"
    knobs.sliders["sign"].value = "<"
    assert knobs.page.value == "<b><<<<<</b>"


def test_without_a_default_it_starts_at_the_first_value():
    assert Knobs(lambda size: str(size), size=[20, 50]).page.value == "20"


def test_a_range_gives_whole_numbers_with_its_step():
    slider = make_slider("big_step", range(10, 41, 10), 20)
    assert (slider.min, slider.max, slider.step) == (10, 40, 10)
    assert slider.description == "big step"


def test_the_page_is_kept_for_readers_without_a_kernel(knobs):
    knobs.sliders["n"].value = 2
    bundle = knobs._repr_mimebundle_()
    assert bundle["text/plain"] == "Knobs(n=2, sign=*)"
    assert bundle["text/html"] == "<div>n=2, sign=*</div><b>**</b>"
    assert bundle[WIDGET_VIEW]["model_id"] == knobs.widget.model_id
    assert live_and_still("a", "b", knobs.widget)["text/html"] == "b"
    assert "course-Knobs" in knobs.widget._dom_classes  # by this, tests and style sheets find it


def test_values_and_parameters_must_fit():
    with pytest.raises(ValueError, match="takes n, sign; values are given for n$"):
        Knobs(stars, n=range(3))
    with pytest.raises(ValueError, match="size starts at 7, which is not among"):
        make_slider("size", [1, 2], 7)


def test_a_button_calls_what_it_is_given():
    pressed = []
    make_button("Go", lambda: pressed.append(1)).click()
    assert pressed == [1]


def test_a_card_is_spoken_and_has_its_own_ground():
    assert 'role="status"' in card("a") and "background:#fbfaf6" in card("a")


def test_an_error_of_the_function_is_shown_on_the_page():
    knobs = Knobs(lambda n=1: f"{12 // n}", n=range(3))
    knobs.sliders["n"].value = 0
    assert "ZeroDivisionError" in knobs.page.value
    knobs.sliders["n"].value = 2
    assert knobs.page.value == "6"
