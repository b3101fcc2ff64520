"""Fail unless tests of every named room passed: a run in which all of them skip proves nothing.

usage: .ci/ran.py TESTS.xml ROOM...
"""

import sys
import xml.etree.ElementTree as ElementTree
from collections import Counter

passed: Counter[str] = Counter()
for case in ElementTree.parse(sys.argv[1]).iter("testcase"):
    if not any(child.tag in ("skipped", "failure", "error") for child in case):
        passed[case.get("classname", "").removeprefix("tests.").split(".")[0]] += 1
print("passed:", ", ".join(f"{room} {count}" for room, count in sorted(passed.items())))
idle = [room for room in sys.argv[2:] if not passed[room]]
if idle:
    sys.exit(f"weft: not one test of {', '.join(idle)} passed without extras: some must not need any")
