package main

import (
	"errors"
	"fmt"
	"io"
	"os/user"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"weft/internal/app"
	"weft/internal/cli"
	"weft/models"
)

func labelCommand(env *cli.Env) *cobra.Command {
	cmd := &cobra.Command{Use: "label", Short: "List questions to people, answer them, and export the answers"}
	cmd.AddCommand(labelListCommand(env), labelAnswerCommand(env), labelExportCommand(env))
	return cmd
}

func labelListCommand(env *cli.Env) *cobra.Command {
	var profile string
	var limit int
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the questions that want an answer, the most valuable first",
		Example: "  enqueuer label list --profile quality --limit 20",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if limit < 1 {
				return cli.Usage(fmt.Errorf("--limit %d: give at least 1", limit))
			}
			a, err := env.OpenExisting(cmd.Context(), app.Options{Service: "weft-enqueuer"})
			if err != nil {
				return err
			}
			defer a.Close()
			items, err := a.Desk.Open(cmd.Context(), profile, limit)
			if err != nil {
				return err
			}
			return env.Print(items, func(w io.Writer) error { return writeItems(w, items) })
		},
	}
	cmd.Flags().StringVarP(&profile, "profile", "p", "", "only of this profile")
	cmd.Flags().IntVar(&limit, "limit", 50, "at most so many")
	return cmd
}

func writeItems(w io.Writer, items []models.Item) error {
	tw := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(tw, "item\tpost\tprofile\tasks for (suggested)\twhy")
	for _, it := range items {
		var asks []string
		for _, q := range it.Questions {
			ask := q.Attribute
			if len(q.Suggestion) > 0 {
				ask += "=" + strings.Join(q.Suggestion, "|")
			}
			asks = append(asks, ask)
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\n", it.ID, it.Post, it.Profile, strings.Join(asks, " "), it.Reason)
	}
	return tw.Flush()
}

func labelAnswerCommand(env *cli.Env) *cobra.Command {
	var by, skip string
	var accept bool
	cmd := &cobra.Command{
		Use:   "answer ITEM [ATTRIBUTE=VALUE[,VALUE…]]…",
		Short: "Answer a question",
		Long: `Answer a question. Every attribute that it asks for wants an answer; ATTRIBUTE=
with nothing behind it says that there is none. --accept takes the suggestions
for what is not given. The answer is durable when the command returns; the
waiting run then goes on.`,
		Example: `  enqueuer label answer i3f2a color=navy garment=dress brand=
  enqueuer label answer i3f2a --accept
  enqueuer label answer i3f2a --skip "several people"`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			values, err := parseValues(args[1:])
			if err != nil {
				return err
			}
			if skip != "" && (accept || len(values) > 0) {
				return cli.Usage(errors.New("--skip goes without answers and without --accept"))
			}
			if by == "" {
				return cli.Usage(errors.New("--by: an answer needs the name of who gives it"))
			}
			a, err := env.OpenExisting(cmd.Context(), app.Options{Service: "weft-enqueuer"})
			if err != nil {
				return err
			}
			defer a.Close()
			answer := models.Answer{By: by, Skip: skip, Values: values}
			if accept {
				it, err := a.Documents.Item(cmd.Context(), args[0])
				if err != nil {
					return fmt.Errorf("item %s: %w", args[0], err)
				}
				suggest(it, answer)
			}
			it, err := a.Desk.Answer(cmd.Context(), args[0], answer)
			if err != nil {
				return err
			}
			return env.Print(it, func(w io.Writer) error {
				verdict, _ := it.Judge()
				_, err := fmt.Fprintf(w, "%s: %d of %d answers, %s\n", it.ID, len(it.Answers), it.Wanted, verdict)
				return err
			})
		},
	}
	cmd.Flags().StringVar(&by, "by", userName(), "who answers")
	cmd.Flags().StringVar(&skip, "skip", "", "skip the item, for this reason")
	cmd.Flags().BoolVar(&accept, "accept", false, "accept the suggestions")
	return cmd
}

// parseValues reads ATTRIBUTE=VALUE[,VALUE…] arguments.
func parseValues(args []string) (map[string][]string, error) {
	values := map[string][]string{}
	for _, arg := range args {
		name, list, ok := strings.Cut(arg, "=")
		if !ok || name == "" {
			return nil, cli.Usage(fmt.Errorf("%q: write it as ATTRIBUTE=VALUE, or ATTRIBUTE= for none", arg))
		}
		if _, twice := values[name]; twice {
			return nil, cli.Usage(fmt.Errorf("%s is answered twice: write several values as %s=ONE,OTHER", name, name))
		}
		values[name] = []string{}
		if list != "" {
			values[name] = strings.Split(list, ",")
		}
	}
	return values, nil
}

// suggest fills in the suggestions for what is not answered.
func suggest(it models.Item, a models.Answer) {
	for _, q := range it.Questions {
		if _, given := a.Values[q.Attribute]; !given {
			a.Values[q.Attribute] = append([]string{}, q.Suggestion...)
		}
	}
}

func userName() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return ""
}
