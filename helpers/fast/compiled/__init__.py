"""What `torch.compile` makes faster: training steps, and writing one token after another."""
