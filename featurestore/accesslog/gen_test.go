package accesslog

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"time"
)

// These make logs of n lines, the same ones every time.

var (
	genAgents = []string{
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
		"Mozilla/5.0 (compatible; examplebot/2.1; +https://bot.example/)",
		"curl/8.5.0", "-", "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0",
	}
	genReferers = []string{"-", "-", "https://www.shop.example/", "https://www.search.example/?q=boots", "https://www.shop.example/catalog?page=7"}
	genPaths    = []string{"/", "/item/", "/static/app.js", "/img/logo.png", "/catalog", "/wp-login.php", "/api/v1/items"}
	genStatus   = []string{"200", "200", "200", "304", "404", "301", "500"}
)

type genLine struct {
	at                                         time.Time
	ip, host, method, path, query              string
	status                                     string
	size                                       int
	referer, agent                             string
	sequence                                   int
	cache, language, contentType, forwardedFor string
}

func genLines(n int) []genLine {
	r := rand.New(rand.NewPCG(1, 2))
	at := time.Date(2024, 8, 1, 0, 0, 0, 0, time.UTC)
	all := make([]genLine, n)
	for i := range all {
		at = at.Add(time.Duration(r.IntN(400)) * time.Millisecond)
		l := genLine{at: at, ip: fmt.Sprintf("198.51.%d.%d", r.IntN(100), r.IntN(256)), host: "www.shop.example", method: "GET",
			path: genPaths[r.IntN(len(genPaths))], status: genStatus[r.IntN(len(genStatus))], size: r.IntN(60000),
			referer: genReferers[r.IntN(len(genReferers))], agent: genAgents[r.IntN(len(genAgents))], sequence: i,
			cache: "miss", language: "en-US,en;q=0.9", contentType: "text/html; charset=UTF-8", forwardedFor: "-"}
		if r.IntN(10) == 0 {
			l.ip = fmt.Sprintf("2001:db8:%x:%x::%x", r.IntN(100), r.IntN(65536), r.IntN(65536))
		}
		if r.IntN(2) == 0 {
			l.path += fmt.Sprint(r.IntN(10000))
		}
		if r.IntN(3) == 0 {
			l.query = fmt.Sprintf("?id=%d&ref=%x", r.IntN(100000), r.Uint32())
		}
		if r.IntN(20) == 0 {
			l.method = "POST"
		}
		all[i] = l
	}
	return all
}

func genCombined(n int) []byte {
	var b bytes.Buffer
	for _, l := range genLines(n) {
		fmt.Fprintf(&b, "%s - - [%s] \"%s %s%s HTTP/1.1\" %s %d \"%s\" \"%s\"\n", l.ip, l.at.Format("02/Jan/2006:15:04:05 -0700"),
			l.method, l.path, l.query, l.status, l.size, l.referer, l.agent)
	}
	return b.Bytes()
}

// genJSON has the fields of a raw webrequest line.
func genJSON(n int) []byte {
	var b bytes.Buffer
	for _, l := range genLines(n) {
		fmt.Fprintf(&b, `{"hostname":"cp1.example","sequence":%d,"dt":"%s","time_firstbyte":0.000123,"ip":"%s","cache_status":"%s","http_status":"%s","response_size":%d,`+
			`"http_method":"%s","uri_host":"%s","uri_path":"%s","uri_query":"%s","content_type":"%s","referer":"%s","user_agent":"%s","accept_language":"%s",`+
			`"x_analytics":"ns=0;page_id=42;https=1;client_port=4711","range":"-","x_cache":"cp1 miss, cp2 pass","accept":"text/html,*/*;q=0.8","backend":"ATS/9.1.4","tls":"vers=TLSv1.3;keyx=X25519"}`+"\n",
			l.sequence, l.at.Format("2006-01-02T15:04:05Z"), l.ip, l.cache, l.status, l.size, l.method, l.host, l.path, l.query, l.contentType, l.referer, l.agent, l.language)
	}
	return b.Bytes()
}

func genCSV(n int) []byte {
	var b bytes.Buffer
	b.WriteString("timestamp,ip_address,method,endpoint,status_code,response_size,response_time,country,user_agent,referrer\n")
	for _, l := range genLines(n) {
		fmt.Fprintf(&b, "%s,%s,%s,%s%s,%s,%d,0.25,XX,\"%s\",%s\n", l.at.Format("2006-01-02 15:04:05"), l.ip, l.method, l.path, l.query,
			l.status, l.size, l.agent, l.referer)
	}
	return b.Bytes()
}
