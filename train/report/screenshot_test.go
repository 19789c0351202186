package report

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sluice/models/rules/aim"
)

// paper is the width of A4 less its margins, in CSS pixels.
const paper = 703

// The page fits its window at a phone's and a desk's width: nothing but the
// boxes made to scroll is wider than the window, and no text of a picture lies
// outside it. SLUICE_SCREENSHOTS names a folder to keep the pages in.
func TestInBrowser(t *testing.T) {
	if os.Getenv("SLUICE_LONG") == "" {
		t.Skip("SLUICE_LONG is not set: no browser is started")
	}
	browser, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is not installed")
	}
	dir := t.TempDir()
	usual := aim.AtPrecision(0.8)
	for name, made := range map[string]struct {
		skill float64
		at    aim.Aim
	}{"passed": {1.9, usual}, "heldback": {0.25, usual}, "limit": {1.9, aim.AtFalsePositiveRate(0.02)}, "costs": {1.9, aim.AtCosts(7, 1)}} {
		out, err := Render(fixtureFor(t, 3000, 300, made.skill, made.at))
		if err != nil {
			t.Fatal(err)
		}
		// On A4 with its margins nothing scrolls: every table must fit the paper.
		for _, width := range []int{360, 1280, paper} {
			// The widest right edge is measured in a frame of that width by a
			// page of the test's own; the report itself stays without script.
			page := strings.ReplaceAll(string(out.HTML), `http-equiv="Content-Security-Policy"`, `name="off"`)
			if width == paper {
				page = strings.ReplaceAll(page, "@media print", "@media all")
			}
			report := filepath.Join(dir, name+".html")
			if err := os.WriteFile(report, []byte(page), 0o600); err != nil {
				t.Fatal(err)
			}
			outer := fmt.Sprintf(`<!DOCTYPE html><body style="margin:0"><iframe id="f" src=%[1]q style="width:%[2]dpx;height:4000px;border:0"></iframe><script>
onload=()=>{const doc=document.getElementById("f").contentDocument,d=doc.documentElement,out=[];
for(const e of doc.querySelectorAll("details"))e.open=true;
if(%[2]d==%[3]d)for(const t of doc.querySelectorAll("table")){const r=t.getBoundingClientRect();if(r.right>%[2]d+1)out.push("table "+t.caption.textContent+" to "+Math.round(r.right))}
for(const t of doc.querySelectorAll("svg text")){const r=t.getBoundingClientRect(),s=t.ownerSVGElement.getBoundingClientRect();
if(r.left<s.left-1||r.right>s.right+1||r.top<s.top-1||r.bottom>s.bottom+1)out.push(t.textContent)}
const pre=document.createElement("p");pre.textContent="scroll="+d.scrollWidth+" client="+d.clientWidth+" texts="+doc.querySelectorAll("svg text").length+" outside="+out.length+" ["+out.slice(0,5).join("; ")+"]";document.body.prepend(pre)}</script>`, name+".html", width, paper)
			frame := filepath.Join(dir, "frame.html")
			if err := os.WriteFile(frame, []byte(outer), 0o600); err != nil {
				t.Fatal(err)
			}
			dom, err := exec.Command(browser, "--headless", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files", "--virtual-time-budget=4000", "--dump-dom", "file://"+frame).Output()
			if err != nil {
				t.Fatal(err)
			}
			m := regexp.MustCompile(`scroll=(\d+) client=(\d+) texts=(\d+) outside=(\d+) \[([^\]]*)`).FindStringSubmatch(string(dom))
			if m == nil {
				t.Fatalf("the browser measured nothing: %.300s", dom)
			}
			if m[1] != m[2] {
				t.Errorf("%s at %d pixels: content %s pixels wide in a window of %s", name, width, m[1], m[2])
			}
			if len(m[3]) < 3 || m[4] != "0" {
				t.Errorf("%s at %d pixels: %s of %s texts lie outside their pictures: %s", name, width, m[4], m[3], m[5])
			}
		}
		if keep := os.Getenv("SLUICE_SCREENSHOTS"); keep != "" {
			for ext, b := range map[string][]byte{"html": out.HTML, "md": out.Markdown, "card.md": out.ModelCard} {
				if err := os.WriteFile(filepath.Join(keep, name+"."+ext), b, 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}
