#!/usr/bin/env bash
# Generates the Go code and the OpenAPI description from the .proto files.
#
#   proto/generate.sh            write them
#   proto/generate.sh check      lint, format, breaking changes, and that what is
#                                committed is what would be written
#   proto/generate.sh baseline   take today's API as what must not break
#
# Everything runs on this machine: the generators are built from the modules
# under tools/, whose go.mod and go.sum pin them.
set -euo pipefail
cd "$(dirname "$0")"

bin=$(mktemp -d)
trap 'rm -rf "$bin"' EXIT
for module in buf plugins; do
  (cd "tools/$module" && GOFLAGS=-mod=readonly GOBIN="$bin" go install tool)
done
export PATH="$bin:$PATH"
export BUF_CACHE_DIR="$bin/cache"

baseline=testdata/baseline.binpb

generate() {
  find sluice inference \( -name '*.pb.go' -o -name '*.pb.gw.go' -o -name '*.swagger.json' \) -delete
  buf generate
  buf generate --template buf.gen.openapi.yaml
}

case "${1:-}" in
"")
  buf format -w --path sluice --path inference
  generate
  ;;
check)
  buf lint
  buf format -d --exit-code --path sluice --path inference
  buf build --exclude-source-info -o "$bin/now.binpb"
  buf breaking "$bin/now.binpb" --against "$baseline" --config '{"version":"v2","breaking":{"use":["FILE"]}}'
  generate
  # Both what differs and what is new and not committed.
  if ! git diff --stat --exit-code -- sluice inference; then
    echo "proto: the committed code is not what the .proto files give; run proto/generate.sh and commit" >&2
    exit 1
  fi
  new=$(git ls-files --others --exclude-standard -- sluice inference)
  if [ -n "$new" ]; then
    echo "proto: generated and not committed: $new" >&2
    exit 1
  fi
  ;;
baseline)
  mkdir -p "$(dirname "$baseline")"
  buf build --exclude-source-info -o "$baseline"
  ;;
*)
  echo "proto/generate.sh: \"$1\" is not known; say nothing, check or baseline" >&2
  exit 2
  ;;
esac
