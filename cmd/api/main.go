// Command api serves Weft's HTTP API: search over recent posts, described by
// OpenAPI and documented at /docs/.
package main

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"weft/internal/app"
	"weft/internal/cli"
	"weft/internal/config"
)

func main() { cli.Main(command) }

func command(env *cli.Env) *cobra.Command {
	var listen string
	cmd := &cobra.Command{
		Use:   "api",
		Short: "Serve the HTTP API",
		Long: `Serve the HTTP API until Ctrl-C or SIGTERM; requests that are under way then
come to their end. /docs/ explains it, /openapi.json describes it to programs,
/readyz says which store is away.

Who may ask is in the configuration (api.tokens); "api token NAME" makes one.
Without any, only this machine may.

` + cli.ExitHelp,
		Example: "  api --data weft-data\n  api --config weft.yaml --listen 0.0.0.0:8090\n  api token ana",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var more []config.Override
			if listen != "" {
				more = append(more, config.Override{Key: "api.listen", Value: listen})
			}
			a, err := env.Open(cmd.Context(), app.Options{Service: "weft-api", NoQueue: true}, more...)
			if err != nil {
				return err
			}
			defer a.Close()
			cli.EndRegardless(cmd.Context(), a.Config.Drain)
			return a.ServeAPI(cmd.Context(), func(url string) {
				fmt.Fprintf(env.Stderr, "api: %s, documented at %s/docs/\n", url, url)
			})
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "", "address to listen on (default api.listen)")
	cmd.AddCommand(tokenCommand(env))
	return cmd
}

func tokenCommand(env *cli.Env) *cobra.Command {
	return &cobra.Command{
		Use:     "token NAME",
		Short:   "Make a bearer token for api.tokens",
		Long:    "Make a bearer token. It is shown once; the configuration gets its hash alone.",
		Example: "  api token ana",
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			token := rand.Text()
			sum := sha256.Sum256([]byte(token))
			entry := args[0] + ":" + hex.EncodeToString(sum[:])
			made := map[string]string{"token": token, "entry": entry}
			return env.Print(made, func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "token, for %s alone: %s\nentry of api.tokens:  %s\n", args[0], token, entry)
				return err
			})
		},
	}
}
