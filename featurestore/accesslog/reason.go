package accesslog

// Reason says why a line was rejected. The zero value, Accepted, says that it
// was not. Numbers may change between versions; names don't.
type Reason uint8

// The reasons, in the order in which they are looked for.
const (
	Accepted       Reason = iota
	TooLong               // longer than Options.MaxLine
	BadLine               // not the shape of the format: no time in brackets, no quoted request
	BadJSON               // not one JSON object, as encoding/json judges it
	BadCSV                // a quoted field that does not end, or goes on after its end
	FieldCount            // fewer or more fields than the header
	MissingTime           // the time is null, empty or "-": a request that timed out
	BadTime               // the time does not read as one
	TimeOutOfRange        // before 1990 or not before 2100
	MissingIP             // the client address is null, empty, "-" or "unknown"
	BadIP                 // the client address is none, or has a zone
	BadStatus             // the status is not of up to three digits
	BadSize               // the size is negative, not whole or beyond 64 bits
	UnknownFormat         // ParseLine was asked for a format that does not exist
	numReasons
)

var reasonNames = [numReasons]string{
	Accepted: "accepted", TooLong: "too_long", BadLine: "bad_line", BadJSON: "bad_json", BadCSV: "bad_csv",
	FieldCount: "field_count", MissingTime: "missing_time", BadTime: "bad_time", TimeOutOfRange: "time_out_of_range",
	MissingIP: "missing_ip", BadIP: "bad_ip", BadStatus: "bad_status", BadSize: "bad_size", UnknownFormat: "unknown_format",
}

// String is the reason's stable name in snake_case.
func (r Reason) String() string {
	if r >= numReasons {
		return "unknown"
	}
	return reasonNames[r]
}

// MarshalText writes the name, so that a map by reason is readable as JSON.
func (r Reason) MarshalText() ([]byte, error) { return []byte(r.String()), nil }
