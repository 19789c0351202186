package injection

import (
	"io/fs"
	"strings"
	"sync"

	coreruleset "github.com/corazawaf/coraza-coreruleset/v4"
)

// crsList is a list of the Core Rule Set: a string a line, "#" begins a
// comment. The module carries the files, so a list that is missing is a fault
// of the build, and the tests read each.
func crsList(name string) []string {
	b, err := fs.ReadFile(coreruleset.FS, "@owasp_crs/"+name)
	if err != nil {
		return nil
	}
	var out []string
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSpace(line)
		if line != "" && line[0] != '#' {
			out = append(out, strings.ToLower(line))
		}
	}
	return out
}

// systemFiles are files of operating systems and of homes.
var systemFiles = sync.OnceValue(func() *matcher {
	var words []string
	for _, w := range crsList("lfi-os-files.data") {
		if len(w) >= 6 && strings.Contains(w, "/") && !strings.HasPrefix(w, ".") {
			words = append(words, w)
		}
	}
	return newMatcher(append(words, "etc/passwd", "etc/shadow", "etc/hosts", "etc/group", "proc/self", "proc/version", "windows/win.ini", "winnt/win.ini",
		"windows/system32", "boot.ini", "win.ini", "system.ini", "web-inf/web.xml", "web-inf/", "meta-inf/", "var/log/", "autoexec.bat", "/etc/", "\\etc\\"))
})

// hiddenFiles are files that no site means to serve.
var hiddenFiles = sync.OnceValue(func() *matcher {
	var words []string
	for _, w := range crsList("restricted-files.data") {
		if len(w) >= 4 {
			words = append(words, w)
		}
	}
	return newMatcher(words)
})

var scannerAgents = sync.OnceValue(func() *matcher {
	words := crsList("scanners-user-agents.data")
	return newMatcher(append(words, "zgrab", "masscan", "nuclei", "sqlmap", "nikto", "wpscan", "nmap scripting", "gobuster", "dirbuster", "feroxbuster", "ffuf", "acunetix", "nessus", "openvas", "netsparker",
		"l9explore", "l9tcpid", "leakix", "jaeles", "whatweb", "httpx - open-source", "projectdiscovery", "xray", "commix", "hydra", "w3af", "arachni", "burpcollaborator", "internet-measurement", "censysinspect", "expanse", "odin.io", "genomecrawler", "fuzz faster"))
})

// shellCommands are the names of commands, without those that are words or
// letters of ordinary text.
var shellCommands = sync.OnceValue(func() map[string]bool {
	m := map[string]bool{}
	for _, file := range []string{"unix-shell.data", "unix-shell-builtins.data"} {
		for _, w := range crsList(file) {
			if i := strings.LastIndexByte(w, '/'); i >= 0 {
				w = w[i+1:]
			}
			if len(w) >= 2 && plainWord(w) {
				m[w] = true
			}
		}
	}
	for _, w := range strings.Fields("id ls cat ps pwd whoami uname wget curl nc ncat netcat bash sh zsh ksh dash csh tcsh python python3 perl ruby php node ping nslookup dig host ifconfig ipconfig netstat echo printf sleep touch chmod chown rm cp mv mkdir tftp ftp scp ssh telnet busybox base64 xxd awk sed tail head less more grep find env export uptime w who last cmd cmd.exe powershell powershell.exe pwsh dir type net systeminfo tasklist reg certutil bitsadmin mshta rundll32 regsvr32 wmic copy del ver timeout exec system set vol tracert traceroute arp route hostname cd kill nohup tee xargs socat lua gcc lsb_release") {
		m[w] = true
	}
	return m
})

func plainWord(s string) bool {
	for i := range len(s) {
		if c := s[i]; !isLetter(c) && !isDigit(c) && c != '_' && c != '-' && c != '.' {
			return false
		}
	}
	return true
}
