#!/usr/bin/env bash
# Puts Debian's Python for ARM and cadyq with its dependencies into FOLDER, for qemu-user to run:
#
#     aarch64_python.sh FOLDER WHEEL
#     QEMU_CPU=cortex-a53 chroot FOLDER python3 -m cadyq_cli upscale photo.png
#
# As root. Needs debootstrap, qemu-user-static, unzip, pip, and binfmt_misc mounted with QEMU in it
# (update-binfmts --enable qemu-aarch64).
set -euo pipefail

folder=$1 wheel=$(realpath "$2")
debootstrap --arch=arm64 --foreign --variant=minbase --include=python3 trixie "$folder"
# Unpacking is enough; its own second stage takes QEMU many minutes.
for package in "$folder"/var/cache/apt/archives/*.deb; do
    dpkg-deb --fsys-tarfile "$package" | tar -x -C "$folder" --keep-directory-symlink
done
wheels=$(mktemp -d)
trap 'rm -rf "$wheels"' EXIT
platforms=(--platform manylinux2014_aarch64 --platform manylinux_2_28_aarch64 --platform manylinux_2_18_aarch64)
pip download -q "${platforms[@]}" --python-version 313 --only-binary=:all: -d "$wheels" "$wheel" pytest hypothesis
for each in "$wheels"/*.whl; do
    unzip -q -o "$each" -d "$folder/usr/lib/python3/dist-packages"
done
