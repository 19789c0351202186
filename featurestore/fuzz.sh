#!/bin/sh
# Fuzzes every reader of files that others wrote, ten minutes each or as long as
# the first argument says (go test's -fuzztime). Finds are kept by go test
# under the package's testdata/fuzz; commit them with the fix.
set -eu
cd "$(dirname "$0")/.."
for target in accesslog:FuzzCombined accesslog:FuzzJSON accesslog:FuzzCSV accesslog:FuzzParquet accesslog:FuzzTime accesslog:FuzzIP \
	attack:FuzzRead reputation:FuzzOpen reputation:FuzzSplitCSV reputation:FuzzDrop reputation:FuzzSpur aggregate:FuzzReader .:FuzzParseHours; do
	echo "== $target"
	nice -n 19 go test -run '^$' -fuzz "^${target#*:}\$" -fuzztime "${1:-10m}" "./featurestore/${target%%:*}"
done
