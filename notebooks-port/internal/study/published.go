package study

import "sluice/train/evaluation"

// The figures that the study published (see notebooks-port/README.md). Those
// of charts are read off or left out.

// PublishedTest is its classification report of the model trained on June and
// July 2024 and tested on August, as counts: the only ones below 4,000 a class
// that give every printed figure.
var PublishedTest = evaluation.Confusion{TN: 3212, FP: 178, FN: 1276, TP: 2179}

// PublishedKept is the share of addresses that its minima of request_count
// left.
var PublishedKept = []struct{ MinRequests, Share float64 }{{0, 1}, {10, .85}, {100, .73}, {1e3, .55}, {1e4, .21}, {1e5, .02}}

// What it says of silent drops: the share of addresses reported is greatest,
// about 80 %, among those with at least eight records.
const (
	PublishedDropPeak  = 8
	PublishedDropShare = 0.80
)

// PublishedRequest is a line of its tables of a dropped address's requests.
type PublishedRequest struct {
	Agent, Host, Path string
	Count             int64
}

const mml = "/api/rest_v1/media/math/render/mml/…"

// PublishedDropped are the most frequent requests of two of the most dropped
// addresses. The hashes at the end of paths are left out; where hash and count
// run together in the text, the count is a reading.
var PublishedDropped = []struct {
	Date string
	Rows []PublishedRequest
}{
	{"2024-06-26", []PublishedRequest{
		{"MediaWiki/1.40.1", "wikimedia.org", "/api/rest_v1/media/math/check/tex", 358543},
		{"MediaWiki/1.40.1", "wikimedia.org", mml, 39334},
		{"MediaWiki/1.40.1", "wikimedia.org", mml, 25655},
		{"MediaWiki/1.40.1", "wikimedia.org", mml, 3100},
		{"MediaWiki/1.40.1", "wikimedia.org", mml, 2480},
	}},
	{"2024-07-03 and 2024-07-08", []PublishedRequest{
		{"MediaWiki/1.38.2", "en.wikipedia.org", "/api/rest_v1/media/math/check/tex", 44585},
		{"MediaWiki/1.38.2 ForeignAPIRepo/2.1", "commons.wikimedia.org", "/w/api.php", 9091},
		{"MediaWiki/1.38.2", "en.wikipedia.org", mml, 1317},
		{"MediaWiki/1.38.2", "en.wikipedia.org", mml, 1148},
		{"MediaWiki/1.38.2", "en.wikipedia.org", mml, 768},
	}},
}
