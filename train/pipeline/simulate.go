package pipeline

import (
	"context"

	"sluice/featurestore/fault"
	"sluice/featurestore/row"
)

// World is what to simulate.
type World struct {
	Start         row.Month
	Months, Rows  int
	Scale         float64
	BackgroundIPs int
	Seed          int64
}

// Simulated is what was written.
type Simulated struct {
	Logs   []string `json:"logs"`
	Labels []string `json:"labels"`
}

func Simulate(ctx context.Context, w World, dir string, threads int, sink Sink) (Simulated, error) {
	return Simulated{}, fault.New(fault.Unsupported, "wip")
}

func Demo(ctx context.Context, c *Config, sink Sink) error {
	return fault.New(fault.Unsupported, "wip")
}
