# SPDX-License-Identifier: Apache-2.0
"""repeat.py SECONDS GAP_MS CMD... [-- CMD...]: runs the commands in turn until the time is over.

Prints one JSON line: {"asked", "answered", "failed", "errors"}; a command that ends with status 0 was answered."""
import itertools
import json
import subprocess
import sys
import time

seconds, gap = float(sys.argv[1]), float(sys.argv[2]) / 1000
commands = [list(group) for dashes, group in itertools.groupby(sys.argv[3:], lambda word: word == "--") if not dashes]
result = {"asked": 0, "answered": 0, "failed": 0, "errors": []}
end = time.monotonic() + seconds
for command in itertools.cycle(commands):
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace")
    result["asked"] += 1
    result["answered" if done.returncode == 0 else "failed"] += 1
    if done.returncode != 0 and len(result["errors"]) < 3:
        result["errors"].append("%s: exit %d %s" % (command[0], done.returncode, done.stderr.strip()[:200]))
    if time.monotonic() > end:
        break
    time.sleep(gap)
print(json.dumps(result))
