#!/usr/bin/python3 -ISB
"""Runs attacks: what standard input asks for, or the first file named, one answer a line. Lies beside `attacks`."""

import importlib
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
if len(sys.argv) == 3:  # where the three descriptors are what is attacked
    with open(sys.argv[1]) as file:
        ORDER = json.load(file)
    ANSWERS = os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND)
else:
    ORDER, ANSWERS = json.load(sys.stdin), 1
ORDER["bait"]["mark"] = ORDER["bait"]["mark"][::-1]  # so that an attacker's own input is not taken for what it seeks
for subject in sorted({name.partition(": ")[0] for name in ORDER["names"]}):
    importlib.import_module(f"attacks.{subject}")
importlib.import_module("attacks.table").main(ORDER, ANSWERS)
