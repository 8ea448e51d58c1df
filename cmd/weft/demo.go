package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"weft/internal/app"
	"weft/internal/app/native"
	"weft/internal/cli"
	"weft/internal/config"
	"weft/internal/demo"
	"weft/internal/telemetry"
	"weft/web"
)

// hurry makes the demo's housekeeping keep pace with somebody who watches.
func hurry() []config.Override {
	return []config.Override{
		{Key: "archive.min_age", Value: "5s"},
		{Key: "archive.interval", Value: "2s"},
		{Key: "reconcile.interval", Value: "1s"},
		{Key: "queue.check_interval", Value: "20ms"},
		{Key: "drain", Value: "130s"},
		{Key: "images.allow", Value: "127.0.0.0/8"}, // where the made-up networks are
		{Key: "crawl.recheck_every", Value: "1s"},
		{Key: "crawl.backoff", Value: "100ms"},
	}
}

func demoCommand(env *cli.Env) *cobra.Command {
	var opt demo.Options
	var exit bool
	var listen string
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Watch made-up posts of known truth go through the whole chain",
		Long: `Make posts of known truth (rendered garments, captions in several languages,
authors in many places, some images broken on purpose), import them through the
three profiles that ship, and watch them go through the whole chain, offline and
on the embedded stores. A simulated labeler answers most questions. Then it
counts what was found against the truth, collects from two made-up networks on
loopback on which people write, edit and delete, and stays up until Ctrl-C.

--json prints one object and nothing else on stdout: admitted, done, parked,
dropped, failed, broken (on purpose), seconds, posts_per_second, by_step; beside
them collected: {posts, edited, deleted, seconds}, which are not counted there, and
cascade: {posts, went_on, spared, cpu_seconds, always_heavy_cpu_seconds, saved_cpu_seconds},
what it saved to ask the costly garment model only where the cheap one was unsure.`,
		Example: "  weft demo\n  weft demo --photos ~/photos\n  weft demo --posts 1000 --exit --json --data /tmp/demo",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			opt.Tally = &demo.Tally{}
			a, err := openDemo(cmd.Context(), env, opt.Tally)
			if err != nil {
				return err
			}
			defer a.Close()
			opt.Dir, opt.Stderr = filepath.Join(a.Config.Data, "demo-import"), env.Stderr
			return runDemo(cmd.Context(), env, a, opt, exit, listen)
		},
	}
	f := cmd.Flags()
	f.IntVar(&opt.Posts, "posts", 300, "how many posts")
	f.Uint64Var(&opt.Seed, "seed", 1, "another seed makes other posts")
	f.StringVar(&opt.Photos, "photos", "", "take photos from this folder instead of rendering; sub-folders named after garments are the truth")
	f.BoolVar(&opt.Ask, "ask", false, "leave all questions open, for whoever tries the labeling")
	f.BoolVar(&exit, "exit", false, "end when the posts are through")
	f.StringVar(&listen, "listen", "", "address of the user interface (default api.listen)")
	return cmd
}

// openDemo opens Weft in a folder that no earlier demo has used.
func openDemo(ctx context.Context, env *cli.Env, tally *demo.Tally) (*app.App, error) {
	cfg, err := env.Config(append(hurry(), config.Override{Key: "log.level", Value: "warn"})...)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(cfg.Data, "documents.db")); err == nil {
		return nil, cli.Usage(fmt.Errorf("%s holds data already: remove it, or choose another folder with --data", cfg.Data))
	}
	a, err := app.New(ctx, cfg, app.Options{Service: "weft-demo", Host: true, Record: tally, ONNX: native.ONNX, History: openHistory, Log: telemetry.NewLogger(env.Stderr, cfg.Log)})
	if err != nil {
		return nil, err
	}
	missing, err := a.Models.Declared.Open(ctx)
	for _, why := range missing { // its posts would wait for ever, and nobody would know for what
		err = cmp.Or(err, why)
	}
	if err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

// runDemo runs the demo beside the workers, and stays up unless it is to exit.
func runDemo(ctx context.Context, env *cli.Env, a *app.App, opt demo.Options, exit bool, listen string) error {
	if listen == "" {
		listen = a.Config.API.Listen
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	working, login := make(chan error, 1), make(chan string, 1)
	go func() {
		defer cancel() // without workers the posts would wait for ever
		if exit {
			working <- a.Work(ctx)
			return
		}
		working <- up(ctx, env, a, listen, func(url, key string) { login <- url + web.Root + "#key=" + key })
	}()
	result, err := demo.Run(ctx, a, opt)
	if err == nil {
		err = env.Print(result, func(w io.Writer) error {
			return errors.Join(result.WriteText(w), tryNext(w, a, result.Example), visit(w, login, exit))
		})
	}
	if err == nil && len(result.Problems) > 0 {
		err = fmt.Errorf("%d posts failed that were not broken on purpose", len(result.Problems))
	}
	if err == nil && !exit {
		<-ctx.Done()
	}
	cancel()
	return errors.Join(err, <-working)
}

// tryNext says where everything is, and what to try.
func tryNext(w io.Writer, a *app.App, post string) error {
	data := a.Config.Data
	_, err := fmt.Fprintf(w, `
The history is Parquet, by day and source: %s
All data lies in %s. Try next, in another terminal:
  bin/enqueuer post show %s --data %s
  bin/enqueuer label list --data %s
  bin/weft query --data %s "SELECT profile, count(*) AS posts FROM posts GROUP BY ALL"
`, a.HistoryDir, data, post, data, data, data)
	return err
}

// visit says where the web app is, with a link that logs in: what is behind its #
// no browser sends to any server.
func visit(w io.Writer, login <-chan string, exit bool) error {
	if exit {
		return nil
	}
	select {
	case link := <-login:
		_, err := fmt.Fprintf(w, "\nThe web app, logged in as admin: %s\nIt stays up until Ctrl-C.\n", link)
		return err
	default: // it could not listen, and says so when it ends
		_, err := fmt.Fprintln(w, "It stays up until Ctrl-C.")
		return err
	}
}
