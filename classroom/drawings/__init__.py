"""Pictures of the notebooks, each drawn by one function."""
