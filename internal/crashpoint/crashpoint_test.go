package crashpoint_test

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"weft/internal/crashpoint"
)

const victim = "CRASHPOINT_VICTIM"

// TestMain turns the test binary into the process to be killed when asked to.
func TestMain(m *testing.M) {
	if os.Getenv(victim) == "" {
		os.Exit(m.Run())
	}
	points, err := crashpoint.New(crashpoint.MoveSaved, 3, nil)
	if err != nil {
		fmt.Println(err)
		os.Exit(2)
	}
	defer fmt.Println("deferred")
	for i := 1; i <= 5; i++ {
		points.Hit(crashpoint.RunLoaded)
		points.Hit(crashpoint.MoveSaved)
		fmt.Println("survived", i)
	}
}

func TestHitKillsTheProcess(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), victim+"=1")
	out, err := cmd.Output()
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		t.Fatalf("the process ended with %v, want a signal; it said %q", err, out)
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	if !ok || !status.Signaled() || status.Signal() != syscall.SIGKILL {
		t.Errorf("the process ended by %v, want SIGKILL", exit)
	}
	if got, want := string(out), "survived 1\nsurvived 2\n"; got != want {
		t.Errorf("the process said %q, want %q", got, want)
	}
}

func TestHitCountsAcrossGoroutines(t *testing.T) {
	killed := make(chan struct{}, 100)
	points, err := crashpoint.New(crashpoint.StepDone, 50, func() { killed <- struct{}{} })
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() { points.Hit(crashpoint.StepDone) })
	}
	wg.Wait()
	if len(killed) != 1 {
		t.Errorf("killed %d times, want once", len(killed))
	}
}

func TestNilIsNeverHit(t *testing.T) {
	var points *crashpoint.Points
	for _, name := range crashpoint.All() {
		points.Hit(name) // a nil dereference would fail the test
	}
}

func TestNewRefuses(t *testing.T) {
	for _, c := range []struct {
		name string
		nth  int
		want string
	}{
		{"nowhere", 1, `no point "nowhere"`},
		{crashpoint.Projected, 0, "counted from 1"},
	} {
		_, err := crashpoint.New(c.name, c.nth, nil)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("New(%q, %d) = %v, want %q in it", c.name, c.nth, err, c.want)
		}
	}
}

// TestAllIsComplete reads the source: every string constant is in All, once, with a comment.
func TestAllIsComplete(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "crashpoint.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	ast.Inspect(file, func(n ast.Node) bool {
		decl, ok := n.(*ast.GenDecl)
		if !ok || decl.Tok != token.CONST {
			return true
		}
		for _, spec := range decl.Specs {
			v := spec.(*ast.ValueSpec)
			if v.Doc == nil {
				t.Errorf("%s has no comment", v.Names[0].Name)
			}
			name, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, name)
		}
		return false
	})
	all := crashpoint.All()
	slices.Sort(names)
	slices.Sort(all)
	if !slices.Equal(names, all) {
		t.Errorf("constants are %v, All is %v", names, all)
	}
}
