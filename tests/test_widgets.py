"""The list of everything that can be touched is whole, and each thing keeps a still page."""

import ast
from pathlib import Path

from classroom.pages import widgets

HELPERS = Path(widgets.__file__).parent


def classes_with_a_still_page():
    for path in HELPERS.glob("*.py"):
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.ClassDef):
                methods = [part.name for part in node.body if isinstance(part, ast.FunctionDef)]
                if "_repr_mimebundle_" in methods:
                    yield node.name


def test_every_widget_of_the_package_is_named():
    found = set(classes_with_a_still_page())
    assert "SamplingExplorer" in found and "ChatWindow" in found
    assert found <= set(widgets.__all__)


def test_every_class_in_the_list_keeps_a_still_page():
    classes = [thing for thing in widgets.DESCRIPTIONS if isinstance(thing, type)]
    assert len(classes) > 5
    assert all(hasattr(thing, "_repr_mimebundle_") for thing in classes)


def test_the_overview_has_a_line_each():
    lines = widgets.overview().splitlines()
    assert len(lines) == len(widgets.DESCRIPTIONS) == len(set(lines))
    assert all(len(line) <= 100 for line in lines)
    for line in lines:
        assert hasattr(widgets, line.split()[0])
