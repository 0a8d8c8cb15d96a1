"""Prompts: requests as values, rendering of templates, delimited data, counting of tokens."""

from refinelab_dsl.prompts.blocks import parse_blocks, render_block
from refinelab_dsl.prompts.compose import (
    builtin_template,
    call_context,
    compose,
    item_fields,
    max_output_tokens,
    repair_request,
    target_context,
)
from refinelab_dsl.prompts.hosts import check_endpoint, host
from refinelab_dsl.prompts.render import TemplateFault, parse_template, render
from refinelab_dsl.prompts.request import Completion, Message, Request, Subject, Usage, request_key
from refinelab_dsl.prompts.shapes import item_schema, reply_schema, returns_schema
from refinelab_dsl.prompts.tokens import (
    attempt_ceiling,
    attempt_ceiling_usd,
    call_ceiling,
    count_tokens,
    price_usd,
    request_ceiling,
    request_tokens,
    retries_ceiling,
    tokenizer_name,
)

__all__ = [
    "Completion",
    "Message",
    "Request",
    "Subject",
    "TemplateFault",
    "Usage",
    "attempt_ceiling",
    "attempt_ceiling_usd",
    "builtin_template",
    "call_ceiling",
    "call_context",
    "check_endpoint",
    "compose",
    "count_tokens",
    "host",
    "item_fields",
    "item_schema",
    "max_output_tokens",
    "parse_blocks",
    "parse_template",
    "price_usd",
    "render",
    "render_block",
    "repair_request",
    "reply_schema",
    "request_ceiling",
    "request_key",
    "request_tokens",
    "retries_ceiling",
    "returns_schema",
    "target_context",
    "tokenizer_name",
]
