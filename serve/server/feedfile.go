package server

import (
	"net/http"
	"strings"
	"time"

	"sluice/featurestore/fault"
	"sluice/serve/feed"
)

const fileSuffix = ".jsonl.gz"

// feedFile answers for feeds as files: /v1/feeds/latest is the descriptor,
// /v1/feeds/{date} and /v1/feeds/{date}.jsonl.gz the file, with ETag and Range,
// and /v1/feeds/latest.jsonl.gz leads to the newest file.
func (s *service) feedFile(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		writeError(w, r, routeError(http.StatusMethodNotAllowed))
		return
	}
	id := strings.TrimPrefix(r.URL.Path, "/v1/feeds/")
	l, err := s.feeds.named(r.Context(), feedsPrefix+strings.TrimSuffix(id, fileSuffix))
	if err != nil {
		writeError(w, r, err)
		return
	}
	defer l.release()
	h := w.Header()
	switch id {
	case "latest":
		h.Set("Content-Type", "application/json")
		h.Set("Cache-Control", "no-cache")
		h.Set("ETag", `"`+l.FeedSHA256()[:32]+`-latest"`)
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(string(feed.MarshalLatest(l.desc))))
		return
	case "latest" + fileSuffix:
		h.Set("Cache-Control", "no-cache")
		h.Set("X-Feed-Generation-Date", string(l.Date()))
		http.Redirect(w, r, "/v1/feeds/"+string(l.Date())+fileSuffix, http.StatusFound)
		return
	}
	f, err := s.feeds.feeds.OpenFile(l.Date())
	if err != nil {
		writeError(w, r, err)
		return
	}
	defer f.Close()
	if st, err := f.Stat(); err != nil || st.Size() != l.FeedSize() {
		writeError(w, r, fault.New(fault.Unavailable, "the feed of %s is being replaced; ask again", l.Date()))
		return
	}
	h.Set("Content-Type", "application/gzip")
	// The ETag is the file's hash, so that a download is never put together from
	// two files.
	h.Set("ETag", `"`+l.FeedSHA256()+`"`)
	h.Set("Cache-Control", "private, no-cache")
	h.Set("X-Feed-Generation-Date", string(l.Date()))
	http.ServeContent(w, r, "", time.Time{}, f)
}
