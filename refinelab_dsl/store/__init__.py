"""The store of replies by content."""

from refinelab_dsl.store.store import UNKNOWN, Bought, Kept, Origin, Store, StoredReply, StoreError, reply_hash

__all__ = ["UNKNOWN", "Bought", "Kept", "Origin", "Store", "StoreError", "StoredReply", "reply_hash"]
