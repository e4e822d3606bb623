"""The attention explorer: what is in its HTML, that it is steady, and what it refuses."""

import re
from html.parser import HTMLParser

import pytest
import torch

from classroom.pages.attention_view import explorer_html, plot_attention, plot_heads
from helpers.attention import causal_mask

TOKENS = ["the", " cat", "<eos>"]
ALT = "Two layers of attention over three tokens"


def weights(n_layers=2, n_heads=2, n_tokens=3):
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(n_layers, n_heads, n_tokens, n_tokens, generator=generator)
    return scores.masked_fill(~causal_mask(n_tokens, n_tokens), -torch.inf).softmax(dim=-1)


class Page(HTMLParser):
    """The tags of a page, and whether every one that opens is closed in order."""

    VOID = {"img", "input", "br"}

    def __init__(self, text):
        super().__init__()
        self.tags, self.open = [], []
        self.feed(text)
        assert not self.open, f"not closed: {self.open}"

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def all(self, tag, **wanted):
        return [
            attributes
            for name, attributes in self.tags
            if name == tag and all(attributes.get(key) == value for key, value in wanted.items())
        ]


def test_every_head_has_a_button_and_every_token_can_be_reached():
    page = Page(explorer_html(weights(), TOKENS, ALT))
    buttons = page.all("input", type="radio")
    assert [button["aria-label"] for button in buttons] == [
        f"layer {layer}, head {head}" for layer in (1, 2) for head in (1, 2)
    ]
    assert len({button["name"] for button in buttons}) == 1, "one group: one head at a time"
    labels = {label["for"] for label in page.all("label", tabindex="0")}
    assert labels == {button["id"] for button in buttons}
    assert len(page.all("span", tabindex="0")) == 4 * len(TOKENS)
    assert len(page.all("div", **{"class": "pane"})) == 4
    assert [tag for tag, _ in page.tags if tag in ("input", "label")] == 4 * ["input", "label"]


def test_ids_are_unique_and_the_style_stays_inside():
    text = explorer_html(weights(), TOKENS, ALT)
    page = Page(text)
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    style = re.search(r"<style>(.*?)</style>", text, re.S)[1]
    for selectors in re.findall(r"([^{}]+)\{", style):
        for selector in selectors.split(","):
            assert selector.strip().startswith(f"#{ids[0]}"), selector
    assert "@" not in style, "every placeholder is filled"


def test_it_needs_no_script_and_falls_back_to_a_picture():
    text = explorer_html(weights(), TOKENS, ALT)
    page = Page(text)
    assert not page.all("script") and "javascript:" not in text.lower()
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    (picture,) = page.all("img")
    assert picture["alt"] == ALT and picture["src"].startswith("data:image/png;base64,")
    (live,) = page.all("div", **{"class": "live"})
    # JupyterLab strips `hidden` from pages it does not trust, others may strip styles
    assert "hidden" in live and live["style"] == "display:none"
    assert "display:flex!important" in text


def test_the_same_weights_give_the_same_page_and_others_another():
    one = explorer_html(weights(), TOKENS, ALT)
    assert one == explorer_html(weights(), TOKENS, ALT)
    other = explorer_html(weights().flip(1), TOKENS, ALT)
    assert Page(one).all("div")[0]["id"] != Page(other).all("div")[0]["id"]


def test_the_numbers_shown_are_the_weights():
    table = torch.tensor([[1.0, 0.0, 0.0], [0.25, 0.75, 0.0], [0.004, 0.096, 0.9]])
    text = explorer_html(table, TOKENS, ALT)
    assert "token 2, ·cat, looks at ·cat at 2, 75 percent; the at 1, 25 percent" in text
    rows = re.findall(r"looks at \(in percent\):</div>(.*?)(?=</span></span>|</div></div>)", text)
    assert len(rows) == 4, "one a token, and the one that is shown first"
    percents = [[int(n) for n in re.findall(r"<small>(\d+)</small>", row)] for row in rows]
    assert percents == [[100], [25, 75], [10, 90], [10, 90]]
    assert all(row.count("<i") == 3 for row in rows), "each row has every token, so all line up"
    assert rows[1].count('class="dark self"') == 1 and rows[1].endswith("<b><i>&lt;eos&gt;</i></b>")


