package webrequest

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestCacheStatus(t *testing.T) {
	for in, want := range map[string]string{
		"": "pass", "-": "pass",
		"MISS": "miss", "EXPIRED": "miss", "Miss": "miss", "miss": "miss", "expired": "miss",
		"BYPASS": "pass", "DYNAMIC": "pass", "NONE": "pass", "none": "pass", "pass": "pass", "PASS": "pass",
		"HIT": "hit-front", "STALE": "hit-front", "UPDATING": "hit-front", "REVALIDATED": "hit-front", "hit": "hit-front",
		"hit-front": "hit-front", "hit-local": "hit-local", "hit-remote": "hit-remote",
		"int-front": "int-front", "int-local": "int-local", "int-remote": "int-remote", "int-tls": "int-tls",
		"unknown": "unknown", "TCP_HIT": "unknown", "HIT ": "unknown", "--": "unknown", "\u017ftale": "unknown",
	} {
		if got := CacheStatus(in); got != want {
			t.Errorf("CacheStatus(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestKeep(t *testing.T) {
	all := DefaultFilter(Wikimedia)
	all.CacheStatus = nil
	withAPI := DefaultFilter(Site)
	withAPI.ExcludeAPI = false
	hits := DefaultFilter(Site)
	hits.CacheStatus = []string{"hit-front", "unknown"}
	for _, tt := range []struct {
		f         Filter
		available bool
		status    string
		api       Tri
		want      bool
	}{
		{DefaultFilter(Wikimedia), true, "miss", No, true},
		{DefaultFilter(Wikimedia), true, "pass", No, true},
		{DefaultFilter(Wikimedia), true, "int-front", No, true},
		{DefaultFilter(Wikimedia), true, "int-local", No, false},
		{DefaultFilter(Wikimedia), true, "int-tls", No, false},
		{DefaultFilter(Wikimedia), true, "hit-front", No, false},
		{DefaultFilter(Wikimedia), true, "unknown", No, false},
		{DefaultFilter(Wikimedia), true, "-", No, false},
		{DefaultFilter(Wikimedia), true, "", No, false},
		{DefaultFilter(Wikimedia), true, "MISS", No, false},
		{DefaultFilter(Wikimedia), true, "miss", Yes, false},
		{DefaultFilter(Wikimedia), true, "miss", Null, true},
		{DefaultFilter(Wikimedia), false, "", No, true},
		{DefaultFilter(Wikimedia), false, "hit-front", No, true},
		{DefaultFilter(Wikimedia), false, "", Yes, false},
		{DefaultFilter(Site), true, "MISS", No, true},
		{DefaultFilter(Site), true, "DYNAMIC", Null, true},
		{DefaultFilter(Site), true, "-", No, true},
		{DefaultFilter(Site), true, "HIT", No, false},
		{DefaultFilter(Site), true, "TCP_MISS", No, false},
		{DefaultFilter(Site), true, "int-front", No, true},
		{DefaultFilter(Site), false, "HIT", No, true},
		{DefaultFilter(Site), true, "MISS", Yes, false},
		{withAPI, true, "MISS", Yes, true},
		{all, true, "hit-front", No, true},
		{all, true, "hit-front", Yes, false},
		{hits, true, "STALE", No, true},
		{hits, true, "TCP_MISS", No, true},
		{hits, true, "MISS", No, false},
	} {
		r := &Request{CacheStatus: tt.status}
		if tt.available {
			r.Available = FieldCacheStatus
		}
		if got := tt.f.Keep(r, Derived{IsAPIRequest: tt.api}); got != tt.want {
			t.Errorf("%s of %s: status %q (available %v), API %d: %v, want %v",
				&tt.f, tt.f.Profile, tt.status, tt.available, tt.api, got, tt.want)
		}
	}
}

func TestFilterApplied(t *testing.T) {
	f := DefaultFilter(Site)
	off := Filter{Profile: Site}
	if f.CacheApplied(FieldURIPath) || !f.CacheApplied(FieldCacheStatus|FieldURIPath) || off.CacheApplied(FieldCacheStatus) {
		t.Error("CacheApplied")
	}
	derive := DefaultOptions(Site)
	derive.Derive = true
	byHost := DefaultOptions(Site)
	byHost.APIHosts = []string{"api.example"}
	for i, tt := range []struct {
		f         Filter
		o         Options
		available Field
		want      bool
	}{
		{f, DefaultOptions(Site), FieldURIPath | FieldURIHost, false},
		{f, DefaultOptions(Site), FieldIsAPIRequest, true},
		{f, derive, FieldIsAPIRequest, false},
		{f, shopOptions(), FieldURIPath, true},
		{f, shopOptions(), FieldURIHost, false},
		{f, byHost, FieldURIPath, true},
		{off, shopOptions(), FieldURIPath, false},
		{f, DefaultOptions(Wikimedia), FieldURIPath | FieldURIHost, true},
		{f, DefaultOptions(Wikimedia), FieldURIPath, false},
	} {
		if got := tt.f.APIApplied(tt.o, tt.available); got != tt.want {
			t.Errorf("%d: %v, want %v", i, got, tt.want)
		}
	}
	b, err := json.Marshal(f)
	if want := `{"profile":"site","cache_status":["miss","pass","int-front"],"exclude_api":true}`; err != nil || string(b) != want {
		t.Errorf("%s, %v", b, err)
	}
	if s := f.String(); !strings.Contains(s, "miss, pass, int-front") || !strings.Contains(s, "no API") {
		t.Errorf("String() = %q", s)
	}
	if s := off.String(); s != "every cache_status" {
		t.Errorf("String() = %q", s)
	}
}
