"""Validates every example of the documents, and every golden file of an event, against the schemas."""

import json
import sys
from pathlib import Path

from jsonschema_rs import validator_for


def failures(document, schema, value, where):
    whole = {"allOf": [schema], "components": document["components"]}
    for error in validator_for(whole).iter_errors(value):
        yield f"{where}: {error.message}"


def bodies(document):
    for path, item in document["paths"].items():
        for method, operation in item.items():
            answers = operation.get("responses", {}).items()
            for status, body in [("request", operation.get("requestBody", {})), *answers]:
                for kind, content in body.get("content", {}).items():
                    where = f"{method} {path} {status} {kind}"
                    if "example" not in content:
                        yield where, None, None
                    else:
                        yield where, content["schema"], content["example"]


def openapi(path):
    document = json.loads(path.read_text())
    for where, schema, value in bodies(document):
        if schema is None:
            yield f"{path.name} {where}: no example"
        else:
            yield from failures(document, schema, value, f"{path.name} {where}")


def asyncapi(path, golden):
    document = json.loads(path.read_text())
    messages = document["components"]["messages"]
    for name, message in messages.items():
        for example in message["examples"]:
            yield from failures(document, message["payload"], example["payload"], f"{name} {example['name']}")
            yield from failures(document, message["headers"], example["headers"], f"{name} headers")
    for file in sorted(golden.glob("*.json")):
        topic = file.name.removesuffix(".json").removesuffix(".least")
        value = json.loads(file.read_text())
        for name in [topic] if topic in messages else [name for name in messages if not name.endswith(".dlq")]:
            yield from failures(document, messages[name]["payload"], value, f"{file.name} as {name}")
            # A schema that takes anything would prove nothing.
            broken = {key: field for key, field in value.items() if key in ("event_id", "occurred_at")}
            if not list(failures(document, messages[name]["payload"], broken, "")):
                yield f"{name}: its schema takes an event without fields"


def main(root):
    documents = sorted((root / "docs/api").glob("*.openapi.json"))
    found = [failure for path in documents for failure in openapi(path)]
    found += asyncapi(root / "docs/api/events.asyncapi.json", root / "pkg/events/golden/v1")
    for failure in found:
        print(failure, file=sys.stderr)
    return 1 if found or len(documents) != 4 else 0


sys.exit(main(Path(sys.argv[1])))