def test_start_chooses_what_is_shown_first():
    text = explorer_html(weights(), TOKENS, ALT, start=(1, 0, 1))
    (checked,) = [button for button in Page(text).all("input") if "checked" in button]
    assert checked["aria-label"] == "layer 2, head 1"
    first = re.findall(r'<div class="row first" aria-hidden="true"><div class="say">([^<]+)', text)
    assert first == ["token 2, ·cat, looks at (in percent):"] * 4


def test_tokens_are_escaped_and_blanks_visible():
    text = explorer_html(weights(1, 1, 2), ["<b>", ' "x"'], ALT)
    assert "&lt;b&gt;" in text and "·&quot;x&quot;" in text
    assert not [tag for tag, _ in Page(text).tags if tag not in {
        "div", "style", "img", "span", "input", "label", "i", "b", "small", "br"}]  # fmt: skip


def test_a_masked_out_token_may_look_nowhere():
    text = explorer_html(torch.zeros(2, 2), ["a", "b"], ALT)
    assert "token 1, a, looks at" in text and "<small>" not in text


@pytest.mark.parametrize(
    "shape", [(3, 3), (2, 3, 3), (1, 2, 3, 3), (4, 2, 3, 3)], ids=lambda shape: str(shape)
)
def test_one_head_one_layer_or_many(shape):
    expected = 1
    for number in shape[:-2]:
        expected *= number
    page = Page(explorer_html(torch.ones(shape) / 3, TOKENS, ALT))
    assert len(page.all("input")) == expected


def test_it_takes_what_the_model_gives():
    from helpers.config import GPTConfig
    from helpers.model import GPT

    model = GPT(GPTConfig(9, 8, 8, n_heads=2, n_layers=3))
    maps = model.attention_weights(torch.tensor([[1, 2, 3]]))
    assert len(Page(explorer_html(maps, TOKENS, ALT)).all("input")) == 6
    assert plot_heads(maps).shape == (3, 2)


def test_layers_may_have_different_numbers_of_heads():
    maps = [torch.ones(1, 3, 3) / 3, torch.ones(2, 3, 3) / 3]
    assert len(Page(explorer_html(maps, TOKENS, ALT)).all("input")) == 3
    assert plot_heads(maps).shape == (2, 2)


@pytest.mark.parametrize(
    "bad, tokens, start, message",
    [
        (torch.ones(2, 3, 4), TOKENS, None, "(2, 3, 4)"),
        (torch.ones(2, 3, 3), ["a"], None, "do not fit 1 tokens"),
        ([torch.ones(2, 2, 3, 3)], TOKENS, None, "for one text"),
        ([], TOKENS, None, "empty"),
        (torch.ones(2, 3, 3), TOKENS, (0, 2, 0), "outside"),
        (torch.ones(2, 3, 3), TOKENS, (1, 0, 0), "outside"),
        (torch.ones(2, 3, 3), TOKENS, (0, 0, 3), "outside"),
        (torch.ones(2, 3, 3), TOKENS, (0, -1, 0), "outside"),
    ],
)
def test_what_does_not_fit_is_refused(bad, tokens, start, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        explorer_html(bad, tokens, ALT, start)


def test_an_empty_alt_is_refused():
    with pytest.raises(ValueError, match="alt is empty"):
        explorer_html(weights(), TOKENS, " ")


def test_plot_attention_draws_the_table():
    table = weights()[0, 0]
    ax = plot_attention(table, TOKENS)
    assert torch.equal(torch.as_tensor(ax.images[0].get_array()), table)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["the", "·cat", "<eos>"]
    assert [text.get_text() for text in ax.texts][:3] == ["1.00", "0.00", "0.00"]


def test_plot_attention_writes_no_numbers_for_a_long_text():
    ax = plot_attention(torch.eye(9), list("abcdefghi"))
    assert not ax.texts
    assert plot_attention(torch.eye(9), list("abcdefghi"), digits=1).texts


def test_plot_attention_wants_one_head():
    with pytest.raises(ValueError, match=re.escape("give one head's (T, T)")):
        plot_attention(weights()[0], TOKENS)


def test_plot_heads_names_each_head():
    axes = plot_heads(weights(), TOKENS)
    assert axes[1, 0].get_title() == "layer 2, head 1"
    assert torch.equal(torch.as_tensor(axes[1, 0].images[0].get_array()), weights()[1, 0])
