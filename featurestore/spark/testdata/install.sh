#!/bin/sh
# install.sh VENV VERSION puts that version of pyspark (newest: the newest that
# there is), its Connect client where it holds the server too, and sqlglot into
# a virtual environment, unless they are there, and prints where Spark lies.
set -e
venv=$1
version=$2
if [ ! -e "$venv/done" ]; then
	rm -rf "$venv"
	mkdir -p "$(dirname "$venv")"
	${PYTHON:-python3} -m venv "$venv" >&2
	case $version in
	newest) "$venv/bin/pip" install -q 'pyspark[connect]' >&2 ;;
	3.*) "$venv/bin/pip" install -q "pyspark==$version" >&2 ;;
	*) "$venv/bin/pip" install -q "pyspark[connect]==$version" >&2 ;;
	esac
	"$venv/bin/pip" install -q 'sqlglot==30.30.0' >&2
	touch "$venv/done"
fi
"$venv/bin/python" -c 'import os, pyspark; print(os.path.dirname(pyspark.__file__))'
