package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"

	"go.yaml.in/yaml/v3"

	"sluice/featurestore/fault"
	"sluice/models/rules/aim"
	"sluice/train/evaluation"
	"sluice/train/gbtree"
	"sluice/train/pipeline"
)

// readParams reads a JSON object of XGBoost parameters; "" is all defaults.
// num_boost_round may stand among them and is returned apart, 0 if it does not.
func readParams(path string) (gbtree.Params, int, error) {
	raw := map[string]any{}
	if path != "" {
		b, err := os.ReadFile(path)
		if err != nil {
			return gbtree.Params{}, 0, fault.Field(fault.Invalid, "params", "--params: %w", err)
		}
		dec := json.NewDecoder(bytes.NewReader(b))
		dec.UseNumber()
		if err := dec.Decode(&raw); err != nil {
			return gbtree.Params{}, 0, fault.Field(fault.Invalid, "params", "%s: want a JSON object of XGBoost parameters: %w", path, err)
		}
		if _, err := dec.Token(); !errors.Is(err, io.EOF) {
			return gbtree.Params{}, 0, fault.Field(fault.Invalid, "params", "%s: something follows the JSON object of parameters at byte %d; want nothing behind it", path, dec.InputOffset())
		}
	}
	rounds := 0
	if v, ok := raw["num_boost_round"]; ok {
		delete(raw, "num_boost_round")
		n, ok := v.(json.Number)
		r, err := n.Int64()
		if !ok || err != nil || r < 1 || r > 1<<20 {
			return gbtree.Params{}, 0, fault.Field(fault.Invalid, "num_boost_round", "%s: num_boost_round %v: want a whole number of at least 1", path, v)
		}
		rounds = int(r)
	}
	p, err := gbtree.ParseParams(raw)
	if err != nil && path != "" {
		err = fault.Wrap(err, "%s", path)
	}
	return p, rounds, err
}

// readGates reads the gates over the usual ones, which ask of the test months
// what the operating point was chosen for.
func readGates(path string, point aim.Aim) (evaluation.GateConfig, error) {
	g := evaluation.DefaultGates().For(point)
	if path == "" {
		return g, nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return g, fault.Field(fault.Invalid, "gates", "--gates: %w", err)
	}
	dec := yaml.NewDecoder(bytes.NewReader(b))
	dec.KnownFields(true)
	if err := dec.Decode(&g); err != nil && !errors.Is(err, io.EOF) {
		msg := strings.TrimPrefix(strings.TrimPrefix(err.Error(), "yaml: "), "unmarshal errors:")
		msg = strings.ReplaceAll(msg, " not found in type evaluation.GateConfig", " is no gate")
		return g, fault.Field(fault.Invalid, "gates", "%s: %s", path, strings.TrimSpace(msg))
	}
	if err := g.Validate(); err != nil {
		return g, fault.Wrap(err, "%s", path)
	}
	return g, nil
}

// readRunParams are the parameters of a run, with the defaults of one.
func readRunParams(path string) (gbtree.Params, int, error) {
	p, rounds, err := readParams(path)
	if err == nil && p.Objective != gbtree.BinaryLogistic {
		err = fault.Field(fault.Invalid, "objective", "%s: objective %s gives no probability; a run needs %s", path, p.Objective, gbtree.BinaryLogistic)
	}
	if rounds == 0 {
		rounds = pipeline.DefaultRounds
	}
	return p, rounds, err
}
