"""What Schemathesis cannot know of a request."""

import re
import uuid

import schemathesis
from schemathesis.specs.openapi import checks

TOKEN = "(user|product|order):[1-9][0-9]{0,17}:[1-9][0-9]{0,17}"


@schemathesis.hook
def before_call(context, case, kwargs):
    headers = case.headers
    if not headers:
        return
    # A key that was used before answers as it did then, also for a resource that is deleted since.
    key = headers.get("Idempotency-Key")
    if isinstance(key, str) and re.fullmatch("[!-~]{1,219}", key):
        headers["Idempotency-Key"] = key + str(uuid.uuid4())
    # For a pattern Schemathesis 4.32 makes an empty value, or 0, and takes it for a valid one.
    valid = case.meta is not None and case.meta.generation.mode.is_positive
    if valid and not re.fullmatch(TOKEN, headers.get("X-Consistency-Token", "order:7:3")):
        del headers["X-Consistency-Token"]


@schemathesis.check
def deleted_is_gone(context, response, case):
    """A history outlives what it is the history of; anything else that was deleted is gone."""
    if case.operation.path.endswith("/events"):
        return None
    return checks.use_after_free(context, response, case)
