package server

import (
	"context"
	"errors"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"sluice/featurestore/fault"
)

// errorDomain is the domain of every ErrorInfo.
const errorDomain = "sluice"

// Reasons beside the names of fault's kinds: those of errors that are not about
// data.
const (
	reasonNoRoute         = "NO_ROUTE"
	reasonUnauthenticated = "UNAUTHENTICATED"
)

// toStatus is the one mapping from an error to what callers see. What a person
// caused is told as it is; what is ours is told as an internal error, and the
// log has the rest.
func toStatus(err error) *status.Status {
	var made *statusError
	if errors.As(err, &made) {
		return made.st
	}
	if st, ok := status.FromError(err); ok { // gRPC's own: a stream that ended, health
		return st
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return newStatus(codes.DeadlineExceeded, "DEADLINE_EXCEEDED", "", "the deadline passed before the answer was ready")
	}
	kind := fault.KindOf(err)
	message := strings.Join(strings.Fields(err.Error()), " ")
	if kind == fault.Unknown {
		message = "internal error; the server's log tells more"
	}
	return newStatus(codes.Code(kind.GRPCCode()), kind.String(), fault.FieldOf(err), message)
}

// newStatus makes a status with an ErrorInfo and, where the error is about a
// field of the request, a BadRequest.
func newStatus(code codes.Code, reason, field, message string) *status.Status {
	st := status.New(code, message)
	info := &errdetails.ErrorInfo{Reason: reason, Domain: errorDomain}
	if field != "" {
		info.Metadata = map[string]string{"field": field}
	}
	if field == "" || code != codes.InvalidArgument {
		return withDetails(st, info, nil)
	}
	return withDetails(st, info, &errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{{
		Field: field, Description: message, Reason: reason,
	}}})
}

func withDetails(st *status.Status, info *errdetails.ErrorInfo, bad *errdetails.BadRequest) *status.Status {
	var with *status.Status
	var err error
	if bad == nil {
		with, err = st.WithDetails(info)
	} else {
		with, err = st.WithDetails(info, bad)
	}
	if err != nil { // only for the code OK, which no error has
		return st
	}
	return with
}

// statusError is an error that is a status already; http is its HTTP status
// where that does not follow from the code, allow the methods that a path takes
// where it was asked by another.
type statusError struct {
	st    *status.Status
	http  int
	allow []string
}

func (e *statusError) Error() string              { return e.st.Message() }
func (e *statusError) GRPCStatus() *status.Status { return e.st }

// rpcError gives err the form in which it leaves an RPC.
func rpcError(err error) error {
	if err == nil {
		return nil
	}
	return &statusError{st: toStatus(err)}
}

// errUnauthenticated is the answer to a call without a valid token.
func errUnauthenticated(message string) error {
	return &statusError{st: newStatus(codes.Unauthenticated, reasonUnauthenticated, "", message)}
}

// errNoRoute is the answer to a path or method that does not exist.
func errNoRoute(code codes.Code, message string) error {
	return &statusError{st: newStatus(code, reasonNoRoute, "", message)}
}

// hasInfo reports whether a status is one of ours.
func hasInfo(st *status.Status) bool {
	for _, d := range st.Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok && info.Domain == errorDomain {
			return true
		}
	}
	return false
}
