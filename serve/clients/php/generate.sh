#!/bin/sh
# Writes a PHP client of every path of the REST API into a folder (default:
# build beside this file):
#
#   serve/clients/php/generate.sh openapi.json [DIR]
#
# openapi.json is the description that a service gives an admin at
# /openapi.json. Needs openapi-generator-cli (PyPI and npm have it, with Java 11
# or newer), or what OPENAPI_GENERATOR names. What is written needs Guzzle 7:
# Composer's guzzlehttp/guzzle or Debian's php-guzzlehttp-guzzle, php-curl and
# php-mbstring.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
if [ $# -lt 1 ] || [ $# -gt 2 ]; then
  echo "usage: $0 openapi.json [DIR]" >&2
  exit 2
fi
exec ${OPENAPI_GENERATOR:-openapi-generator-cli} generate -i "$1" -o "${2:-$here/build}" -g php \
  --additional-properties=invokerPackage=Sluice,composerPackageName=sluice/client,variableNamingConvention=snake_case \
  --global-property=apiTests=false,modelTests=false,apiDocs=false,modelDocs=false
