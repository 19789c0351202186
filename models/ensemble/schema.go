package ensemble

import (
	"encoding/json"
	"slices"
	"strings"

	"sluice/featurestore/columns"
	"sluice/featurestore/fault"
)

// SchemaAttribute is the model attribute that holds the schema. XGBoost keeps
// attributes it does not know, so the schema survives loading and saving there.
const SchemaAttribute = "sluice_schema"

// Schema says what a model's row consists of.
type Schema struct {
	Names []string `json:"names"` // in the order of a row
	Hash  string   `json:"hash"`  // columns.Hash of Names
}

// NewSchema is the schema of the named columns, in that order.
func NewSchema(names []string) Schema {
	return Schema{slices.Clone(names), columns.Hash(names)}
}

// SetSchema stores s in m's attributes and its names as m's feature names.
func (m *Model) SetSchema(s Schema) error {
	if len(s.Names) != m.NumFeature {
		return invalid(SchemaAttribute, "names %d columns, the model has %d features", len(s.Names), m.NumFeature)
	}
	if err := s.check(); err != nil {
		return err
	}
	b, err := json.Marshal(s)
	if err != nil {
		return fault.Wrap(err, "schema")
	}
	if m.Attributes == nil {
		m.Attributes = map[string]string{}
	}
	m.Attributes[SchemaAttribute] = string(b)
	m.FeatureNames = slices.Clone(s.Names)
	return nil
}

// Schema reads the schema from m's attributes. A model without one (XGBoost
// trained it) has the schema of its feature names; one without names has none,
// which is an error of kind Unsupported, and so is a schema of other columns'
// definitions than this program's.
func (m *Model) Schema() (Schema, error) {
	text, ok := m.Attributes[SchemaAttribute]
	if !ok {
		if len(m.FeatureNames) == 0 {
			return Schema{}, fault.Field(fault.Unsupported, SchemaAttribute,
				"the model names neither its features nor a schema: rows can only be given in its order, unchecked")
		}
		return NewSchema(m.FeatureNames), nil
	}
	var s Schema
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return s, invalid(SchemaAttribute, "is no JSON: %w", err)
	}
	if len(s.Names) != m.NumFeature {
		return s, invalid(SchemaAttribute, "names %d columns, the model has %d features", len(s.Names), m.NumFeature)
	}
	if len(m.FeatureNames) > 0 && !slices.Equal(s.Names, m.FeatureNames) {
		return s, invalid(SchemaAttribute, "names other columns than feature_names: one of the two was changed")
	}
	return s, s.check()
}

func (s Schema) check() error {
	seen := map[string]bool{}
	for _, n := range s.Names {
		if n == columns.Label {
			return invalid(SchemaAttribute, "holds the label %s: a model must not see it", n)
		}
		if seen[n] {
			return invalid(SchemaAttribute, "names %s twice", n)
		}
		seen[n] = true
	}
	if h := columns.Hash(s.Names); h != s.Hash {
		return fault.Field(fault.Version, SchemaAttribute,
			"%s has the hash %s, this program's definitions of the same columns have %s: train the model again", SchemaAttribute, s.Hash, h)
	}
	return nil
}

// Mapping brings rows of other columns into a model's order.
type Mapping struct {
	from []int // for each feature of the model, its place in the given row
	n    int   // length of a given row
}

// Map makes the mapping from rows whose columns have the given names. Columns
// that the model does not use are allowed; a missing or doubled one is not.
func (s Schema) Map(names []string) (Mapping, error) {
	place := make(map[string]int, len(names))
	for i, n := range names {
		if _, twice := place[n]; twice {
			return Mapping{}, fault.Field(fault.Invalid, n, "the rows have the column %s twice", n)
		}
		place[n] = i
	}
	m := Mapping{from: make([]int, len(s.Names)), n: len(names)}
	var missing []string
	for i, n := range s.Names {
		at, ok := place[n]
		if !ok {
			missing = append(missing, n)
		}
		m.from[i] = at
	}
	if missing != nil {
		return Mapping{}, fault.Field(fault.Invalid, missing[0],
			"the rows lack %s, which the model was trained on: give every column of the model, NaN where a value is missing", strings.Join(missing, ", "))
	}
	return m, nil
}

// Row writes the given row, float64, into dst in the model's order, float32.
// Values beyond float32 become ±Inf, as XGBoost would round them. It does not
// allocate and panics when a slice has the wrong length.
func (m Mapping) Row(dst []float32, row []float64) {
	if len(row) != m.n || len(dst) != len(m.from) {
		panic("ensemble: Mapping.Row with slices of other lengths than mapped")
	}
	for i, from := range m.from {
		dst[i] = float32(row[from])
	}
}
