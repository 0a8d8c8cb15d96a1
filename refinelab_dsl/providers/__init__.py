"""Who answers requests: endpoints, the simulated model, the cache."""

from refinelab_dsl.providers.factory import open_batches, open_embedding, open_provider
from refinelab_dsl.providers.provider import Provider, RefusedError, TransientError
from refinelab_dsl.providers.trust import check_trust

__all__ = [
    "Provider",
    "RefusedError",
    "TransientError",
    "check_trust",
    "open_batches",
    "open_embedding",
    "open_provider",
]
