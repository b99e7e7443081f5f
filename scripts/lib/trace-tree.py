"""trace-tree.py FILE TRACE_ID PREFIX SECONDS: waits until the collector's FILE has the whole trace of an order of two
products, and prints it as a tree. Exit code 1 where a stage is missing, or belongs elsewhere. PREFIX is that of the topics.
"""

import json
import sys
import time

KINDS = ["", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"]
# What there must be: role, kind, name, the name of the parent, how often.
STAGES = [
    ("order-service", "SERVER", "POST /orders", None, 1),
    ("order-service", "INTERNAL", "command", "POST /orders", 1),
    ("dispatcher", "PRODUCER", "publish order.created", "POST /orders", 1),
    ("projector", "CONSUMER", "project order.created", "publish order.created", 1),
    ("product-service", "CONSUMER", "process order.created", "publish order.created", 1),
    ("product-service", "INTERNAL", "command", "process order.created", 1),
    ("dispatcher", "PRODUCER", "publish stock.reserved", "process order.created", 2),
    ("projector", "CONSUMER", "project stock.reserved", "publish stock.reserved", 2),
    ("order-service", "CONSUMER", "process stock.reserved", "publish stock.reserved", 2),
    ("order-service", "INTERNAL", "command", "process stock.reserved", 2),
    ("dispatcher", "PRODUCER", "publish order.updated", "process stock.reserved", 1),
    ("projector", "CONSUMER", "project order.updated", "publish order.updated", 1),
]


def attributes(pairs):
    return {pair["key"]: next(iter(pair["value"].values()), "") for pair in pairs}


def spans_in(path, prefix):
    with open(path, encoding="utf-8") as lines:
        # The last line may be half written.
        for line in (line for line in lines if line.endswith("\n")):
            for resource in json.loads(line)["resourceSpans"]:
                service = attributes(resource["resource"]["attributes"])["service.name"]
                for span in (span for scope in resource["scopeSpans"] for span in scope["spans"]):
                    of = attributes(span.get("attributes", []))
                    yield {
                        "trace": span["traceId"],
                        "id": span["spanId"],
                        "parent": span.get("parentSpanId", ""),
                        "name": span["name"].replace(prefix, "") if prefix else span["name"],
                        "kind": KINDS[span["kind"]],
                        "role": of.get("esteira.role", ""),
                        "service": service,
                        "start": int(span["startTimeUnixNano"]),
                        "end": int(span["endTimeUnixNano"]),
                        "links": [(link["traceId"], link["spanId"]) for link in span.get("links", [])],
                        "size": of.get("esteira.batch.size"),
                        "failed": span.get("status", {}).get("code") == 2,
                    }


def faults(trace, batches):
    """An event may be delivered again, or wait parked for another one: each time that it is looked at is a span."""
    expected = 0
    names = {span["id"]: span["name"] for span in trace}
    for role, kind, name, parent, count in STAGES:
        found = sum(
            (span["role"], span["kind"], span["name"], names.get(span["parent"])) == (role, kind, name, parent)
            for span in trace
        )
        expected += found
        if found < count or (found > count and kind in ("SERVER", "PRODUCER")):
            under = f" under {parent}" if parent else ""
            yield f"{role}: {found} and not {count} times {kind} {name}{under}"
    if len(trace) != expected:
        yield f"{len(trace)} spans, of which {expected} belong there"
    yield from (f"{span['name']} has failed" for span in trace if span["failed"])
    reserved = {(span["trace"], span["id"]) for span in trace if span["name"] == "publish stock.reserved"}
    if not any(reserved <= set(batch["links"]) for batch in batches):
        yield "no span of a batch links to both publish stock.reserved"


def rows(trace, parent, began, indent=None):
    children = sorted((span for span in trace if span["parent"] == parent), key=lambda span: (span["start"], span["name"]))
    for index, span in enumerate(children):
        last = index == len(children) - 1
        start, took = (span["start"] - began) / 1e6, (span["end"] - span["start"]) / 1e6
        # The first span hangs under nothing that is known here.
        branch, below = ("", "") if indent is None else (indent + ("└─ " if last else "├─ "), indent + ("   " if last else "│  "))
        yield branch + span["name"], span["kind"], span["role"], f"{start:.1f}", f"{took:.1f}"
        yield from rows(trace, span["id"], began, below)


def show(trace, batches):
    ids = {span["id"] for span in trace}
    roots = {span["parent"] for span in trace if span["parent"] not in ids}
    began = min(span["start"] for span in trace)
    services = ", ".join(sorted({span["service"] for span in trace}))
    print(f"trace {trace[0]['trace']}: {len(trace)} spans of {services}\n")
    table = [("span", "kind", "role", "start ms", "took ms")]
    table += [row for root in sorted(roots) for row in rows(trace, root, began)]
    widths = [max(len(row[column]) for row in table) for column in range(5)]
    for name, kind, role, start, took in table:
        print(f"{name:{widths[0]}}  {kind:{widths[1]}}  {role:{widths[2]}}  {start:>{widths[3]}}  {took:>{widths[4]}}")
    print()
    for batch in sorted(batches, key=lambda batch: batch["start"]):
        linked = sorted(span["name"] for span in trace if (span["trace"], span["id"]) in batch["links"])
        print(f"batch of {batch['size']} in a trace by itself: {batch['role']} {batch['name']} ↔ {', '.join(linked)}")


def main(path, trace_id, prefix, seconds):
    deadline = time.monotonic() + float(seconds)
    while True:
        spans = list(spans_in(path, prefix))
        trace = [span for span in spans if span["trace"] == trace_id]
        batches = [span for span in spans if any(trace_id == of for of, _ in span["links"]) and span["size"]]
        wrong = list(faults(trace, batches))
        if not wrong or time.monotonic() > deadline:
            break
        time.sleep(0.2)
    if trace:
        show(trace, batches)
    for fault in wrong:
        print(f"check-traces: {fault}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
