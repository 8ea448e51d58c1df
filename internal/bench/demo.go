package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
)

// demoChain runs the whole demo and reports its speed.
func demoChain(ctx context.Context, weft string) error {
	dir, err := os.MkdirTemp("", "weft-bench-demo")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	cmd := exec.CommandContext(ctx, weft, "demo", "--posts", "300", "--exit", "--json", "--data", dir) //nolint:gosec // the binary is the caller's
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	var got struct {
		PostsPerSecond float64 `json:"posts_per_second"`
	}
	if err := json.Unmarshal(out, &got); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	report("demo_posts_per_second", got.PostsPerSecond)
	return nil
}
