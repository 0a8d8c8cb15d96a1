"""The store of replies by content."""

from refinelab_dsl.store.store import Store, StoredReply, StoreError, reply_hash

__all__ = ["Store", "StoreError", "StoredReply", "reply_hash"]
