package fault

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
)

func TestKindOf(t *testing.T) {
	base := Field(NotFound, "version", "version %q is not there: %w", "x", io.EOF)
	for _, c := range []struct {
		name  string
		err   error
		kind  Kind
		field string
		text  string
	}{
		{"nil", nil, Unknown, "", ""},
		{"foreign", io.EOF, Unknown, "", "EOF"},
		{"made", base, NotFound, "version", `version "x" is not there: EOF`},
		{"wrapped keeps the kind", Wrap(base, "registry"), NotFound, "version", `registry: version "x" is not there: EOF`},
		{"wrapped by fmt", fmt.Errorf("a: %w", base), NotFound, "version", `a: version "x" is not there: EOF`},
		{"given another kind", As(Unavailable, base), Unavailable, "version", `version "x" is not there: EOF`},
		{"cancelled", fmt.Errorf("scan: %w", context.Canceled), Interrupted, "", "scan: context canceled"},
		{"wrapped foreign", Wrap(io.EOF, "read"), Unknown, "", "read: EOF"},
	} {
		if got := KindOf(c.err); got != c.kind {
			t.Errorf("%s: kind %v, want %v", c.name, got, c.kind)
		}
		if got := FieldOf(c.err); got != c.field {
			t.Errorf("%s: field %q, want %q", c.name, got, c.field)
		}
		if c.err != nil && c.err.Error() != c.text {
			t.Errorf("%s: %q, want %q", c.name, c.err, c.text)
		}
	}
	if !errors.Is(Wrap(base, "x"), io.EOF) {
		t.Error("the cause is lost")
	}
	if Wrap(nil, "x") != nil || As(Invalid, nil) != nil {
		t.Error("nil must stay nil")
	}
}

// The exit statuses are a contract: 0 done, 1 failed, 2 usage, 3 held back,
// 130 interrupted.
func TestMapping(t *testing.T) {
	want := map[Kind][3]int{
		Unknown: {1, 2, 500}, Invalid: {1, 3, 400}, Usage: {2, 3, 400}, NotFound: {1, 5, 404},
		Exists: {1, 6, 409}, Conflict: {1, 10, 409}, Unavailable: {1, 14, 503}, Unsupported: {1, 12, 501},
		Corrupt: {1, 15, 500}, Version: {1, 9, 400}, Exhausted: {1, 8, 429}, HeldBack: {3, 9, 400},
		Interrupted: {130, 1, 499}, Denied: {1, 7, 403},
	}
	names := map[string]bool{}
	for k := Unknown; int(k) < len(facts); k++ {
		if got := [3]int{k.ExitStatus(), int(k.GRPCCode()), k.HTTPStatus()}; got != want[k] {
			t.Errorf("%v: %v, want %v", k, got, want[k])
		}
		if k.String() == "" || names[k.String()] {
			t.Errorf("kind %d: name %q is empty or taken", k, k)
		}
		names[k.String()] = true
	}
	if got := Kind(200).ExitStatus(); got != 1 {
		t.Errorf("a kind of a later version exits %d", got)
	}
}
