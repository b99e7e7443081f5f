"""What Schemathesis cannot know of a request."""

import re
import uuid

import schemathesis

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
