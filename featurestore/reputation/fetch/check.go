package fetch

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/google/renameio/v2"

	"sluice/featurestore/fault"
	"sluice/featurestore/reputation"
	"sluice/featurestore/row"
)

// Checks says which addresses are checked.
type Checks struct {
	Addresses []netip.Addr // in the order in which they matter
	File      string       // answers are appended to it
	MaxAge    int          // maxAgeInDays, 1 to 365; 0 is 90
	Limit     int          // requests of this run at most; 0 is none but the quota
	Progress  func(done, total int)
}

// Result is what a run came to.
type Result struct {
	Asked  int `json:"asked"`   // answers that were appended
	Known  int `json:"known"`   // addresses answered earlier in the same month
	Refuse int `json:"refused"` // of those asked, that AbuseIPDB can't judge (422)
	Left   int `json:"left"`    // addresses still to be asked
	// Until is when the quota allows more; zero where it isn't used up or nothing
	// tells.
	Until   time.Time `json:"until,omitzero"`
	Stopped string    `json:"stopped,omitempty"` // why addresses are left
}

// Check asks for addresses one by one and appends each answer. Addresses that
// the file has an answer for, fetched in the present month (UTC) with the same
// reach, are not asked again, so a run goes on where the one before ended. A
// used-up quota is no error. Errors: those of Client, Invalid, Exhausted.
func (c *Client) Check(ctx context.Context, o Checks) (res Result, err error) {
	if o.MaxAge == 0 {
		o.MaxAge = 90
	}
	if o.MaxAge < 1 || o.MaxAge > 365 {
		return res, fault.Field(fault.Usage, "max-age", "a reach of %d days: want 1 to 365", o.MaxAge)
	}
	f, err := os.OpenFile(o.File, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o640)
	if err != nil {
		return res, fault.Field(fault.Invalid, "out", "answers %w", err)
	}
	defer func() {
		if e := errors.Join(f.Sync(), f.Close()); err == nil && e != nil {
			err = fault.Wrap(e, "answers %s", filepath.Base(o.File))
		}
	}()
	known, err := answered(f, row.MonthOf(c.now().UTC()), o.MaxAge)
	if err != nil {
		return res, err
	}
	var todo []netip.Addr
	for _, ip := range o.Addresses {
		ip, ok := row.Canonical(ip)
		switch {
		case !ok:
		case known[ip]:
			res.Known++
		default:
			known[ip] = true
			todo = append(todo, ip)
		}
	}
	res.Known = min(res.Known, len(o.Addresses))
	var line []byte
	for i, ip := range todo {
		res.Left = len(todo) - i
		if o.Limit > 0 && i >= o.Limit {
			res.Stopped = fmt.Sprintf("the limit of %d requests is reached", o.Limit)
			return res, nil
		}
		a, err := c.get(ctx, "/check", url.Values{"ipAddress": {ip.String()}, "maxAgeInDays": {strconv.Itoa(o.MaxAge)}})
		var quota errQuota
		if errors.As(err, &quota) {
			res.Until, res.Stopped = quota.until, quota.Error()
			return res, nil
		} else if err != nil {
			return res, err
		}
		if line, err = reputation.AppendAnswer(line[:0], ip, a.at, o.MaxAge, a.body); err != nil {
			return res, err
		}
		// One write a line: a kill leaves whole lines, or one broken at the end.
		if _, err := f.Write(line); err != nil {
			return res, fault.New(fault.Exhausted, "answers %s: %w", filepath.Base(o.File), err)
		}
		res.Asked++
		if a.status == 422 {
			res.Refuse++
		}
		res.Left = len(todo) - i - 1
		if o.Progress != nil {
			o.Progress(i+1, len(todo))
		}
		if a.left == 0 && res.Left > 0 {
			res.Stopped = errQuota{}.Error()
			return res, nil
		}
	}
	return res, nil
}

// answered are the addresses with an answer of a month in the file, which is
// left at its end, on a line of its own. Broken lines count as none.
func answered(f *os.File, month row.Month, maxAge int) (map[netip.Addr]bool, error) {
	known := map[netip.Addr]bool{}
	in := bufio.NewReaderSize(f, 1<<20)
	for {
		line, err := in.ReadBytes('\n')
		var v struct {
			FetchedAt    time.Time       `json:"fetched_at"`
			IP           netip.Addr      `json:"ip"`
			MaxAgeInDays int             `json:"max_age_in_days"`
			Body         json.RawMessage `json:"body"`
		}
		if json.Unmarshal(line, &v) == nil && len(v.Body) > 0 && v.MaxAgeInDays == maxAge && row.MonthOf(v.FetchedAt.UTC()) == month {
			known[v.IP] = true
		}
		if err == io.EOF {
			if len(line) > 0 {
				if _, err := f.Write([]byte("\n")); err != nil {
					return nil, fault.Wrap(err, "answers")
				}
			}
			return known, nil
		} else if err != nil {
			return nil, fault.Wrap(err, "answers")
		}
	}
}

// Blacklist asks for the list and writes it, as it came, into a new file in dir
// named after the time. confidence is confidenceMinimum, 0 for the API's own;
// limit 0 likewise. Errors: those of Client, Exhausted where the quota is used
// up, Invalid.
func (c *Client) Blacklist(ctx context.Context, dir string, confidence, limit int) (path string, err error) {
	q := url.Values{}
	if confidence > 0 {
		q.Set("confidenceMinimum", strconv.Itoa(confidence))
	}
	if limit > 0 {
		q.Set("limit", strconv.Itoa(limit))
	}
	a, err := c.get(ctx, "/blacklist", q)
	var quota errQuota
	switch {
	case errors.As(err, &quota) && quota.until.IsZero():
		return "", fault.New(fault.Exhausted, "AbuseIPDB: %v; run again tomorrow", quota)
	case errors.As(err, &quota):
		return "", fault.New(fault.Exhausted, "AbuseIPDB: %v; run again after %s", quota, quota.until.UTC().Format(time.RFC3339))
	case err != nil:
		return "", err
	case a.status != 200:
		return "", fault.New(fault.Invalid, "AbuseIPDB refuses the question: %s", detail(a))
	}
	path = filepath.Join(dir, "blacklist-"+a.at.Format("2006-01-02T150405Z")+".json")
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return "", fault.Field(fault.Conflict, "out", "%s is there already", path)
	}
	if err := renameio.WriteFile(path, a.body, 0o640); err != nil {
		return "", fault.Field(fault.Invalid, "out", "blacklist %w", err)
	}
	return path, nil
}
