#!/bin/sh
# install.sh VENV VERSION puts that version of pyspark (newest: the newest that
# there is) with its Connect client, and sqlglot, into a virtual environment,
# unless they are there, and prints where Spark lies.
set -e
venv=$1
version=$2
if [ ! -e "$venv/done" ]; then
	rm -rf "$venv"
	mkdir -p "$(dirname "$venv")"
	${PYTHON:-python3} -m venv "$venv" >&2
	case $version in
	newest) "$venv/bin/pip" install -q 'pyspark[connect]' >&2 ;;
	3.*)
		# Its Connect client takes what there was at its time: NumPy 1, and what was
		# built for that.
		"$venv/bin/pip" install -q "pyspark[connect]==$version" 'numpy<2' 'pandas<2.3' 'pyarrow<20' googleapis-common-protos >&2
		# Its Connect server comes apart, and not in every patch.
		connect=org.apache.spark:spark-connect_2.12:3.5.7
		if mvn -q org.apache.maven.plugins:maven-dependency-plugin:3.6.1:get "-Dartifact=$connect" -Dtransitive=false >&2 &&
			mvn -q org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy "-Dartifact=$connect" "-DoutputDirectory=$venv/connect" >&2; then :; fi
		;;
	*) "$venv/bin/pip" install -q "pyspark[connect]==$version" >&2 ;;
	esac
	"$venv/bin/pip" install -q 'sqlglot==30.30.0' >&2
	touch "$venv/done"
fi
"$venv/bin/python" -c 'import os, pyspark; print(os.path.dirname(pyspark.__file__))'
