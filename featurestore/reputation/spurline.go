package reputation

// spurLines reads lines of feeds into a spurRaw.
type spurLines struct{ jsonLines }

// The fields it knows of a line, of its client, of the concentration and of a
// tunnel. The last three of a line are those of an answer.
var (
	spurFields        = []string{"ip", "network", "infrastructure", "client", "tunnels", "risks", "fetched_at", "dt", "body"}
	spurClientFields  = []string{"types", "proxies", "count", "countries", "spread", "concentration"}
	spurDensityFields = []string{"density", "skew"}
	spurTunnelFields  = []string{"operator", "type", "anonymous"}
)

// read is json.Unmarshal(line, r), of an empty r, for most lines; not ok says
// nothing about the line.
func (p *spurLines) read(line []byte, r *spurRaw) (ok bool) {
	return p.line(line, spurFields, func(field int) bool {
		switch field {
		case 0:
			return p.text(&r.IP, false)
		case 1:
			return p.text(&r.Network, false)
		case 2:
			return p.text(&r.Infrastructure, true)
		case 3:
			return p.object(1, spurClientFields, func(field int) bool {
				switch field {
				case 0:
					return p.list(&r.Client.Types)
				case 1:
					return p.list(&r.Client.Proxies)
				case 2:
					return p.number(&r.Client.Count)
				case 3:
					return p.number(&r.Client.Countries)
				case 4:
					return p.number(&r.Client.Spread)
				}
				return p.object(2, spurDensityFields, func(field int) bool {
					if field == 0 {
						return p.number(&r.Client.Concentration.Density)
					}
					return p.number(&r.Client.Concentration.Skew)
				})
			})
		case 4:
			return p.tunnels(r)
		}
		return field == 5 && p.list(&r.Risks)
	})
}

func (p *spurLines) tunnels(r *spurRaw) bool {
	if p.at() != '[' {
		return false
	}
	r.Tunnels = r.Tunnels[:0]
	done, ok := p.scan.Open(1)
	for ok && !done {
		var t spurTunnel
		if !p.object(2, spurTunnelFields, func(field int) bool {
			switch field {
			case 0:
				return p.text(&t.Operator, true)
			case 1:
				return p.text(&t.Type, true)
			}
			word, ok := p.scan.Literal()
			t.Anonymous = string(word) == "true"
			return ok && string(word) != "null"
		}) {
			return false
		}
		r.Tunnels = append(r.Tunnels, t)
		done, ok = p.scan.Next(false)
	}
	return ok
}
