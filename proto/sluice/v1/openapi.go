package sluicev1

import _ "embed"

// OpenAPI is the OpenAPI 2 description of the REST API, as JSON.
//
//go:embed sluice.swagger.json
var OpenAPI []byte
