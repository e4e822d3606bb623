"""What a long training run needs around its steps: progress, safety, a log, curves."""
