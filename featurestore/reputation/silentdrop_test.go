package reputation

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluice/featurestore/fault"
)

// The three shapes tell the same, and what several files say counts once.
func TestDropShapes(t *testing.T) {
	var json, tsv, proxy strings.Builder
	tsv.WriteString("time\thostname\tprefix\tdata\n")
	for i, a := range []string{"5.6.7.8", "5.6.7.8", "2a01:4f8::1", "5.6.7.9"} {
		at := fmt.Sprintf("2024-07-09T11:%02d:28", i)
		fmt.Fprintf(&json, `{"time": %q, "hostname": "cp1106", "prefix": "silent-drop_for_300s", "data": %q}`+"\n", at, a)
		fmt.Fprintf(&tsv, "%s\tcp1106\tsilent-drop_for_300s\t%s\n", at, a)
		if !strings.Contains(a, ":") {
			a = "::ffff:" + a
		}
		fmt.Fprintf(&proxy, "%s cp1106 haproxy[12]: [debug] silent-drop_for_300s: type=ipv6 <%s>\n", at, a)
	}
	ctx := context.Background()
	var sets []*Drops
	for _, body := range []string{json.String(), tsv.String(), proxy.String(), gz(json.String()), strings.SplitN(tsv.String(), "\n", 2)[1]} {
		d, err := OpenDrops(ctx, write(t, "x", body))
		if err != nil {
			t.Fatal(err)
		}
		if st := d.Stats()[0]; st.Good != 4 || st.IPv6 != 1 || len(st.Rejects) > 0 {
			t.Errorf("%+v", st)
		}
		sets = append(sets, d)
	}
	all, err := OpenDrops(ctx, write(t, "a", json.String(), "b", tsv.String(), "c", proxy.String()))
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range append(sets, all) {
		if diff := cmp.Diff(sets[0].records, d.records, cmp.Comparer(func(a, b Drop) bool { return a == b })); diff != "" || d.Len() != 4 {
			t.Error(diff)
		}
	}
	at := func(minute, second int) time.Time { return time.Date(2024, 7, 9, 11, minute, second, 0, time.UTC) }
	for _, c := range []struct {
		ip       string
		from, to time.Time
		want     int
	}{
		{"5.6.7.8", at(0, 0), at(5, 0), 2}, {"::ffff:5.6.7.8", at(0, 29), at(5, 0), 1}, {"5.6.7.8", at(0, 28), at(1, 28), 1},
		{"5.6.7.10", at(0, 0), at(5, 0), 0}, {"2a01:4f8::1", at(0, 0), at(5, 0), 1}, {"5.6.7.8", at(5, 0), at(0, 0), 0},
	} {
		if got := all.Count(ip(c.ip), c.from, c.to); got != c.want {
			t.Errorf("%s: %d, want %d", c.ip, got, c.want)
		}
	}
	if first, last := all.Span(); !first.Equal(at(0, 28)) || !last.Equal(at(3, 28)) {
		t.Error(first, last)
	}
}

func TestDropRejects(t *testing.T) {
	ctx := context.Background()
	d, err := OpenDrops(ctx, write(t, "x", "2024-07-09T11:59:28\tcp1\tsilent-drop_port80_for_300s\t5.6.7.8\nhello\n{\n"+
		"now\tcp1\tsilent-drop_for_300s\t5.6.7.8\n2024-07-09T11:59:28\tcp1\tother\t5.6.7.8\n2024-07-09T11:59:28\tcp1\tsilent-drop_for_300s\tx\n"))
	if err != nil {
		t.Fatal(err)
	}
	if st := d.Stats()[0]; st.Good != 1 || st.Lines != 6 || len(st.Rejects) != 5 || !d.records[0].Port80 {
		t.Errorf("%+v %+v", st, d.records)
	}
	if _, err := OpenDrops(ctx, write(t, "x", "hello\n")); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "silent-drop records") {
		t.Error(err)
	}
	if _, err := OpenDrops(ctx, nil); !fault.Is(err, fault.Invalid) {
		t.Error(err)
	}
}

func FuzzDrop(f *testing.F) {
	f.Add(`{"time":"2024-07-09T11:59:28","hostname":"cp1106","prefix":"silent-drop_for_300s","data":"5.6.7.8"}`)
	f.Add("2024-07-09T11:59:28\tcp1\tsilent-drop_for_300s\t5.6.7.8")
	f.Add("2024-07-09T11:59:28 cp1 haproxy[1]: [debug] silent-drop_for_300s: type=ipv6 <::ffff:5.6.7.8>")
	f.Add("[debug] : type=<>")
	f.Fuzz(func(t *testing.T, line string) {
		if line == "" {
			return
		}
		fields, reason := splitDrop([]byte(line), new(jsonLines))
		var want dropFields
		if line[0] == '{' && (json.Unmarshal([]byte(line), &want) == nil) != (reason == "") {
			t.Fatalf("%q", reason)
		} else if line[0] == '{' && reason == "" && fields != want {
			t.Fatalf("%+v, and encoding/json says %+v", fields, want)
		}
		if reason != "" {
			return
		}
		d, reason := fields.record()
		if reason == "" && (!d.IP.IsValid() || d.IP.Is4In6() || d.IP.Zone() != "") {
			t.Fatalf("%+v", d)
		}
	})
}
