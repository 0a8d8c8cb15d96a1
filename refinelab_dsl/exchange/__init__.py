"""Exchanges with an OpenAI-compatible endpoint: bytes out, bytes and headers in, a failure as a value. They are made in
this process or in workers, which import nothing of refinec but this package. What a reply means `providers` knows."""
