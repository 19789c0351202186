package ensemble

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// TestNoFusedArithmetic compiles the package for machines on which Go fuses
// x*y + z into one instruction with one rounding, and demands that none is
// there but where math.FMA asks for it: the others would change last bits.
func TestNoFusedArithmetic(t *testing.T) {
	if os.Getenv("SLUICE_LONG") == "" {
		t.Skip("compiling for other machines takes minutes: set SLUICE_LONG=1")
	}
	// Plan 9 names: FMADDS, FNMSUBD.
	fused := regexp.MustCompile(`\tFN?M(ADD|SUB)[A-Z]*\t`)
	for _, arch := range []string{"arm64", "riscv64"} {
		cmd := exec.Command("go", "build", "-gcflags=-S", ".")
		cmd.Env = append(os.Environ(), "GOARCH="+arch, "GOOS=linux", "CGO_ENABLED=0")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%.1000s", arch, err, out)
		}
		function, asked := "", 0
		for line := range strings.SplitSeq(string(out), "\n") {
			if name, _, ok := strings.Cut(line, " STEXT "); ok {
				function = name
			}
			if !fused.MatchString(line) {
				continue
			}
			if strings.HasSuffix(function, ".Expf") {
				asked++
				continue
			}
			t.Errorf("%s: %s fuses: %s", arch, function, strings.TrimSpace(line))
		}
		if asked == 0 {
			t.Errorf("%s: Expf fuses nothing, so this test looks for the wrong names", arch)
		}
	}
}
