package fetch

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"sluice/featurestore/fault"
)

// DefaultBase is where version 2 of the API lies.
const DefaultBase = "https://api.abuseipdb.com/api/v2"

const (
	maxBody   = 256 << 20 // a blacklist of 500,000 entries has some 60 MiB
	attempts  = 4
	patience  = 2 * time.Minute // a Retry-After beyond it ends the run
	firstWait = time.Second
)

// Client asks the API. The zero value but for Key is ready.
type Client struct {
	Key  string
	Base string       // "" is DefaultBase
	HTTP *http.Client // nil has a timeout of 30 seconds
	// Now and Sleep are the clock; nil is the real one. Sleep ends early with its
	// context.
	Now   func() time.Time
	Sleep func(ctx context.Context, d time.Duration) error
}

func (c *Client) now() time.Time {
	if c.Now != nil {
		return c.Now()
	}
	return time.Now()
}

func (c *Client) sleep(ctx context.Context, d time.Duration) error {
	if c.Sleep != nil {
		return c.Sleep(ctx, d)
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// answer is one response that is worth keeping: of status 200 or 422.
type answer struct {
	status int
	body   []byte
	at     time.Time
	left   int // requests left today; -1 where the answer doesn't tell
}

// errQuota ends a run until its time; zero where the API doesn't tell.
type errQuota struct{ until time.Time }

func (errQuota) Error() string { return "the daily quota is used up" }

// get asks once and, where that helps, again. Errors: errQuota, Denied (the key,
// or its plan), Unavailable, Interrupted.
func (c *Client) get(ctx context.Context, path string, query url.Values) (answer, error) {
	wait, last := firstWait, ""
	for n := range attempts {
		if n > 0 {
			if err := c.sleep(ctx, wait); err != nil {
				return answer{}, fault.As(fault.Interrupted, err)
			}
			wait *= 2
		}
		a, header, err := c.once(ctx, path, query)
		switch {
		case ctx.Err() != nil:
			return answer{}, fault.As(fault.Interrupted, ctx.Err())
		case err != nil:
			last = err.Error()
			continue
		}
		switch a.status {
		case http.StatusOK, http.StatusUnprocessableEntity:
			if !json.Valid(a.body) {
				last = "an answer that is no JSON"
				continue
			}
			return a, nil
		case http.StatusTooManyRequests:
			until := c.retryAt(header)
			if d := until.Sub(c.now()); !until.IsZero() && d <= patience && n+1 < attempts {
				wait = max(d, firstWait)
				last = "too many requests"
				continue
			}
			return answer{}, errQuota{until}
		case http.StatusUnauthorized, http.StatusForbidden:
			return answer{}, fault.New(fault.Denied, "AbuseIPDB refuses the key (%s); set ABUSEIPDB_API_KEY to a valid one", detail(a))
		case http.StatusPaymentRequired:
			return answer{}, fault.New(fault.Denied, "AbuseIPDB asks for another plan (%s); leave out what the key's plan doesn't allow", detail(a))
		}
		last = "status " + strconv.Itoa(a.status)
		if a.status < 500 {
			return answer{}, fault.New(fault.Unavailable, "AbuseIPDB answers %s (%s)", last, detail(a))
		}
	}
	return answer{}, fault.New(fault.Unavailable, "AbuseIPDB can't be reached after %d attempts (%s); what was fetched is kept, run again", attempts, last)
}

func (c *Client) once(ctx context.Context, path string, query url.Values) (answer, http.Header, error) {
	base := c.Base
	if base == "" {
		base = DefaultBase
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(base, "/")+path+"?"+query.Encode(), nil)
	if err != nil {
		return answer{}, nil, err
	}
	req.Header.Set("Key", c.Key)
	req.Header.Set("Accept", "application/json")
	h := c.HTTP
	if h == nil {
		h = &http.Client{Timeout: 30 * time.Second}
	}
	resp, err := h.Do(req)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err // without the question, which names an address
		}
		return answer{}, nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	if err != nil {
		return answer{}, nil, err
	}
	a := answer{status: resp.StatusCode, body: body, at: c.now().UTC(), left: -1}
	if n, err := strconv.Atoi(resp.Header.Get("X-RateLimit-Remaining")); err == nil && n >= 0 {
		a.left = n
	}
	return a, resp.Header, nil
}

// retryAt is when asking again is allowed: Retry-After, in seconds or as a date,
// else X-RateLimit-Reset, an epoch.
func (c *Client) retryAt(h http.Header) time.Time {
	if s := h.Get("Retry-After"); s != "" {
		if n, err := strconv.ParseInt(s, 10, 32); err == nil && n >= 0 {
			return c.now().Add(time.Duration(n) * time.Second)
		}
		if t, err := http.ParseTime(s); err == nil {
			return t
		}
	}
	if n, err := strconv.ParseInt(h.Get("X-RateLimit-Reset"), 10, 64); err == nil && n > 0 {
		return time.Unix(n, 0)
	}
	return time.Time{}
}

// detail is what the API says of an error, in one line.
func detail(a answer) string {
	var v struct {
		Errors []struct {
			Detail string `json:"detail"`
		} `json:"errors"`
	}
	if json.Unmarshal(a.body, &v) != nil || len(v.Errors) == 0 {
		return "status " + strconv.Itoa(a.status)
	}
	return strings.Join(strings.Fields(v.Errors[0].Detail), " ")
}
