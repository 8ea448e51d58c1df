package cli

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"weft/internal/app"
	"weft/models"
)

func TestExitCode(t *testing.T) {
	for _, c := range []struct {
		err  error
		want int
	}{
		{errors.New("a broken record"), ExitBadInput},
		{models.Faultf(models.Permanent, "a broken image"), ExitBadInput},
		{Usage(errors.New("no such flag")), ExitUsage},
		{fmt.Errorf("app: %w at 127.0.0.1:1", app.ErrRunning), ExitUsage},
		{fmt.Errorf("app: listen: %w", &net.OpError{Op: "listen", Err: errors.New("address in use")}), ExitUsage},
		{fmt.Errorf("app: redis: %w", &net.OpError{Op: "dial", Err: errors.New("refused")}), ExitBadInput},
		{fmt.Errorf("open: %w", app.ErrNotRunning), ExitUnavailable},
		{fmt.Errorf("open: %w", models.Faultf(models.Unavailable, "redis at a:1")), ExitUnavailable},
	} {
		if got := exitCode(c.err); got != c.want {
			t.Errorf("%v: exit %d, want %d", c.err, got, c.want)
		}
	}
}

// A call that can't begin is the caller's mistake, whoever finds it.
func TestRunRefusesTheCall(t *testing.T) {
	for _, c := range []struct {
		args   string
		want   int
		stderr string
	}{
		{"", ExitOK, ""},
		{"group", ExitOK, ""},
		{"group leaf x", ExitOK, ""},
		{"nothing", ExitUsage, `unknown command "nothing"`},
		{"group nothing", ExitUsage, `unknown command "nothing" for "root group"`},
		{"group leaf", ExitUsage, `"root group leaf --help" explains the call`},
		{"group leaf x --odd", ExitUsage, "unknown flag: --odd"},
		{"group needs", ExitUsage, `required flag(s) "must" not set`},
		{"group fails", ExitBadInput, "a broken record"},
	} {
		var stderr strings.Builder
		env := &Env{Stdout: io.Discard, Stderr: &stderr}
		if got := env.Run(tree(), strings.Fields(c.args)); got != c.want || !strings.Contains(stderr.String(), c.stderr) {
			t.Errorf("%q: exit %d, want %d; stderr %q, want %q in it", c.args, got, c.want, stderr.String(), c.stderr)
		}
	}
}

func tree() *cobra.Command {
	fine := func(*cobra.Command, []string) error { return nil }
	needs := &cobra.Command{Use: "needs", RunE: fine}
	needs.Flags().String("must", "", "")
	_ = needs.MarkFlagRequired("must") // the flag is there
	group := &cobra.Command{Use: "group"}
	group.AddCommand(needs, &cobra.Command{Use: "leaf", Args: cobra.ExactArgs(1), RunE: fine},
		&cobra.Command{Use: "fails", RunE: func(*cobra.Command, []string) error { return errors.New("a broken record") }})
	root := &cobra.Command{Use: "root"}
	root.AddCommand(group)
	return root
}

func TestPrintHoldsNothingThatSteersATerminal(t *testing.T) {
	var stdout strings.Builder
	env := &Env{Stdout: &stdout}
	err := env.Print(nil, func(w io.Writer) error {
		_, err := io.WriteString(w, "红\t\x1b[31mred\x1b]0;t\a\r\u009b1m \u202egnp \xff\n")
		return err
	})
	if want := "红\t\uFFFD[31mred\uFFFD]0;t\uFFFD\uFFFD\uFFFD1m \uFFFDgnp \uFFFD\n"; err != nil || stdout.String() != want {
		t.Errorf("got %q, %v; want %q", stdout.String(), err, want)
	}
}
