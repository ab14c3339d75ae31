#!/bin/bash
# Sixteen shards of one folder at a time, one of them killed and started again: every picture once, none unfinished.
set -euo pipefail
examples=$(cd "$(dirname "$0")/../../.github/examples" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"

python - << 'PYTHON'
from pathlib import Path
from PIL import Image
Path("photos").mkdir()
for i in range(64):
    Image.new("RGB", (160, 120), (i, 2 * i, 128)).save(f"photos/{i}.png")
PYTHON

shard() { SLURM_ARRAY_TASK_ID=$1 SLURM_ARRAY_TASK_COUNT=16 SLURM_CPUS_PER_TASK=1 exec bash "$examples/slurm-upscale.sh" photos large; }
for i in {1..16}; do
    (shard "$i" > "$i.out" 2> "$i.err") &
    started[i]=$!
done
until ls large/*.png > /dev/null 2>&1; do sleep 0.1; done
pkill -KILL -P "${started[7]}" || true # the cadyq of the seventh
for i in {1..16}; do
    wait "${started[i]}" && status=0 || status=$?
    if [ "$i" = 7 ]; then echo "the seventh shard ended with $status"; elif [ "$status" != 0 ]; then cat "$i.err"; exit 1; fi
done
(shard 7) > 7.out 2> 7.err # again

python - << 'PYTHON'
from pathlib import Path
from PIL import Image
made = sorted(Path("large").iterdir())
assert [path.name for path in made] == sorted(f"{i}_x4.png" for i in range(64))
assert {Image.open(path).size for path in made} == {(640, 480)}
print(f"{len(made)} pictures, all whole")
PYTHON
