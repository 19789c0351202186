//go:build unix

package spark

import (
	"os/exec"
	"syscall"
)

// ownGroup lets a cancelled run end all of spark-submit's processes, its JVM
// and the script, and asks them first.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
}
