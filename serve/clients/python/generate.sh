#!/bin/sh
# Writes the generated part of the Python client into a folder (default: build
# beside this file), which belongs on PYTHONPATH with sluice_client.py. Needs
# grpcio-tools in the Python that PYTHON names (default: python3).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=${1:-$here/build}
mkdir -p "$out"
out=$(cd "$out" && pwd)
cd "$here/../../../proto"
"${PYTHON:-python3}" -m grpc_tools.protoc -I . -I third_party \
  --python_out="$out" --grpc_python_out="$out" \
  sluice/v1/*.proto google/api/annotations.proto google/api/http.proto google/rpc/status.proto
