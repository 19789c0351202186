package silentdrop

import (
	"strings"

	"sluice/notebooks-port/internal/study"
)

// class is what a request is for.
type class uint8

const (
	mathoid class = iota // formulas, for wikis elsewhere: Mathoid as a service
	commons              // files for wikis elsewhere: Instant Commons
	api                  // any other API request
	hits                 // answered from a cache
	busting              // what the cache filter keeps
	numClasses
	mixed   = numClasses     // no class has half
	absent  = numClasses + 1 // no request on a day with a record
	numKind = numClasses + 2
)

var classNames = [numKind]string{
	"Mathoid as a service", "Instant Commons", "other API requests", "cache hits", "cache-busting requests", "mixed", "not in the logs on these days",
}

// mathPrefix is the path that the edge has left out of its count of concurrent
// requests since August 2024.
const mathPrefix = "/api/rest_v1/media/math/"

// classOf tells what a request is for. MediaWiki names its client for foreign
// repositories in the agent; older ones only name themselves.
func classOf(s *study.Source, r *study.Request) class {
	switch {
	case strings.HasPrefix(r.URIPath, mathPrefix):
		return mathoid
	case strings.Contains(r.UserAgent, "ForeignAPIRepo"),
		r.URIHost == "commons.wikimedia.org" && strings.HasPrefix(r.UserAgent, "MediaWiki/") && r.API():
		return commons
	case r.API():
		return api
	case !s.Filter.KeepCache(r.Request):
		return hits
	}
	return busting
}

// counts are requests by class.
type counts [numClasses]int64

func (c *counts) add(o *counts) {
	for i := range c {
		c[i] += o[i]
	}
}

func (c *counts) all() int64 {
	n := int64(0)
	for _, x := range c {
		n += x
	}
	return n
}

// kind is the class that at least half of the requests have, where wikis
// elsewhere count as one until it is said which.
func (c *counts) kind() class {
	n := c.all()
	if n == 0 {
		return absent
	}
	if 2*(c[mathoid]+c[commons]) >= n {
		if c[commons] > c[mathoid] {
			return commons
		}
		return mathoid
	}
	for _, k := range []class{api, hits, busting} {
		if 2*c[k] >= n {
			return k
		}
	}
	return mixed
}
