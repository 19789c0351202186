package simulate

import (
	"math"
	"math/rand/v2"
)

// Kind is a way of behaving.
type Kind string

// The kinds that mean no harm.
const (
	Reader    Kind = "reader"     // a person with a desktop browser
	Mobile    Kind = "mobile"     // a person on the mobile site
	App       Kind = "app"        // a person with the app
	Shared    Kind = "shared"     // many people behind one carrier or office address
	Crawler   Kind = "crawler"    // a declared crawler
	APIClient Kind = "api-client" // mostly API requests, which a row leaves out
	Mathoid   Kind = "mathoid"    // a wiki elsewhere that renders formulas here
)

// The abusive kinds of every month.
const (
	Flood   Kind = "flood"   // page requests with random queries, to miss every cache
	Scanner Kind = "scanner" // looks for files that should not be there
	Burst   Kind = "burst"   // minutes of expensive searches from one address
)

// The abusive kinds that come and go: slow crawls over many residential
// addresses, each made to look like readers of another sort.
const (
	CrawlArticles Kind = "crawl-articles"
	CrawlMobile   Kind = "crawl-mobile"
	CrawlMedia    Kind = "crawl-media"
	CrawlHistory  Kind = "crawl-history"
	CrawlApp      Kind = "crawl-app"
	CrawlSearch   Kind = "crawl-search"
)

// crawls are the slow crawls in the order in which they appear: month i is the
// season of crawls[i mod 6].
var crawls = [...]Kind{CrawlArticles, CrawlMobile, CrawlMedia, CrawlHistory, CrawlApp, CrawlSearch}

// bins are the published shares of pairs by request_count: the lower edge of
// each bin at scale 1, the share of pairs in it, and the share of those that
// are reported. The shares of pairs are differences of the published 100, 85,
// 73, 55, 21 and 2 %.
var bins = [...]struct {
	from, to float64 // requests, drawn log-uniformly in [from, to)
	share    float64
	reported float64 // before the month's factor
}{
	{1, 10, .15, .15},
	{10, 100, .12, .25},
	{100, 1e3, .18, .50},
	{1e3, 1e4, .34, .57},
	{1e4, 1e5, .19, .80},
	{1e5, 4.4e5, .02, .88},
}

const numBins = len(bins)

// Rates of what makes labels differ from the truth.
const (
	neverReported = .038 // of the pairs not reported: abusive, and nobody will
	reportedLate  = .017 // of the pairs not reported: abusive, reported after the month
	falseReport   = .025 // of the pairs reported: harmless
)

// innocents are the harmless kinds' shares of each bin.
var innocents = []struct {
	kind  Kind
	share [numBins]float64
}{
	{Reader, [numBins]float64{.40, .40, .40, .36, 0, 0}},
	{Mobile, [numBins]float64{.34, .33, .30, .22, 0, 0}},
	{App, [numBins]float64{.15, .13, .08, .05, 0, 0}},
	{Shared, [numBins]float64{0, .03, .08, .16, .40, .25}},
	{Crawler, [numBins]float64{.04, .05, .07, .14, .48, .70}},
	{APIClient, [numBins]float64{.05, .04, .04, .04, .08, .03}},
	{Mathoid, [numBins]float64{.02, .02, .03, .03, .04, .02}},
}

// attackers are the shares of the kinds that are always there, among what the
// slow crawls leave.
var attackers = []struct {
	kind  Kind
	share [numBins]float64
}{
	{Flood, [numBins]float64{.10, .10, .25, .45, .80, .97}},
	{Scanner, [numBins]float64{.60, .60, .40, .10, 0, 0}},
	{Burst, [numBins]float64{.30, .30, .35, .45, .20, .03}},
}

// crawlShare is the slow crawls' share of the abusive pairs of a bin. Crawls
// are slow: hardly any reaches ten thousand requests.
var crawlShare = [numBins]float64{0, .50, .66, .56, .05, 0}

// crawlFacts are what tells a slow crawl from the readers it imitates: its pages
// are alike, so the mean size lies in a narrow band, and an address is retired
// after a quota of requests, so the count does too. quota is the band as a part
// of the bin's logarithmic width.
var crawlFacts = map[Kind]struct {
	guise              Kind
	sizeFrom, sizeTo   float64
	quotaFrom, quotaTo float64
}{
	CrawlArticles: {Reader, 19.5e3, 22e3, .10, .22},
	CrawlMobile:   {Mobile, 13e3, 14.6e3, .26, .38},
	CrawlMedia:    {Reader, 15e3, 17e3, .44, .56},
	CrawlHistory:  {Reader, 13e3, 15e3, .60, .72},
	CrawlApp:      {App, 15e3, 17e3, .80, .92},
	CrawlSearch:   {Mobile, 17e3, 19e3, .45, .57},
}

// seasons are the crawls' shares of a month: that month's own, the one of the
// month before, which fades, and the one of the month after, which is tried
// out.
const (
	seasonNow    = .90
	seasonBefore = .07
	seasonAfter  = .005
)

// crawlOf draws a slow crawl of month i.
func crawlOf(i int, r *rand.Rand) Kind {
	n := len(crawls)
	switch u := r.Float64(); {
	case u < seasonBefore && i > 0:
		return crawls[(i+n-1)%n]
	case u >= 1-seasonAfter:
		return crawls[(i+1)%n]
	}
	return crawls[i%n]
}

// traits are what a pair's requests are like; shares are in [0, 1].
type traits struct {
	size     float64 // bytes a response, mean
	query    float64 // share with a query
	distinct float64 // distinct queries among those
	referer  float64
	lang     float64 // share with accept_language
	page     float64 // share of page views
	mobile   float64 // share on the mobile site
	app      float64 // share of the app
	spider   float64 // share of agents that call themselves robots
	agents   float64 // distinct user agents per request^(1/2)
	hits     float64 // requests answered from the cache, per request of the row
	api      float64 // API requests, per request of the row
}

