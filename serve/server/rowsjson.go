package server

import (
	"bytes"
	"io"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"

	pb "sluice/proto/sluice/v1"
)

// A number that is missing is NaN, for which JSON has no word: protobuf writes
// the text "NaN", which the description of a list of numbers does not allow and
// which typed clients read as 0. ScoreRows therefore answers null for the
// confidence of a row with an error, and takes null, besides "NaN", for a value
// that is missing.

// Marshal writes a message as JSON.
func (m scoreMarshaler) Marshal(v any) ([]byte, error) {
	switch a := v.(type) {
	case *pb.IpScore:
		if b := marshalScore(a); b != nil {
			return b, nil
		}
	case *pb.ScoreRowsResponse:
		b, err := m.JSONPb.Marshal(v)
		if len(a.GetErrors()) > 0 {
			b = replaceIn(b, "confidences", `"NaN"`, "null")
		}
		return b, err
	}
	return m.JSONPb.Marshal(v)
}

// NewDecoder reads JSON.
func (m scoreMarshaler) NewDecoder(r io.Reader) runtime.Decoder {
	return runtime.DecoderFunc(func(v any) error {
		if _, ok := v.(*pb.ScoreRowsRequest); !ok {
			return m.JSONPb.NewDecoder(r).Decode(v)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		if bytes.Contains(b, []byte("null")) {
			b = replaceIn(b, "values", "null", `"NaN"`)
		}
		return m.JSONPb.NewDecoder(bytes.NewReader(b)).Decode(v)
	})
}

// replaceIn replaces the entries of a JSON object's list that are from, a string
// or a literal as it is written, by to. What is no JSON comes out as it is, or
// as something else that is no JSON.
func replaceIn(b []byte, field, from, to string) []byte {
	out := make([]byte, 0, len(b)+64)
	depth, key := 0, false
	at := -1 // the depth within the list, once it is found
	for i := 0; i < len(b); {
		n := tokenLen(b[i:])
		token := b[i : i+n]
		switch c := b[i]; {
		case at == depth && string(token) == from:
			token = []byte(to)
		case c == '[' || c == '{':
			depth++
			if c == '[' && key && depth == 2 {
				at = depth
			}
			key = false
		case c == ']' || c == '}':
			if at == depth {
				at = -1
			}
			depth = max(0, depth-1)
		case c == '"':
			key = depth == 1 && string(token) == `"`+field+`"`
		case c == ',':
			key = false
		}
		out = append(out, token...)
		i += n
	}
	return out
}

// tokenLen is the length of the string, literal or number with which b begins; 1
// for any other byte.
func tokenLen(b []byte) int {
	if b[0] == '"' {
		for i := 1; i < len(b); i++ {
			switch b[i] {
			case '\\':
				i++
			case '"':
				return i + 1
			}
		}
		return len(b)
	}
	n := 0
	for n < len(b) && (b[n] >= 'a' && b[n] <= 'z' || b[n] >= 'A' && b[n] <= 'Z' || b[n] >= '0' && b[n] <= '9' || b[n] == '-' || b[n] == '+' || b[n] == '.') {
		n++
	}
	return max(1, n)
}
