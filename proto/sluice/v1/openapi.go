package sluicev1

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
)

// generated describes the REST form of ScoreService.
//
//go:embed sluice.swagger.json
var generated []byte

// written describes, by hand, the paths that are no RPCs: the feeds' files,
// ipoid's lookup, the inference protocols, health.
//
//go:embed openapi_rest.json
var written []byte

// OpenAPI gives the OpenAPI 2 description of every path of the REST API, as
// JSON. It is not to be changed.
var OpenAPI = sync.OnceValue(func() []byte {
	b, err := mergeOpenAPI(generated, written)
	if err != nil {
		panic(err) // both are part of the program, and tested
	}
	return b
})

// mergeOpenAPI adds the paths and definitions of a description to another's,
// which must not have them, puts its info in place and lets the entries of the
// lists that it names as nullable, "definition.property", be null.
func mergeOpenAPI(into, from []byte) ([]byte, error) {
	var a, b map[string]json.RawMessage
	if err := json.Unmarshal(into, &a); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(from, &b); err != nil {
		return nil, err
	}
	for name, part := range b {
		switch name {
		case "info":
			a[name] = part
		case "nullable":
			var lists []string
			if err := json.Unmarshal(part, &lists); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			for _, list := range lists {
				if err := letBeNull(a, list); err != nil {
					return nil, err
				}
			}
		case "paths", "definitions":
			var old, more map[string]json.RawMessage
			if err := json.Unmarshal(a[name], &old); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			if err := json.Unmarshal(part, &more); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			for key, v := range more {
				if _, twice := old[key]; twice {
					return nil, fmt.Errorf("%s: %q is described twice", name, key)
				}
				old[key] = v
			}
			whole, err := json.Marshal(old)
			if err != nil {
				return nil, err
			}
			a[name] = whole
		default:
			return nil, fmt.Errorf("%q can't be added", name)
		}
	}
	return json.MarshalIndent(a, "", "  ")
}

// letBeNull lets the entries of a definition's list be null, by the word that
// OpenAPI 2 has no place for and the generators of clients know.
func letBeNull(description map[string]json.RawMessage, list string) error {
	definition, property, _ := strings.Cut(list, ".")
	var all map[string]map[string]any
	if err := json.Unmarshal(description["definitions"], &all); err != nil {
		return fmt.Errorf("definitions: %w", err)
	}
	properties, _ := all[definition]["properties"].(map[string]any)
	of, _ := properties[property].(map[string]any)
	items, ok := of["items"].(map[string]any)
	if !ok {
		return fmt.Errorf("nullable: there is no list %q", list)
	}
	items["x-nullable"] = true
	b, err := json.Marshal(all)
	description["definitions"] = b
	return err
}
