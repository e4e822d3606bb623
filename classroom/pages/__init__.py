"""Pages and widgets of the notebooks: what a reader can touch."""
