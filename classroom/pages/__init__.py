"""The interactive pages and widgets of the notebooks."""
