// Command worker serves Weft's queues: one asynq server per queue, each with
// its own concurrency. On SIGTERM it drains.
package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"weft/internal/app"
	"weft/internal/app/native"
	"weft/internal/cli"
	"weft/internal/config"
	"weft/models"
)

func main() { cli.Main(command) }

func command(env *cli.Env) *cobra.Command {
	var queues []string
	cmd := &cobra.Command{
		Use:   "worker",
		Short: "Serve the queues of the pipeline",
		Long: `Serve the queues of the pipeline, each with its own number of tasks at a time,
and keep house: reconcile the queues with the documents, build the history's
parts, purge what is verified and old. Any number of workers may run.

A queue's bulk lane is served with it, at a tenth of the weight. On SIGTERM the
worker stops pulling, finishes what it has begun within the configured drain
time, and gives the rest back.

` + cli.ExitHelp,
		Example: `  worker                                        # all queues, as configured
  worker --queue analyze-heavy=2                # a machine with a GPU
  worker --queue fetch=64 --queue index=32 --config /etc/weft.yaml`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			only, err := parseQueues(queues)
			if err != nil {
				return err
			}
			a, err := env.Open(cmd.Context(), app.Options{Service: "weft-worker", ONNX: native.ONNX}, only...)
			if err != nil {
				return err
			}
			defer a.Close()
			cli.EndRegardless(cmd.Context(), a.Config.Drain)
			return a.Work(cmd.Context())
		},
	}
	cmd.Flags().StringArrayVar(&queues, "queue", nil, "serve only this queue, as in index=64 (repeatable)")
	return cmd
}

// parseQueues turns --queue flags into overrides of the configuration: the
// named queues with their concurrency, and none of the others.
func parseQueues(flags []string) ([]config.Override, error) {
	if len(flags) == 0 {
		return nil, nil
	}
	wanted := map[string]string{}
	for _, step := range models.Steps() {
		wanted[string(step)] = "0"
	}
	known := slices.Sorted(maps.Keys(wanted))
	for _, f := range flags {
		name, n, ok := strings.Cut(f, "=")
		if _, exists := wanted[name]; !exists {
			return nil, cli.Usage(fmt.Errorf("--queue %s: no queue %q; there are: %s", f, name, strings.Join(known, ", ")))
		}
		if count, err := strconv.Atoi(n); !ok || err != nil || count < 1 {
			return nil, cli.Usage(fmt.Errorf("--queue %s: write it as %s=N with N tasks at a time, at least 1", f, name))
		}
		wanted[name] = n
	}
	var out []config.Override
	for _, name := range known {
		out = append(out, config.Override{Key: "queues." + name, Value: wanted[name]})
	}
	return out, nil
}
