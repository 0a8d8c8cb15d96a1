"""The simulated model behind an OpenAI-shaped endpoint on HTTP, with latency, limits and faults on request.

`behaviour` says how it behaves, `server` is the application; `calls` (what is answered), `limits` (429 and its headers)
and `faults` (what goes wrong) know nothing of each other; `desk` serves files and batches. The modules of the server
(`server`, `desk`, `wording`) alone import aiohttp.
"""

from refinelab_dsl.serving.behaviour import Behaviour, Tally
from refinelab_dsl.serving.faults import Fault, FaultKind, parse_chance
from refinelab_dsl.serving.limits import RateLimits

__all__ = ["Behaviour", "Fault", "FaultKind", "RateLimits", "Tally", "parse_chance"]
