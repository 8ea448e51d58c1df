// Package cli is what Weft's commands share: the flags that choose a
// configuration, the exit codes, and how results are printed.
package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"weft/internal/app"
	"weft/internal/config"
	"weft/internal/telemetry"
	"weft/models"
)

// Exit codes of every command.
const (
	ExitOK          = 0
	ExitBadInput    = 1 // something in the input was refused; the good part was done
	ExitUsage       = 2 // the call or the configuration is wrong; nothing was done
	ExitUnavailable = 3 // a service could not be reached; calling again goes on
)

// ExitHelp is for the help texts of the commands.
const ExitHelp = `Exit status: 0 all is well, 1 some of the input was refused, 2 the call or the
configuration is wrong, 3 a service could not be reached.`

// ErrBadInput makes a command exit with ExitBadInput. What was wrong has been printed.
var ErrBadInput = errors.New("some of the input was refused")

// Env is what a command gets from outside.
type Env struct {
	Stdout, Stderr io.Writer
	Environ        []string

	file string
	data string
	sets []string
	JSON bool // print for scripts
}

// Flags adds the flags that all commands share.
func (e *Env) Flags(cmd *cobra.Command) {
	f := cmd.PersistentFlags()
	f.StringVarP(&e.file, "config", "c", "", "configuration file (default weft.yaml, if there is one)")
	f.StringVar(&e.data, "data", "", "folder of everything embedded (default ./weft-data)")
	f.StringArrayVar(&e.sets, "set", nil, "set a key of the configuration, as in --set queues.fetch=32 (repeatable)")
	f.BoolVar(&e.JSON, "json", false, "print JSON, for scripts")
}

// Config loads the configuration that the flags choose.
func (e *Env) Config(more ...config.Override) (config.Config, error) {
	overrides := more
	if e.data != "" {
		overrides = append(overrides, config.Override{Key: "data", Value: e.data})
	}
	for _, s := range e.sets {
		key, value, ok := strings.Cut(s, "=")
		if !ok {
			return config.Config{}, Usage(fmt.Errorf("--set %q: write it as key=value", s))
		}
		overrides = append(overrides, config.Override{Key: key, Value: value})
	}
	cfg, err := config.Load(e.file, e.Environ, overrides...)
	if err != nil {
		return cfg, Usage(err)
	}
	return cfg, nil
}

// Open opens Weft for a command.
func (e *Env) Open(ctx context.Context, opt app.Options, more ...config.Override) (*app.App, error) {
	cfg, err := e.Config(more...)
	if err != nil {
		return nil, err
	}
	if opt.Log == nil {
		opt.Log = telemetry.NewLogger(e.Stderr, cfg.Log)
	}
	return app.New(ctx, cfg, opt)
}

// EndRegardless ends the process when draining, which begins with ctx's end,
// takes longer than it may: a step that hangs must not hold up a restart.
func EndRegardless(ctx context.Context, drain time.Duration) {
	context.AfterFunc(ctx, func() {
		time.AfterFunc(drain+10*time.Second, func() { os.Exit(ExitUnavailable) })
	})
}

// Print writes v as JSON, or lets text write it for people.
func (e *Env) Print(v any, text func(io.Writer) error) error {
	if !e.JSON {
		return text(e.Stdout)
	}
	enc := json.NewEncoder(e.Stdout)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

type usageError struct{ error }

func (u usageError) Unwrap() error { return u.error }

// Usage marks an error as the caller's.
func Usage(err error) error { return usageError{err} }

// Run runs a command until it ends or a signal comes, and returns the exit code.
func (e *Env) Run(cmd *cobra.Command, args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	cmd.SetArgs(args)
	cmd.SetOut(e.Stdout)
	cmd.SetErr(e.Stderr)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return Usage(fmt.Errorf("%w\n%q explains the flags", err, c.CommandPath()+" --help"))
	})
	err := cmd.ExecuteContext(ctx)
	if err == nil {
		return ExitOK
	}
	if !errors.Is(err, ErrBadInput) {
		fmt.Fprintln(e.Stderr, strings.TrimSpace(err.Error()))
	}
	return exitCode(err)
}

func exitCode(err error) int {
	var u usageError
	var f *models.Fault
	switch {
	case errors.As(err, &u), errors.Is(err, app.ErrNotBuiltIn), errors.Is(err, app.ErrRunning):
		return ExitUsage
	case errors.Is(err, app.ErrNotRunning), errors.As(err, &f) && f.Class == models.Unavailable:
		return ExitUnavailable
	default:
		return ExitBadInput
	}
}

// Main is the body of a command's main function.
func Main(build func(*Env) *cobra.Command) {
	env := &Env{Stdout: os.Stdout, Stderr: os.Stderr, Environ: os.Environ()}
	cmd := build(env)
	env.Flags(cmd)
	os.Exit(env.Run(cmd, os.Args[1:]))
}
