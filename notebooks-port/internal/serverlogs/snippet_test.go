package serverlogs

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestSnippetsAreAccepted holds the pieces of configuration against the
// programs that they are for, where these are installed.
func TestSnippetsAreAccepted(t *testing.T) {
	r := result(t)
	var haproxy, backend, nginx, location, top []string
	nft := []string{}
	for _, rec := range r.Recommendations {
		for _, s := range rec.Snippets {
			switch {
			case s.For == "HAProxy" && strings.HasPrefix(s.Text, "backend"):
				backend = append(backend, s.Text)
			case s.For == "HAProxy":
				// Lists of addresses stand in front of the rules.
				if _, rules, ok := strings.Cut(s.Text, "# in the frontend:"); ok {
					_, s.Text, _ = strings.Cut(rules, "\n")
				}
				haproxy = append(haproxy, s.Text)
			case s.For == "nginx":
				head, rest, cut := strings.Cut(s.Text, "# in the")
				if cut {
					top = append(top, head)
					_, rest, _ = strings.Cut(rest, "\n")
					nginx = append(nginx, rest)
				} else if strings.HasPrefix(head, "location") {
					location = append(location, head)
				}
			case strings.HasPrefix(s.For, "nftables"):
				nft = append(nft, s.Text)
			}
		}
	}
	if len(haproxy) < 3 || len(backend) == 0 || len(nginx) < 2 || len(location) < 2 || len(nft) < 2 {
		t.Fatalf("snippets: %d, %d, %d, %d, %d", len(haproxy), len(backend), len(nginx), len(location), len(nft))
	}
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	try := func(name string, args ...string) {
		t.Run(name, func(t *testing.T) {
			if _, err := exec.LookPath(name); err != nil {
				t.Skip(name + " is not installed")
			}
			out, err := exec.Command(name, args...).CombinedOutput()
			if err != nil && strings.Contains(string(out), "Operation not permitted") {
				t.Skip(name + " is not allowed to check here")
			}
			if err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
	list := write("list.acl", "192.0.2.1\n")
	front := strings.NewReplacer("/etc/haproxy/block.acl", list, "/etc/haproxy/own.acl", list).Replace(strings.Join(haproxy, "\n"))
	try("haproxy", "-c", "-f", write("haproxy.cfg", "defaults\n mode http\n timeout client 1s\n timeout connect 1s\n timeout server 1s\nuserlist staff\n user a insecure-password b\nfrontend f\n bind 127.0.0.1:8\n default_backend app\n"+front+"\n"+strings.Join(backend, "\n")))
	conf := "events {}\nhttp {\naccess_log off;\nupstream backend { server 127.0.0.1:1; }\n" + strings.Join(top, "\n") + "\nserver {\nlisten 127.0.0.1:8;\n" + strings.Join(nginx, "\n") + "\n" + strings.Join(location, "\n") + "}\n}\n"
	try("nginx", "-t", "-p", dir, "-e", filepath.Join(dir, "error.log"), "-g", "pid "+filepath.Join(dir, "pid")+";", "-c", write("nginx.conf", conf))
	try("nft", "-c", "-f", write("sluice.nft", strings.Join(nft, "\n")))
}
