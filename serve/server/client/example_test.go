package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/netip"
	"os"
	"reflect"
	"sync/atomic"
	"time"

	"sluice/serve/feed"
	"sluice/serve/server"
	"sluice/serve/server/client"
)

// An ingestion job as it is deployed: once a minute it brings its copy up to
// date. A service that is restarted, or a connection that breaks, costs a round.
func Example() {
	c, err := client.New("127.0.0.1:9090", client.Options{Token: "a-token-with-the-role-feed"})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	var copied client.Copy
	for range time.Tick(time.Minute) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		changed, err := c.Sync(ctx, &copied)
		cancel()
		if err != nil {
			log.Print("the copy stays as it was: ", err)
			continue
		}
		if changed {
			log.Printf("%d addresses of %s", len(copied.Lines), copied.Date)
		}
	}
}

// The same loop beside a service of its own: the feed is fetched over
// connections that break, the next day's is applied as a difference, and the
// service is restarted in between. The copy ends with exactly the feed's rows.
func ExampleClient_Sync() {
	home, err := os.MkdirTemp("", "")
	check(err)
	defer os.RemoveAll(home)
	check(publish(home, "2024-08-30", lines(0, 16_000, 1)))
	addr, stop, err := run(home, "127.0.0.1:0")
	check(err)
	// Each connection ends after 100 kB; the feed is larger.
	way, end, err := breaking(addr, 100_000)
	check(err)
	defer end()

	c, err := client.New(way.addr, client.Options{})
	check(err)
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var copied client.Copy
	until := func(d feed.Date) {
		for copied.Date != d && ctx.Err() == nil {
			if _, err := c.Sync(ctx, &copied); err != nil {
				time.Sleep(10 * time.Millisecond) // the copy stays as it was
			}
		}
		check(ctx.Err())
		same, err := equal(home, &copied)
		check(err)
		fmt.Printf("%s: %d rows, exactly the feed's: %v\n", copied.Date, len(copied.Lines), same)
	}
	until("2024-08-30")
	fmt.Println("connections broke:", way.broken.Load() > 0)
	whole := way.bytes.Load()

	// 100 addresses go, 100 come, and the service is not there for a while.
	check(stop())
	check(publish(home, "2024-08-31", lines(100, 16_000, 1)))
	restarted := make(chan func() error, 1)
	go func() {
		time.Sleep(50 * time.Millisecond)
		_, stop, err := run(home, addr)
		check(err)
		restarted <- stop
	}()
	until("2024-08-31")
	check((<-restarted)())
	fmt.Println("the difference took less than a tenth of the feed:", way.bytes.Load()-whole < whole/10)

	// Output:
	// 2024-08-30: 16000 rows, exactly the feed's: true
	// connections broke: true
	// 2024-08-31: 16000 rows, exactly the feed's: true
	// the difference took less than a tenth of the feed: true
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

// publish writes a feed, as train does.
func publish(home string, d feed.Date, lines []feed.Line) error {
	w, err := feed.Open(home).Create(d, model, feed.Options{})
	if err != nil {
		return err
	}
	defer w.Discard()
	for i := range lines {
		if err := w.Write(&lines[i]); err != nil {
			return err
		}
	}
	_, err = w.Commit(asOf)
	return err
}

// run starts a service; stop ends it.
func run(home, addr string) (at string, stop func() error, err error) {
	s, err := server.New(context.Background(), server.Config{Dir: home, GRPC: addr, HTTP: "127.0.0.1:0", Poll: 10 * time.Millisecond, Drain: time.Second, Expired: server.ExpiredMark})
	if err != nil {
		return "", nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	return s.GRPCAddr(), func() error {
		cancel()
		return <-done
	}, nil
}

// way leads to a service and counts what comes back on it.
type way struct {
	addr   string
	bytes  atomic.Int64 // of answers
	broken atomic.Int64 // connections
}

// counter counts what is written to it.
type counter struct{ n *atomic.Int64 }

func (c counter) Write(b []byte) (int, error) {
	c.n.Add(int64(len(b)))
	return len(b), nil
}

// breaking is a way that breaks each connection after some bytes of answers.
func breaking(to string, after int64) (w *way, end func(), err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	w = &way{addr: l.Addr().String()}
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", to)
			if err != nil {
				_ = in.Close()
				continue
			}
			go func() {
				_, _ = io.Copy(out, in)
				_ = out.Close()
			}()
			go func() {
				if n, _ := io.CopyN(io.MultiWriter(in, counter{&w.bytes}), out, after); n == after {
					w.broken.Add(1)
				}
				_ = in.Close()
				_ = out.Close()
			}()
		}
	}()
	return w, func() { _ = l.Close() }, nil
}

// equal holds a copy against the file that the service serves.
func equal(home string, copied *client.Copy) (bool, error) {
	f, err := feed.Open(home).OpenFile(copied.Date)
	if err != nil {
		return false, err
	}
	defer f.Close()
	r, err := feed.NewReader(f, string(copied.Date))
	if err != nil {
		return false, err
	}
	want := map[netip.Addr]feed.Line{}
	for {
		var l feed.Line
		err := r.Next(&l)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return false, err
		}
		want[l.IP] = l
	}
	return maps.EqualFunc(want, copied.Lines, func(a, b feed.Line) bool { return reflect.DeepEqual(a, b) }), nil
}
