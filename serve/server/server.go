package server

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"sluice/featurestore/fault"
	"sluice/proto/inference"
	pb "sluice/proto/sluice/v1"
	"sluice/serve/policy"
)

// Version is the service's version, as clients see it.
const Version = "1"

// Config says what a Server serves and where. The zero value of a field means
// its default.
type Config struct {
	Dir    string // the home
	GRPC   string // address of gRPC, default 127.0.0.1:9090
	HTTP   string // address of REST, default 127.0.0.1:8080
	Health string // address of liveness and readiness alone, without TLS or tokens; "" is none
	Tokens string // token file; without one only loopback addresses are served
	TLS    TLS    // certificate of both ports, and authority of the callers'
	// Plaintext lets tokens travel beyond loopback without TLS, where something
	// in front speaks it.
	Plaintext bool
	Traces    Traces // by OpenTelemetry; the zero value sends none
	Limits    Limits // of a caller whose line in the token file names none; see DefaultLimits
	// Connections bounds those of each port; more are closed at once. 0 is
	// DefaultConnections.
	Connections int
	// Audit is the file of the audit log, "" none; AuditAddresses leaves
	// addresses in it whole.
	Audit                string
	AuditAddresses       bool
	headerTime, bodyTime time.Duration // shorter in tests
	// Shadow is the version that scores beside the champion, for metrics alone:
	// its name, "newest" for the newest that is not the champion, or "".
	Shadow  string
	Threads int           // per call that scores rows; 0 is all processors
	Drain   time.Duration // how long calls in flight may take after the end was asked for, default 20 s
	Poll    time.Duration // how often the home is looked at for what is new, default 2 s
	Log     *slog.Logger  // nil: nothing is logged
	Events  func(Event)   // nil: nobody listens; called from one goroutine at a time
	Models  Models        // nil: the versions of the home's registry
	Rows    RowSource     // nil: the home's feature store

	// Expired is ExpiredAuto, which is the default, ExpiredRefuse or ExpiredMark.
	Expired string

	Policy   policy.Files    // what people say beside the model; read again when it changes
	Appeal   string          // how to ask for another decision; stands in the answer for a listed address
	Resolver policy.Resolver // verifies crawlers by name; nil: by their published ranges alone
}

// Defaults of Config.
const (
	DefaultGRPC        = "127.0.0.1:9090"
	DefaultHTTP        = "127.0.0.1:8080"
	DefaultDrain       = 20 * time.Second
	DefaultPoll        = 2 * time.Second
	DefaultConnections = 16384
)

// DefaultLimits are those of a Config that names none.
var DefaultLimits = Limits{Calls: DefaultCalls, CallTime: DefaultCallTime, StreamTime: DefaultStreamTime}

// How long a request over HTTP may take to arrive: its headers, and all of it.
// An answer may take as long as the latter beyond the time of the call.
const (
	defaultHeaderTime = 5 * time.Second
	defaultBodyTime   = time.Minute
)

// Server is the service. New makes one that listens, Run serves with it once.
type Server struct {
	config   Config
	log      *slog.Logger
	guard    *guard
	certs    *certificates
	local    *caller // who calls where there is no guard
	audit    *audit
	methods  map[string]bool // full names of the RPCs, and whether they stream
	feeds    *feedStore
	history  *history
	tops     *tops
	home     *homeModels // nil where Config.Models is given
	service  *service
	metrics  *metrics
	traces   *traces // nil: calls are not traced
	grpc     *grpc.Server
	health   *health.Server
	http     *http.Server
	grpcAt   net.Listener
	httpAt   net.Listener
	httpOpen *atomic.Int64 // connections to it
	healthAt net.Listener  // nil: no port of its own
	draining atomic.Bool
	end      func() // gives back what the service holds

	lastErrors map[string]string // of each thing that is loaded again: why its newest state is not
}

