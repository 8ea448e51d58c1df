package main

import (
	"errors"
	"fmt"
	"io"
	"os/user"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"weft/internal/app"
	"weft/internal/cli"
	"weft/models"
)

func keyCommand(env *cli.Env) *cobra.Command {
	cmd := &cobra.Command{Use: "key", Short: "Hand out keys to the API and the monitor, and take them back"}
	cmd.AddCommand(keyCreateCommand(env), keyListCommand(env), keyRevokeCommand(env))
	return cmd
}

func keyCreateCommand(env *cli.Env) *cobra.Command {
	var role string
	var life time.Duration
	cmd := &cobra.Command{
		Use:     "create NAME",
		Short:   "Make a key",
		Long:    "Make a key. It is shown once; the document store gets its hash alone.",
		Example: "  api key create ana --role analyst\n  api key create ci --role operator --expires 720h",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := env.Open(cmd.Context(), app.Options{Service: "weft-api", NoQueue: true})
			if err != nil {
				return err
			}
			defer a.Close()
			if life < 0 || !models.Role(role).Known() {
				return cli.Usage(fmt.Errorf("--role %q, --expires %s: roles are %v, and a key ends in time to come", role, life, models.Roles()))
			}
			shown, k, err := a.CreateKey(cmd.Context(), args[0], models.Role(role), life, "command line: "+userName())
			if err != nil {
				return err
			}
			made := map[string]string{"id": k.ID, "name": k.Name, "role": string(k.Role), "key": shown}
			return env.Print(made, func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "%s (%s, for %s; shown this once)\n", shown, k.Role, k.Name)
				return err
			})
		},
	}
	cmd.Flags().StringVar(&role, "role", "viewer", "viewer, labeler, analyst, operator or admin")
	cmd.Flags().DurationVar(&life, "expires", 0, "the key ends after this long (default never)")
	return cmd
}

func keyListCommand(env *cli.Env) *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List all keys, the newest first",
		Example: "  api key list --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := env.OpenExisting(cmd.Context(), app.Options{Service: "weft-api", NoQueue: true})
			if err != nil {
				return err
			}
			defer a.Close()
			all, err := a.Documents.Keys(cmd.Context())
			if err != nil {
				return err
			}
			for i := range all {
				all[i].Hash = ""
			}
			return env.Print(all, func(w io.Writer) error { return writeKeys(w, all) })
		},
	}
}

func writeKeys(w io.Writer, all []models.APIKey) error {
	tw := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(tw, "id\tname\trole\tcreated\tused\tends")
	day := func(t time.Time) string {
		if t.IsZero() {
			return "never"
		}
		return t.UTC().Format("2006-01-02 15:04")
	}
	for _, k := range all {
		ends := day(k.ExpiresAt)
		if !k.RevokedAt.IsZero() {
			ends = "revoked " + day(k.RevokedAt)
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\t%s\n", k.ID, k.Name, k.Role, day(k.CreatedAt), day(k.UsedAt), ends)
	}
	return tw.Flush()
}

func keyRevokeCommand(env *cli.Env) *cobra.Command {
	return &cobra.Command{
		Use:     "revoke ID",
		Short:   "End a key for ever",
		Long:    "End a key, and the sessions that it began. Running processes notice within five seconds.",
		Example: "  api key revoke k3jd92kfma",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := env.OpenExisting(cmd.Context(), app.Options{Service: "weft-api", NoQueue: true})
			if err != nil {
				return err
			}
			defer a.Close()
			err = a.RevokeKey(cmd.Context(), args[0])
			if errors.Is(err, models.ErrNotFound) {
				return cli.Usage(fmt.Errorf("no key %q; \"api key list\" lists them", args[0]))
			}
			return err
		},
	}
}

func userName() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "somebody"
}
