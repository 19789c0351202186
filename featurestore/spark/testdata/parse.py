"""parse.py DIALECT: parses the SQL on standard input with sqlglot and prints
the names of the outermost columns, one a line."""

import sys

import sqlglot

tree = sqlglot.parse_one(sys.stdin.read(), dialect=sys.argv[1])
for column in tree.selects:
    print(column.alias_or_name)
# Written out again, it is still one that the dialect's own grammar takes.
sqlglot.parse_one(tree.sql(dialect=sys.argv[1]), dialect=sys.argv[1])
