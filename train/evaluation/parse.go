package evaluation

import (
	"encoding/json"

	"sluice/featurestore/fault"
)

// MarshalIndent is evaluation.json: indented, ending in a newline, the same
// bytes for the same evaluation.
func (e *Evaluation) MarshalIndent() ([]byte, error) {
	b, err := json.MarshalIndent(e, "", "  ")
	return append(b, '\n'), err
}

// Parse reads evaluation.json. Fields that it does not know are left out, as a
// later program of the same schema version may have added them; another
// version is refused.
func Parse(b []byte) (*Evaluation, error) {
	var head struct {
		SchemaVersion int `json:"schema_version"`
	}
	if err := json.Unmarshal(b, &head); err != nil {
		return nil, fault.New(fault.Corrupt, "evaluation.json: %w", err)
	}
	if head.SchemaVersion > SchemaVersion {
		return nil, fault.New(fault.Version, "evaluation.json has schema version %d, this program reads up to %d: use a newer sluice", head.SchemaVersion, SchemaVersion)
	}
	if head.SchemaVersion < 1 {
		return nil, fault.Field(fault.Corrupt, "schema_version", "evaluation.json: schema_version %d: want %d", head.SchemaVersion, SchemaVersion)
	}
	e := &Evaluation{}
	if err := json.Unmarshal(b, e); err != nil {
		return nil, fault.New(fault.Corrupt, "evaluation.json: %w", err)
	}
	return e, nil
}
