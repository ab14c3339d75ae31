#!/bin/bash
# One network, trained on several machines. Start it by: sbatch slurm-train.sh
# Started again, it goes on from the last saved state in the folder of the run.
#SBATCH --job-name=cadyq-train
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=8
#SBATCH --time=24:00:00
#SBATCH --requeue
set -euo pipefail

photos=${1:-photos} # change these; all machines need to see both folders
run=${2:-runs/edsr}

first=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
srun torchrun --nnodes "$SLURM_JOB_NUM_NODES" --nproc-per-node 1 \
    --rdzv-backend c10d --rdzv-endpoint "$first:29500" --rdzv-id "$SLURM_JOB_ID" --max-restarts 3 \
    -m cadyq_cli train "$photos" -o "$run"
