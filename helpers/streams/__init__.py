"""Corpora larger than a laptop's memory: token shards that are read where they lie, and where to get them."""

from helpers.streams.shards import TokenShards, shard_loader, write_shard
from helpers.streams.sources import LARGE

__all__ = ["LARGE", "TokenShards", "shard_loader", "write_shard"]
