package pipeline

import (
	"time"

	"sluice/featurestore/row"
)

// ProtocolVersion is the version of the event stream. Fields may be added
// under one version; a field's meaning changes only with the next.
const ProtocolVersion = 1

// Event is one object of the event stream: exactly one field is set. Progress,
// tables and --json all read this one stream.
type Event struct {
	Config   *ConfigEvent   `json:"config,omitempty"`   // first
	Stage    *StageEvent    `json:"stage,omitempty"`    // a piece of work ended
	Progress *ProgressEvent `json:"progress,omitempty"` // within a piece of work
	Warning  *WarningEvent  `json:"warning,omitempty"`
	Figures  *FiguresEvent  `json:"figures,omitempty"` // one split's headline figures
	Result   any            `json:"result,omitempty"`  // last, when the command did its work
	Error    *ErrorEvent    `json:"error,omitempty"`   // last, when it did not
}

// ConfigEvent says what runs.
type ConfigEvent struct {
	Protocol        string `json:"protocol"` // "sluice-train"
	ProtocolVersion int    `json:"protocol_version"`
	Command         string `json:"command"`
}

// StageEvent says that a piece of work is done.
type StageEvent struct {
	Name    string         `json:"name"` // read, label, train, evaluate, write, …
	Summary string         `json:"summary"`
	Facts   map[string]any `json:"facts,omitempty"`
}

// ProgressEvent says how far a piece of work is. Total is 0 while unknown.
type ProgressEvent struct {
	Stage  string  `json:"stage"`
	Done   int64   `json:"done"`
	Total  int64   `json:"total,omitempty"`
	Unit   string  `json:"unit"` // bytes, rounds, rows, …
	Detail string  `json:"detail,omitempty"`
	Rate   float64 `json:"rate,omitempty"` // units a second since the stage began
	// Left is the time left at that rate, in seconds; 0 while unknown.
	Left float64 `json:"left,omitempty"`
}

// WarningEvent is something a person should know that did not stop the work.
type WarningEvent struct {
	Message string `json:"message"`
}

// FiguresEvent is one line of the figures table, of class True (abusive).
type FiguresEvent struct {
	Split     string      `json:"split"`
	Months    []row.Month `json:"months"`
	Who       string      `json:"who"` // model, rules, listed-before
	At        string      `json:"at"`  // half, operating point
	Threshold *float64    `json:"threshold"`
	Rows      int         `json:"rows"`
	Precision *float64    `json:"precision"`
	Recall    *float64    `json:"recall"`
	F1        *float64    `json:"f1"`
	ROCAUC    *float64    `json:"roc_auc"`
}

// ErrorEvent is why the command did not do its work.
type ErrorEvent struct {
	Kind    string `json:"kind"`
	Field   string `json:"field,omitempty"`
	Message string `json:"message"`
	Exit    int    `json:"exit"`
}

// Sink takes events, in order, from one goroutine at a time.
type Sink func(Event)

// meter turns counts into progress events with rate and time left. It sends at
// most a few a second.
type meter struct {
	sink  Sink
	stage string
	unit  string
	begun time.Time
	last  time.Time
}

func newMeter(sink Sink, stage, unit string) *meter {
	return &meter{sink: sink, stage: stage, unit: unit, begun: time.Now()}
}

func (m *meter) at(done, total int64, detail string) {
	now := time.Now()
	if now.Sub(m.last) < 200*time.Millisecond && (total == 0 || done < total) {
		return
	}
	m.last = now
	p := ProgressEvent{Stage: m.stage, Done: done, Total: total, Unit: m.unit, Detail: detail}
	if s := now.Sub(m.begun).Seconds(); s > 0.2 {
		p.Rate = float64(done) / s
		if total > done && done > 0 {
			p.Left = float64(total-done) / p.Rate
		}
	}
	m.sink(Event{Progress: &p})
}
