"""json-at.py PATH: prints the value at .a.b[0].c of the JSON on standard input, texts without quotes.

Prints nothing where there is no such value, or no JSON.
"""

import json
import re
import sys


def at(value, path):
    for key in re.findall(r"[^.\[\]]+", path):
        if isinstance(value, dict):
            value = value.get(key)
        elif isinstance(value, list) and key.isdigit() and int(key) < len(value):
            value = value[int(key)]
        else:
            return None
    return value


try:
    found = at(json.load(sys.stdin), sys.argv[1])
except ValueError:
    found = None
if found is not None:
    print(found if isinstance(found, str) else json.dumps(found, ensure_ascii=False))
