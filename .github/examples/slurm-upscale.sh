#!/bin/bash
# A folder of pictures, each machine a part of it. Start it by: sbatch slurm-upscale.sh
# A job that was stopped can be started again: pictures that are done are left out.
#SBATCH --job-name=cadyq-upscale
#SBATCH --array=1-16
#SBATCH --cpus-per-task=8
#SBATCH --mem=4G
#SBATCH --time=04:00:00
set -euo pipefail

photos=${1:-photos} # change these
large=${2:-large}

cadyq upscale "$photos" -r -o "$large" --skip-existing --shard "$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT" \
    --threads "${SLURM_CPUS_PER_TASK:-0}"
