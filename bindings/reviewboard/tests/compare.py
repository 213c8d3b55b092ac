"""Compares the results of two runs of pytest, from their JUnit files.

    python compare.py TESTS WITHOUT WITH

TESTS is how many tests both runs must have in common, at least.
"""

import sys
import xml.etree.ElementTree as ElementTree


def results(path):
    found = {}
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        outcome = {child.tag for child in case} & {"failure", "error", "skipped"}
        found[case.get("classname"), case.get("name")] = sorted(outcome) or ["passed"]
    return found


def main():
    expected, without, extended = int(sys.argv[1]), results(sys.argv[2]), results(sys.argv[3])
    different = [f"{'.'.join(name)}: {outcome} without, {extended.get(name)} with the extension"
                 for name, outcome in without.items() if extended.get(name) != outcome]
    if different or len(without) < expected:
        sys.exit("\n".join(different) or f"only {len(without)} tests were run")
    outcomes = [outcome for [outcome, *_] in without.values()]
    print(", ".join(f"{outcomes.count(kind)} {kind}" for kind in sorted(set(outcomes))))


if __name__ == "__main__":
    main()
