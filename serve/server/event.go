package server

// ProtocolVersion is the version of the service's event stream.
const ProtocolVersion = 1

// Event is one object of the event stream: exactly one field is set.
type Event struct {
	Config  *ConfigEvent  `json:"config,omitempty"` // first
	Serving *ServingEvent `json:"serving,omitempty"`
	Feed    *FeedEvent    `json:"feed,omitempty"`   // a feed was loaded
	Model   *ModelEvent   `json:"model,omitempty"`  // a champion was loaded
	Policy  *PolicyEvent  `json:"policy,omitempty"` // what people say was read
	Warning *WarningEvent `json:"warning,omitempty"`
	Drained *DrainedEvent `json:"drained,omitempty"` // last, when the end was asked for
	Error   *ErrorEvent   `json:"error,omitempty"`   // last, when it did not end well
}

// ConfigEvent says what runs.
type ConfigEvent struct {
	Protocol        string `json:"protocol"` // "sluice-serve"
	ProtocolVersion int    `json:"protocol_version"`
	Dir             string `json:"dir"`
}

// ServingEvent says where the service answers.
type ServingEvent struct {
	GRPC string `json:"grpc"`
	HTTP string `json:"http"`
}

// FeedEvent says which feed is served from now on.
type FeedEvent struct {
	Date         string `json:"date"`
	Rows         int    `json:"rows"`
	ModelVersion string `json:"model_version"`
}

// ModelEvent says which champion scores from now on; "" is none.
type ModelEvent struct {
	Version string `json:"version"`
}

// PolicyEvent says what counts, from now on, beside the model.
type PolicyEvent struct {
	Overrides       int `json:"overrides"` // in force
	RanOut          int `json:"ran_out"`   // lines to clear away
	CrawlerPrefixes int `json:"crawler_prefixes"`
	SharedPrefixes  int `json:"shared_prefixes"`
}

// WarningEvent is something a person should know that did not stop the service.
type WarningEvent struct {
	Message string `json:"message"`
}

// DrainedEvent says that the service ended as asked.
type DrainedEvent struct {
	CutOff bool `json:"cut_off"` // calls were still in flight when the time was up
}

// ErrorEvent is why the service ended.
type ErrorEvent struct {
	Kind    string `json:"kind"`
	Field   string `json:"field,omitempty"`
	Message string `json:"message"`
	Exit    int    `json:"exit"`
}
