#!/bin/bash
# Two hosts that train one network by torchrun; one is killed, both start again, and the run goes on to its end.
# The hosts are network namespaces on this machine, so it takes root, and `ip` of iproute2.
set -euo pipefail
scratch=$(mktemp -d)
ip netns add cadyq-a
ip netns add cadyq-b
trap 'ip netns pids cadyq-a | xargs -r kill -9; ip netns pids cadyq-b | xargs -r kill -9
      ip netns del cadyq-a; ip netns del cadyq-b; rm -rf "$scratch"' EXIT
ip link add cadyq-va netns cadyq-a type veth peer name cadyq-vb netns cadyq-b
for side in a b; do
    ip -n cadyq-$side addr add "10.77.0.$([ $side = a ] && echo 1 || echo 2)/24" dev cadyq-v$side
    ip -n cadyq-$side link set cadyq-v$side up
    ip -n cadyq-$side link set lo up
done
cd "$scratch"
python - << 'PYTHON'
from pathlib import Path
import numpy as np
from PIL import Image
Path("photos").mkdir()
for i in range(4):
    Image.fromarray(np.random.default_rng(i).integers(0, 256, (96, 96, 3), np.uint8)).save(f"photos/{i}.png")
PYTHON

declare -A address=([a]=10.77.0.1 [b]=10.77.0.2) leads=([a]=true [b]=false) # without a resolver torchrun cannot tell

host() { # a or b, and the number of the attempt
    GLOO_SOCKET_IFNAME=cadyq-v$1 OMP_NUM_THREADS=1 ip netns exec "cadyq-$1" torchrun --nnodes 2 --nproc-per-node 1 \
        --rdzv-backend c10d --rdzv-endpoint "${address[a]}:29500" --rdzv-id "run$2" \
        --rdzv-conf "is_host=${leads[$1]}" --local-addr "${address[$1]}" \
        -m cadyq_cli train photos -o run --stages float --set features=8 --set blocks=1 -s 2 --patch 16 --batch 4 \
        --steps "$steps" --save-every 20 --no-fuse > "$1$2.log" 2>&1
}

steps=400
host a 1 & a=$!
host b 1 & b=$!
until [ -e run/float.state ]; do
    sleep 0.2
    kill -0 $a 2> /dev/null || { cat a1.log; exit 1; }
done
ip netns pids cadyq-b | xargs kill -9
wait $b 2> /dev/null || true
ip netns pids cadyq-a | xargs -r kill -9 # as a scheduler does with the rest of a job
wait $a 2> /dev/null || true
before=$(tail -n 1 run/metrics.csv | cut -d, -f2)
[ ! -e run/float.safetensors ]

host a 2 & a=$!
host b 2 & b=$!
wait $a || { cat a2.log; exit 1; }
wait $b
after=$(tail -n 1 run/metrics.csv | cut -d, -f2)
[ -e run/float.safetensors ] && [ "$after" = $steps ]
echo "stopped after step $before of $steps, went on to step $after on two hosts"
