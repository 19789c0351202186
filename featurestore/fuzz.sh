#!/bin/sh
# Fuzzes every reader of files that others wrote, ten minutes each or as long as
# the first argument says (go test's -fuzztime). Finds are kept by go test
# under the package's testdata/fuzz; commit them with the fix. New inputs are
# made smaller in twenty tries at most: a minute for each, as is usual, leaves
# readers of files little time for new ones.
set -eu
cd "$(dirname "$0")/.."
for target in accesslog:FuzzCombined accesslog:FuzzJSON accesslog:FuzzCSV accesslog:FuzzParquet accesslog:FuzzTime accesslog:FuzzIP jsonscan:FuzzScanner \
	attack:FuzzRead reputation:FuzzOpen reputation:FuzzSplitCSV reputation:FuzzDrop reputation:FuzzSpur aggregate:FuzzReader .:FuzzParseHours; do
	echo "== $target"
	nice -n 19 go test -run '^$' -fuzz "^${target#*:}\$" -fuzztime "${1:-10m}" -fuzzminimizetime 20x "./featurestore/${target%%:*}"
done
