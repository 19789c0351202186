#!/bin/sh
# Stands in for spark-submit: says what $FAKE_SAY holds, and leaves $FAKE_PARTS
# where the last argument, a file, names the staging folder.
for last; do :; done
staging=$(sed 's/.*"staging":"file:\/\/\([^"]*\)".*/\1/' "$last")
if [ -n "$FAKE_PARTS" ]; then
	mkdir -p "$staging"
	cp "$FAKE_PARTS"/* "$staging"
fi
echo "${FAKE_SAYS:-some words of Spark's own}" >&2
printf '%s' "$FAKE_SAY"
if [ -n "$FAKE_WAIT" ]; then
	sleep "$FAKE_WAIT"
fi
exit "${FAKE_EXIT:-0}"
