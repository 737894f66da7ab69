#!/bin/sh
# Writes constraints.txt anew: the newest versions that pyproject.toml allows, as pip resolves them today.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
root=$(CDPATH='' cd -- "$here/../.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

python3 -m venv "$scratch/venv"
# async-timeout: redis asks for it below Python 3.11.3, and Debian 12 has 3.11.2.
"$scratch/venv/bin/python" -m pip install --quiet --disable-pip-version-check "${root}[scheduler,worker,otel]" async-timeout
{
    sed -n '/^#/p' "$here/constraints.txt"
    "$scratch/venv/bin/python" -m pip freeze --disable-pip-version-check | grep -v '^framefleet'
} >"$scratch/constraints.txt"
mv "$scratch/constraints.txt" "$here/constraints.txt"