// New loads what the home holds and listens; nothing is answered before Run. A
// home without feed or model is served: calls are UNAVAILABLE until they are
// there. Errors: Usage for addresses that may not be listened on, NotFound for a
// home that does not exist, Invalid for the token file, Conflict for a port
// that is taken.
func New(ctx context.Context, c Config) (*Server, error) {
	c.GRPC = orDefault(c.GRPC, DefaultGRPC)
	c.HTTP = orDefault(c.HTTP, DefaultHTTP)
	if c.Drain == 0 {
		c.Drain = DefaultDrain
	}
	if c.Poll == 0 {
		c.Poll = DefaultPoll
	}
	if c.Threads == 0 {
		c.Threads = runtime.GOMAXPROCS(0)
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Events == nil {
		c.Events = func(Event) {}
	}
	if st, err := os.Stat(c.Dir); err != nil || !st.IsDir() {
		return nil, fault.Field(fault.NotFound, "dir", "there is no home at %q; train run --dir makes one", c.Dir)
	}
	if c.Limits == (Limits{}) {
		c.Limits = DefaultLimits
	}
	if c.headerTime == 0 {
		c.headerTime, c.bodyTime = defaultHeaderTime, defaultBodyTime
	}
	if c.Connections == 0 {
		c.Connections = DefaultConnections
	}
	if c.Expired = orDefault(c.Expired, ExpiredAuto); !slices.Contains([]string{ExpiredAuto, ExpiredRefuse, ExpiredMark}, c.Expired) {
		return nil, fault.Field(fault.Usage, "expired", "--expired %q: want %s, %s or %s", c.Expired, ExpiredAuto, ExpiredRefuse, ExpiredMark)
	}
	s := &Server{config: c, log: c.Log, feeds: newFeedStore(c.Dir), local: newCaller("local", c.Limits), lastErrors: map[string]string{}}
	s.local.roles = []string{roleAdmin}
	var err error
	if s.guard, s.certs, err = c.check(); err != nil {
		return nil, err
	}
	if s.audit, err = newAudit(c.Audit, c.AuditAddresses); err != nil {
		return nil, err
	}
	models := c.Models
	if models == nil {
		s.home = newHomeModels(c.Dir, c.Shadow)
		models = s.home
	}
	if c.Rows == nil {
		c.Rows = newStoreRows(c.Dir)
	}
	var end context.CancelFunc
	s.history, s.tops = newHistory(s.feeds), &tops{}
	s.tops.ctx, end = context.WithCancel(context.Background())
	s.end = func() {
		end()
		s.history.close()
		s.feeds.close()
	}
	s.metrics = newMetrics(s.feeds, models)
	if s.home != nil {
		s.metrics.registry.MustRegister(newDriftCollector(s.home.champion.Load))
		s.metrics.registry.MustRegister(s.home.shadows.collectors()...)
	}
	said, err := newRulings(&c)
	if err != nil {
		return nil, err
	}
	s.service = &service{feeds: s.feeds, models: models, rows: c.Rows, threads: c.Threads, metrics: s.metrics, rulings: said}
	if s.traces, err = newTraces(c.Traces, s.log); err != nil {
		return nil, err
	}
	s.grpc, s.health = newGRPC(s)
	handler, err := newHTTP(s)
	if err != nil {
		return nil, err
	}
	s.http = &http.Server{
		Handler:           s.traces.http(handler),
		ReadHeaderTimeout: c.headerTime,
		ReadTimeout:       c.bodyTime,
		WriteTimeout:      c.bodyTime + c.Limits.CallTime,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    128 << 10, // a batchGet of 1,000 IPv6 addresses fits
		ErrorLog:          slog.NewLogLogger(c.Log.Handler(), slog.LevelDebug),
	}
	s.refresh(ctx)
	if err := s.listen(); err != nil {
		for _, l := range []net.Listener{s.grpcAt, s.httpAt, s.healthAt} {
			if l != nil {
				_ = l.Close()
			}
		}
		s.end()
		return nil, errors.Join(err, s.traces.close(), s.audit.close())
	}
	return s, nil
}

func orDefault(s, d string) string {
	if s == "" {
		return d
	}
	return s
}

// GRPCAddr is the address on which gRPC is answered.
func (s *Server) GRPCAddr() string { return s.grpcAt.Addr().String() }

// HTTPAddr is the address on which REST is answered.
func (s *Server) HTTPAddr() string { return s.httpAt.Addr().String() }

// Run serves until ctx ends, then lets calls in flight finish, for Config.Drain
// at most. A drained end is no error.
func (s *Server) Run(ctx context.Context) error {
	defer s.end()
	ended := make(chan error, 2)
	go func() { ended <- s.grpc.Serve(s.grpcAt) }()
	go func() {
		err := s.http.Serve(s.httpAt)
		if errors.Is(err, http.ErrServerClosed) {
			err = nil
		}
		ended <- err
	}()
	if s.home != nil {
		stop := make(chan struct{})
		go s.home.shadows.run(stop)
		defer func() {
			close(stop)
			<-s.home.shadows.done
		}()
	}
	probes := s.serveProbes()
	defer func() { _ = probes.Close() }()
	s.policyEvent()
	s.config.Events(Event{Serving: &ServingEvent{GRPC: s.GRPCAddr(), HTTP: s.HTTPAddr()}})
	s.log.Info("serving", "grpc", s.GRPCAddr(), "http", s.HTTPAddr(), "tokens", s.guard != nil)
	s.warnExpired(time.Now())

	poll := time.NewTicker(s.config.Poll)
	defer poll.Stop()
	var failed error
	for serving := true; serving; {
		select {
		case <-ctx.Done():
			serving = false
		case failed = <-ended:
			serving = false
		case <-poll.C:
			s.refresh(ctx)
		}
	}
	return errors.Join(failed, s.drain(), s.traces.close(), s.audit.close())
}

// drain stops taking calls and waits for those in flight.
func (s *Server) drain() error {
	s.draining.Store(true)
	s.health.Shutdown()
	s.log.Info("draining")
	ctx, cancel := context.WithTimeout(context.Background(), s.config.Drain)
	defer cancel()
	done := make(chan struct{})
	go func() {
		s.grpc.GracefulStop()
		close(done)
	}()
	s.leave(ctx)
	err := s.http.Shutdown(ctx)
	select {
	case <-done:
	case <-ctx.Done():
		s.grpc.Stop()
		<-done
	}
	if err != nil {
		err = s.http.Close()
	}
	cut := ctx.Err() != nil
	if cut {
		s.log.Warn("calls were cut off", "drain", s.config.Drain)
	}
	s.config.Events(Event{Drained: &DrainedEvent{CutOff: cut}})
	return err
}

// leaveTime is how long clients of REST have to give up connections that they
// keep.
const leaveTime = time.Second

// leave waits until nobody holds a connection to REST any more, for leaveTime at
// most. Every answer now asks to close its connection: http.Server.Shutdown
// closes those without a request at once, and a request that is on its way on
// one of them would be lost. gRPC has a farewell of its own.
func (s *Server) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, leaveTime)
	defer cancel()
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for s.httpOpen.Load() > 0 {
		select {
		case <-look.C:
		case <-ctx.Done():
			return
		}
	}
}

