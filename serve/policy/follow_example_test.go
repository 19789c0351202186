package policy_test

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"sluice/serve/policy"
)

// A line in the file counts without a restart, and a file that can't be read
// leaves what was before.
func ExampleFollow() {
	dir, err := os.MkdirTemp("", "policy")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "allow.txt")
	write := func(lines string) {
		if err := os.WriteFile(path, []byte(lines), 0o600); err != nil {
			fmt.Println(err)
		}
	}
	write("# nothing yet\n")
	live, err := policy.Follow(policy.Files{Overrides: path}, -1) // below 0: Reload looks, at once
	if err != nil {
		fmt.Println(err)
		return
	}
	now := time.Date(2024, 9, 1, 0, 0, 0, 0, time.UTC)
	for _, lines := range []string{"", "192.0.2.7 allow 2024-12-31 alice our own monitoring\n", "192.0.2.7 alow never alice asked\n"} {
		write(lines)
		_, err := live.Reload()
		d := live.Policy().Decide(netip.MustParseAddr("192.0.2.7"), policy.Abusive, now)
		fmt.Println(d.Verdict, d.Source, d.Reason, err)
	}
	// Output:
	// abusive model  <nil>
	// not_abusive override our own monitoring <nil>
	// not_abusive override our own monitoring allow.txt:1: action "alow": want allow, flag or abstain
}
