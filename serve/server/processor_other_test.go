//go:build !linux

package server

import "time"

func processorTime(...int) time.Duration { return 0 }

func machineTime() time.Duration { return 0 }