func uniform(r *rand.Rand, lo, hi float64) float64 { return lo + (hi-lo)*r.Float64() }

// lognormal has median m and sigma s of the logarithm.
func lognormal(r *rand.Rand, m, s float64) float64 { return m * math.Exp(s*r.NormFloat64()) }

// either is a with probability p, else b.
func either(r *rand.Rand, p, a, b float64) float64 {
	if r.Float64() < p {
		return a
	}
	return b
}

// drift is the slow change from month to month of what an attacker's answers
// weigh: up and down by up to a tenth over half a year.
func drift(i int) float64 { return 1 + .1*math.Sin(2*math.Pi*float64(i)/6) }

// draw gives the traits of one pair of month i with n requests.
func (k Kind) draw(r *rand.Rand, i int, n float64) traits {
	// A mean over few responses scatters more.
	spread := .33 + .5/math.Sqrt(n)
	switch k {
	case Reader:
		return traits{size: lognormal(r, 17e3, spread), query: uniform(r, 0, .3), distinct: uniform(r, .2, 1),
			referer: uniform(r, .25, 1), lang: either(r, .97, 1, 0), page: uniform(r, .25, 1),
			mobile: either(r, .9, 0, uniform(r, 0, .3)), agents: .02, hits: uniform(r, .5, 2)}
	case Mobile:
		return traits{size: lognormal(r, 14e3, spread), query: uniform(r, 0, .2), distinct: uniform(r, .2, 1),
			referer: uniform(r, .25, 1), lang: either(r, .98, 1, 0), page: uniform(r, .25, 1),
			mobile: either(r, .8, 1, uniform(r, .5, 1)), agents: .02, hits: uniform(r, .5, 2)}
	case App:
		return traits{size: lognormal(r, 12e3, spread), query: uniform(r, 0, .1), distinct: uniform(r, .2, 1),
			referer: uniform(r, 0, .1), lang: 1, page: uniform(r, .1, .6),
			app: uniform(r, .8, 1), agents: .01, hits: uniform(r, .2, 1), api: uniform(r, 0, 1)}
	case Shared:
		mobile := uniform(r, .1, .9)
		return traits{size: lognormal(r, 16e3, .22), query: uniform(r, .02, .2), distinct: uniform(r, .4, 1),
			referer: uniform(r, .5, .9), lang: uniform(r, .9, 1), page: uniform(r, .3, .8),
			mobile: mobile, app: uniform(r, 0, 1-mobile) * .3, agents: uniform(r, .3, 2), hits: uniform(r, 1, 2)}
	case Crawler:
		return traits{size: lognormal(r, 21e3, .35), query: uniform(r, 0, .4), distinct: uniform(r, .7, 1),
			lang: either(r, .8, 0, 1), page: uniform(r, .6, 1), spider: 1, agents: .005, hits: uniform(r, 0, .5)}
	case APIClient:
		return traits{size: lognormal(r, 13e3, .45), query: uniform(r, .3, 1), distinct: uniform(r, .5, 1),
			lang: either(r, .9, 0, 1), page: uniform(r, 0, .7), spider: either(r, .7, 1, 0), agents: .005,
			hits: uniform(r, 0, .2), api: uniform(r, 1, 3)}
	case Mathoid:
		return traits{size: lognormal(r, 11e3, .35), query: uniform(r, 0, .1), distinct: 1,
			page: uniform(r, 0, .2), spider: 1, agents: .002, api: uniform(r, 2, 5)}
	case Flood:
		return traits{size: lognormal(r, 1700*drift(i), .45), query: uniform(r, .6, 1), distinct: uniform(r, .8, 1),
			referer: either(r, .7, 0, uniform(r, 0, 1)), lang: either(r, .6, 0, 1), page: uniform(r, 0, .4),
			mobile: either(r, .85, 0, uniform(r, 0, 1)), agents: either(r, .5, .01, uniform(r, .05, 1)),
			spider: either(r, .9, 0, uniform(r, .5, 1)), hits: uniform(r, 0, .1)}
	case Scanner:
		return traits{size: lognormal(r, 1300*drift(i), .45), query: uniform(r, 0, .3), distinct: 1,
			referer: either(r, .85, 0, uniform(r, 0, .5)), lang: either(r, .8, 0, 1), page: uniform(r, 0, .1),
			agents: either(r, .7, .01, .5), spider: either(r, .6, 0, 1), hits: uniform(r, 0, .05)}
	case Burst:
		return traits{size: lognormal(r, 2600*drift(i), .40), query: uniform(r, .8, 1), distinct: uniform(r, .3, 1),
			referer: either(r, .5, 0, uniform(r, .5, 1)), lang: uniform(r, 0, 1), page: uniform(r, .1, .6),
			mobile: either(r, .8, 0, 1), agents: .02, spider: either(r, .9, 0, 1)}
	case CrawlArticles, CrawlMobile, CrawlMedia, CrawlHistory, CrawlApp, CrawlSearch:
		c := crawlFacts[k]
		t := c.guise.draw(r, i, n)
		t.size = uniform(r, c.sizeFrom, c.sizeTo)
		return t
	}
	panic("simulate: no traits for kind " + string(k))
}

// abusive reports whether the kind means harm.
func (k Kind) abusive() bool {
	switch k {
	case Reader, Mobile, App, Shared, Crawler, APIClient, Mathoid:
		return false
	}
	return true
}

// slow reports whether k is one of the slow crawls.
func (k Kind) slow() bool {
	for _, c := range crawls {
		if c == k {
			return true
		}
	}
	return false
}