// refresh loads what is new in the home. What can't be loaded is reported once,
// and what served goes on.
func (s *Server) refresh(ctx context.Context) {
	changed, err := s.feeds.refresh(ctx)
	if fault.Is(err, fault.NotFound) {
		err = nil // no feed yet
	}
	s.reloaded("feed", changed, err)
	if changed {
		s.setExpiry()
		if l, err := s.feeds.acquire(); err == nil {
			s.config.Events(Event{Feed: &FeedEvent{Date: string(l.Date()), Rows: l.Len(), ModelVersion: l.desc.ModelVersion}})
			l.release()
		}
	}
	s.refreshPolicy()
	if s.home != nil {
		changed, err := s.home.refresh()
		s.reloaded("model", changed, err)
		if changed {
			s.config.Events(Event{Model: &ModelEvent{Version: s.home.Champion()}})
		}
		shadowed, err := s.home.shadows.refresh()
		s.reloaded("shadow", shadowed, err)
		if changed || shadowed {
			s.metrics.versions(s.home.Champion(), s.home.shadows.version())
		}
	}
	if s.guard != nil {
		changed, err := s.guard.refresh()
		s.reloaded("tokens", changed, err)
	}
	if s.certs != nil {
		changed, err := s.certs.refresh()
		s.reloaded("certificate", changed, err)
	}
	if err := s.audit.refresh(); err != nil {
		s.log.Error("the audit log can't be opened anew; the old file is written", "error", err.Error())
	}
	state := func(ok bool) healthpb.HealthCheckResponse_ServingStatus {
		if ok {
			return healthpb.HealthCheckResponse_SERVING
		}
		return healthpb.HealthCheckResponse_NOT_SERVING
	}
	s.health.SetServingStatus("", healthpb.HealthCheckResponse_SERVING)
	s.health.SetServingStatus(pb.ScoreService_ServiceDesc.ServiceName, state(s.service.serves(time.Now())))
	s.health.SetServingStatus(inference.GRPCInferenceService_ServiceDesc.ServiceName, state(s.service.models.Champion() != ""))
}

// reloaded counts and reports a load, or a failure that was not reported yet.
func (s *Server) reloaded(what string, changed bool, err error) {
	refused := 0.0
	switch {
	case err != nil:
		refused = 1
		if err.Error() == s.lastErrors[what] {
			break
		}
		s.lastErrors[what] = err.Error()
		s.metrics.reloads.WithLabelValues(what, "failed").Inc()
		s.log.Error("not loaded; what served goes on", "what", what, "error", err.Error())
		s.config.Events(Event{Warning: &WarningEvent{Message: "the new " + what + " is not loaded: " + err.Error()}})
	default:
		delete(s.lastErrors, what)
		if changed {
			s.metrics.reloads.WithLabelValues(what, "loaded").Inc()
			s.log.Info("loaded", "what", what)
		}
	}
	s.metrics.refused.WithLabelValues(what).Set(refused)
}
