package server

import (
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"google.golang.org/grpc/codes"
)

// metrics are what /metrics shows. No label ever holds an address or anything
// else that a caller chooses.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	scored   prometheus.Counter
	badRows  prometheus.Counter
	reloads  *prometheus.CounterVec
	refused  *prometheus.GaugeVec
	info     *prometheus.GaugeVec
	// Of each port: connections open, and closed for want of room.
	connections *prometheus.GaugeVec
	closed      *prometheus.CounterVec
	methods     sync.Map // [2]string to *methodMetrics
}

func newMetrics(feeds *feedStore, models Models) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sluice_requests_total", Help: "Requests answered, by transport, method and code.",
		}, []string{"transport", "method", "code"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "sluice_request_seconds", Help: "Time from a request's arrival to its answer.",
			Buckets: []float64{50e-6, 100e-6, 200e-6, 500e-6, 1e-3, 2e-3, 5e-3, 10e-3, 50e-3, 200e-3, 1, 5},
		}, []string{"transport", "method"}),
		scored: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "sluice_rows_scored_total", Help: "Rows scored with a model, bad rows included.",
		}),
		badRows: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "sluice_rows_bad_total", Help: "Rows that could not be scored.",
		}),
		reloads: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sluice_reloads_total", Help: "Feeds, models, token files and certificates loaded, by outcome.",
		}, []string{"what", "outcome"}),
		refused: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "sluice_refused", Help: "1 while the newest state of a thing can't be loaded and an older one serves.",
		}, []string{"what"}),
		info: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "sluice_model_info", Help: "1 for the version in each role.",
		}, []string{"role", "version"}),
		connections: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "sluice_connections", Help: "Open connections, by port.",
		}, []string{"port"}),
		closed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sluice_connections_closed_total", Help: "Connections closed at once because there were too many, by port.",
		}, []string{"port"}),
	}
	gauge := func(name, help string, of func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, of)
	}
	withFeed := func(of func(*loadedFeed) float64) func() float64 {
		return func() float64 {
			l, err := feeds.acquire()
			if err != nil {
				return 0
			}
			defer l.release()
			return of(l)
		}
	}
	m.registry.MustRegister(m.requests, m.seconds, m.scored, m.badRows, m.reloads, m.refused, m.info, m.connections, m.closed,
		gauge("sluice_feed_loaded", "Whether a feed is loaded.", withFeed(func(*loadedFeed) float64 { return 1 })),
		gauge("sluice_feed_rows", "Addresses in the loaded feed.", withFeed(func(l *loadedFeed) float64 { return float64(l.Len()) })),
		gauge("sluice_feed_age_seconds", "Time since the loaded feed was generated.", withFeed(func(l *loadedFeed) float64 {
			return time.Since(l.desc.GeneratedAt).Seconds()
		})),
		gauge("sluice_model_loaded", "Whether a champion is loaded.", func() float64 {
			if models.Champion() == "" {
				return 0
			}
			return 1
		}),
		gauge("sluice_model_age_seconds", "Time since the champion was made.", func() float64 {
			c := models.Champion()
			if c == "" {
				return 0
			}
			v, err := models.Get(c)
			if err != nil {
				return 0
			}
			return time.Since(v.CreatedAt).Seconds()
		}),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return m
}

// versions shows which version has which role; "" is none.
func (m *metrics) versions(champion, shadow string) {
	m.info.Reset()
	for role, v := range map[string]string{"champion": champion, "shadow": shadow} {
		if v != "" {
			m.info.WithLabelValues(role, v).Set(1)
		}
	}
}

func (m *metrics) rowsScored(rows, bad int) {
	m.scored.Add(float64(rows))
	m.badRows.Add(float64(bad))
}

// methodMetrics are those of one method, found once.
type methodMetrics struct {
	ok      prometheus.Counter
	seconds prometheus.Observer
}

// observe counts a request. Methods are the service's own names, so there are
// few.
func (m *metrics) observe(transport, method string, code codes.Code, took time.Duration) {
	key := [2]string{transport, method}
	found, ok := m.methods.Load(key)
	if !ok {
		found, _ = m.methods.LoadOrStore(key, &methodMetrics{
			ok:      m.requests.WithLabelValues(transport, method, codes.OK.String()),
			seconds: m.seconds.WithLabelValues(transport, method),
		})
	}
	f := found.(*methodMetrics)
	f.seconds.Observe(took.Seconds())
	if code == codes.OK {
		f.ok.Inc()
		return
	}
	m.requests.WithLabelValues(transport, method, code.String()).Inc()
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}
