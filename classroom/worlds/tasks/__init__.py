"""Instructions whose exact answers can be computed; see `classroom.worlds.tasks.tasks`."""

from classroom.worlds.tasks.tasks import KINDS, Task, item_of, sample, solve

__all__ = ["KINDS", "Task", "item_of", "sample", "solve"]
