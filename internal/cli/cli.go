// Package cli is what Weft's commands share: the flags that choose a
// configuration, the exit codes, and how results are printed.
package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
	"unicode"

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

// OpenExisting is Open for commands that look at what is there: a data folder
// that nobody has written to is a slip in --data, and not to be made.
func (e *Env) OpenExisting(ctx context.Context, opt app.Options) (*app.App, error) {
	cfg, err := e.Config()
	if err != nil {
		return nil, err
	}
	if name, embedded := strings.CutPrefix(cfg.Documents.URL, "sqlite:"); embedded {
		if _, err := os.Stat(name); errors.Is(err, fs.ErrNotExist) {
			return nil, Usage(fmt.Errorf("no data in %s yet: give the folder of `weft up` with --data, or import some posts first", filepath.Dir(name)))
		}
	}
	return e.Open(ctx, opt)
}

// EndRegardless ends the process when draining, which begins with ctx's end,
// takes longer than it may: a step that hangs must not hold up a restart.
func EndRegardless(ctx context.Context, drain time.Duration) {
	context.AfterFunc(ctx, func() {
		time.AfterFunc(drain+10*time.Second, func() { os.Exit(ExitUnavailable) })
	})
}

// Print writes v as JSON, or lets text write it for people, without what posts
// may bring along to play tricks on a terminal.
func (e *Env) Print(v any, text func(io.Writer) error) error {
	if !e.JSON {
		var b strings.Builder
		err := text(&b)
		_, werr := io.WriteString(e.Stdout, Printable(b.String()))
		return errors.Join(err, werr)
	}
	enc := json.NewEncoder(e.Stdout)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// Printable replaces what steers a terminal, or turns the order of text round;
// line breaks and tabs stay.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)) {
			return unicode.ReplacementChar
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}

type usageError struct{ error }

func (u usageError) Unwrap() error { return u.error }

// Usage marks an error as the caller's.
func Usage(err error) error { return usageError{err} }

// Run runs a command until it ends or a signal comes, and returns the exit code.
func (e *Env) Run(cmd *cobra.Command, args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	cmd.SetArgs(args)
	cmd.SetOut(e.Stdout)
	cmd.SetErr(e.Stderr)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return Usage(fmt.Errorf("%w\n%q explains the flags", err, c.CommandPath()+" --help"))
	})
	begun := false
	prepare(cmd, &begun)
	at, err := cmd.ExecuteContextC(ctx)
	if err == nil {
		return ExitOK
	}
	var u usageError
	if !begun && !errors.As(err, &u) {
		err = Usage(fmt.Errorf("%w\n%q explains the call", err, at.CommandPath()+" --help"))
	}
	if !errors.Is(err, ErrBadInput) {
		fmt.Fprintln(e.Stderr, Printable(strings.TrimSpace(err.Error())))
	}
	return exitCode(err)
}

// prepare notes in begun when a command starts: errors before are the call's.
// Commands that only group others refuse what they don't know; cobra would
// print their help and be content.
func prepare(cmd *cobra.Command, begun *bool) {
	for _, c := range cmd.Commands() {
		if !c.Runnable() {
			c.DisableFlagsInUseLine = true
			c.RunE = func(c *cobra.Command, args []string) error {
				if len(args) == 0 {
					return c.Help()
				}
				return Usage(fmt.Errorf("unknown command %q for %q\n%q lists them", args[0], c.CommandPath(), c.CommandPath()+" --help"))
			}
		}
		prepare(c, begun)
	}
	if run := cmd.RunE; run != nil {
		cmd.RunE = func(c *cobra.Command, args []string) error {
			*begun = true
			return run(c, args)
		}
	}
}

func exitCode(err error) int {
	var u usageError
	var f *models.Fault
	var n *net.OpError
	switch {
	case errors.As(err, &u), errors.As(err, &n) && n.Op == "listen", errors.Is(err, app.ErrRunning):
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
	cmd.Version = Version()
	cmd.AddCommand(healthCommand())
	env.Flags(cmd)
	os.Exit(env.Run(cmd, os.Args[1:]))
}
