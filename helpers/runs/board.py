"""A run's losses, learning rate and speed as curves in TensorBoard: `tensorboard --logdir runs`.

TensorBoard is one of the packages that the course does not install by itself.
"""

from importlib.util import find_spec
from pathlib import Path

from helpers.checkpoint import checkpoints, read_state


def check_tensorboard() -> None:
    """Raise ValueError, saying how to install it, where TensorBoard is missing."""
    if find_spec("tensorboard") is None:
        raise ValueError("no TensorBoard here: pip install -c constraints.txt tensorboard")


class Board:
    """Writes what happens in a run into its folder, for TensorBoard to draw.

    `resume` goes on from the newest checkpoint: what was drawn after it is dropped.
    Raises ValueError where TensorBoard is not installed.
    """

    def __init__(self, folder: Path | str, resume: bool = False) -> None:
        check_tensorboard()
        from torch.utils.tensorboard import SummaryWriter

        found = checkpoints(folder) if resume else []
        after = read_state(found[-1])["step"] + 1 if found else None
        self.writer = SummaryWriter(str(Path(folder) / "tensorboard"), purge_step=after)

    def step(self, step: int, loss: float, learning_rate: float, tokens_per_second: float) -> None:
        """Write down a step: its loss in nats per token, its rate and its speed."""
        self.writer.add_scalar("loss/training", loss, step)
        self.writer.add_scalar("learning rate", learning_rate, step)
        self.writer.add_scalar("tokens per second", tokens_per_second, step)

    def validation(self, step: int, loss: float) -> None:
        """Write down a validation loss, in nats per token."""
        self.writer.add_scalar("loss/validation", loss, step)

    def close(self) -> None:
        """Write everything to disk."""
        self.writer.close()
