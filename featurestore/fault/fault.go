package fault

import (
	"context"
	"errors"
	"fmt"
)

// Kind is the class of an error. Values are stable: they cross the wire in the
// event stream and in google.rpc.ErrorInfo, so none is ever renumbered.
type Kind uint8

// The kinds. Unknown is the kind of every error that this package did not make.
const (
	Unknown     Kind = iota // not classified: a bug or an error of the system
	Invalid                 // the input is wrong: a file's content, a field, a value
	Usage                   // the command line is wrong
	NotFound                // what was asked for does not exist
	Exists                  // it exists already and would be overwritten
	Conflict                // another run holds it, or the state does not allow it
	Unavailable             // it cannot be answered now; the same call may succeed later
	Unsupported             // recognised by name and refused
	Corrupt                 // stored data does not match its checksum or shape
	Version                 // stored data of a newer version than this program reads
	Exhausted               // a stated limit was reached: size, rows, quota, disk
	HeldBack                // everything was written; a gate held the model back
	Interrupted             // the caller asked to stop
	Denied                  // the caller may not do that
)

type kindFacts struct {
	name string
	exit int
	grpc uint32 // google.rpc.Code
	http int
}

// facts is the one mapping from kind to exit status, gRPC code and HTTP
// status. The HTTP column follows grpc-gateway's table, so that an error has
// the same status whichever way it took.
var facts = [...]kindFacts{
	Unknown:     {"UNKNOWN", 1, 2, 500},
	Invalid:     {"INVALID", 1, 3, 400},
	Usage:       {"USAGE", 2, 3, 400},
	NotFound:    {"NOT_FOUND", 1, 5, 404},
	Exists:      {"ALREADY_EXISTS", 1, 6, 409},
	Conflict:    {"CONFLICT", 1, 10, 409},
	Unavailable: {"UNAVAILABLE", 1, 14, 503},
	Unsupported: {"UNSUPPORTED", 1, 12, 501},
	Corrupt:     {"CORRUPT", 1, 15, 500},
	Version:     {"VERSION", 1, 9, 400},
	Exhausted:   {"EXHAUSTED", 1, 8, 429},
	HeldBack:    {"HELD_BACK", 3, 9, 400},
	Interrupted: {"INTERRUPTED", 130, 1, 499},
	Denied:      {"DENIED", 1, 7, 403},
}

func (k Kind) facts() kindFacts {
	if int(k) >= len(facts) {
		return facts[Unknown]
	}
	return facts[k]
}

// String is the kind's upper-case name, as it stands in the event stream.
func (k Kind) String() string { return k.facts().name }

// ExitStatus is the process exit status for an error of this kind.
func (k Kind) ExitStatus() int { return k.facts().exit }

// GRPCCode is the google.rpc.Code number for an error of this kind.
func (k Kind) GRPCCode() uint32 { return k.facts().grpc }

// HTTPStatus is the HTTP status for an error of this kind.
func (k Kind) HTTPStatus() int { return k.facts().http }

// Error is an error with a kind and, where it is about one, a field.
type Error struct {
	Kind  Kind
	Field string // the field, flag or file that is wrong; may be empty
	Msg   string // one line; does not repeat Err
	Err   error  // the cause; may be nil
}

// Error is one line: message, then cause.
func (e *Error) Error() string {
	switch {
	case e.Err == nil:
		return e.Msg
	case e.Msg == "":
		return e.Err.Error()
	}
	return e.Msg + ": " + e.Err.Error()
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// New makes an error of kind k; format may wrap a cause with %w.
func New(k Kind, format string, args ...any) error {
	return &Error{Kind: k, Err: fmt.Errorf(format, args...)}
}

// Field makes an error of kind k about one field, flag or file.
func Field(k Kind, field, format string, args ...any) error {
	return &Error{Kind: k, Field: field, Err: fmt.Errorf(format, args...)}
}

// Wrap puts a message in front of err and keeps its kind; nil stays nil.
func Wrap(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return &Error{Kind: KindOf(err), Field: FieldOf(err), Msg: fmt.Sprintf(format, args...), Err: err}
}

// As gives err the kind k, whatever it had; nil stays nil.
func As(k Kind, err error) error {
	if err == nil {
		return nil
	}
	return &Error{Kind: k, Field: FieldOf(err), Err: err}
}

// KindOf is the kind of the outermost Error in err's chain. A cancelled
// context is Interrupted; what is not classified is Unknown.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	if errors.Is(err, context.Canceled) {
		return Interrupted
	}
	return Unknown
}

// FieldOf is the first non-empty field in err's chain, or "".
func FieldOf(err error) string {
	for err != nil {
		var e *Error
		if !errors.As(err, &e) {
			return ""
		}
		if e.Field != "" {
			return e.Field
		}
		err = e.Err
	}
	return ""
}

// Is reports whether err is of kind k.
func Is(err error, k Kind) bool { return err != nil && KindOf(err) == k }
