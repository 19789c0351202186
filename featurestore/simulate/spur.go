package simulate

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"time"
)

// spurEntry is one line of a Spur feed (https://docs.spur.us).
type spurEntry struct {
	IP             string      `json:"ip"`
	Organization   string      `json:"organization,omitempty"`
	Infrastructure string      `json:"infrastructure,omitempty"`
	Client         *spurClient `json:"client,omitempty"`
	Tunnels        []spurTun   `json:"tunnels,omitempty"`
	Risks          []string    `json:"risks,omitempty"`
}

type spurClient struct {
	Behaviors []string `json:"behaviors,omitempty"`
	Types     []string `json:"types,omitempty"`
	Proxies   []string `json:"proxies,omitempty"`
	Count     int      `json:"count,omitempty"`
	Countries int      `json:"countries,omitempty"`
}

type spurTun struct {
	Operator  string `json:"operator"`
	Type      string `json:"type"`
	Anonymous bool   `json:"anonymous"`
}

// spurKnown is the share of a kind's addresses that the feed has: most slow
// crawls go through residential proxies that it sees.
func spurKnown(k Kind) float64 {
	switch {
	case k.slow():
		return .70
	case k == Shared:
		return .40
	case k == Reader, k == Mobile, k == App:
		return .04
	case k == Flood, k == Burst, k == Scanner:
		return .45
	}
	return .10
}

// writeSpur writes a feed of the last day before each month, as its users
// would have had it: YYYYMMDD/feed.json.gz, an object a line.
func (w *World) writeSpur(_ context.Context, dir string, f *Files) error {
	for i := range w.cfg.Months {
		m := w.get(i)
		r := w.rng(partSpur, uint64(i), 0)
		day := m.month.Start(time.UTC).AddDate(0, 0, -1).Format("20060102")
		kinds := map[netip.Addr]Kind{}
		var ips []netip.Addr
		for _, ps := range [][]Profile{m.pairs, m.background} {
			for j := range ps {
				if _, ok := kinds[ps[j].IP]; !ok {
					ips = append(ips, ps[j].IP)
				}
				kinds[ps[j].IP] = ps[j].Kind
			}
		}
		slices.SortFunc(ips, netip.Addr.Compare)
		path := filepath.Join(dir, "spur", day, "feed.json.gz")
		err := writeAtomic(path, func(b *bufio.Writer) error {
			e := json.NewEncoder(b)
			for _, ip := range ips {
				k := kinds[ip]
				if r.Float64() >= spurKnown(k) {
					continue
				}
				s := spurEntry{IP: ip.String(), Organization: "Simulated network", Infrastructure: "RESIDENTIAL"}
				switch {
				case k.slow():
					s.Client = &spurClient{Types: []string{"DESKTOP", "MOBILE"}, Proxies: []string{"SIMULATED_PROXY"}, Count: 1 + r.IntN(5), Countries: 1 + r.IntN(3)}
					s.Risks = []string{"CALLBACK_PROXY", "WEB_SCRAPING"}
				case k == Shared:
					s.Infrastructure = "MOBILE"
					s.Client = &spurClient{Types: []string{"MOBILE"}, Count: 20 + r.IntN(500), Countries: 1}
				case k.abusive():
					s.Infrastructure = "DATACENTER"
					s.Tunnels = []spurTun{{"SIMULATED_VPN", "VPN", true}}
					s.Risks = []string{"TUNNEL"}
				}
				if err := e.Encode(s); err != nil {
					return fmt.Errorf("%s: %w", path, err)
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		f.Spur = append(f.Spur, path)
	}
	return nil
}
