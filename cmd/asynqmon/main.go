// Command asynqmon serves the user interface of the queues behind Weft's
// login: read-only unless the user is an operator.
package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"weft/internal/app"
	"weft/internal/cli"
)

func main() { cli.Main(command) }

func command(env *cli.Env) *cobra.Command {
	var listen string
	cmd := &cobra.Command{
		Use:   "asynqmon",
		Short: "Serve asynqmon, the queues' user interface, behind a login",
		Long: `Serve asynqmon, the queues' user interface, behind a login. Viewers can look;
operators can also pause queues, and run or delete tasks. Each task names the
post it stands for, and /posts/ID shows that post's journey.

Log in with a key of the API; "api key create NAME --role operator" makes one.
With embedded documents an admin's key is made at the first start and printed once.

` + cli.ExitHelp,
		Example: "  asynqmon --data weft-data\n  asynqmon --config weft.yaml --listen 127.0.0.1:8081",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := env.Open(cmd.Context(), app.Options{Service: "weft-asynqmon"})
			if err != nil {
				return err
			}
			defer a.Close()
			first, err := a.FirstKey(cmd.Context())
			if err != nil {
				return err
			}
			guard, err := a.Guard()
			if err != nil {
				return err
			}
			h, err := a.Monitor(guard)
			if err != nil {
				return err
			}
			if listen == "" {
				listen = a.Config.Monitor.Listen
			}
			return a.Serve(cmd.Context(), listen, h, func(url string) {
				fmt.Fprintf(env.Stderr, "asynqmon: %s\n", url)
				if first != "" {
					fmt.Fprintf(env.Stderr, "admin's key: %s (shown this once)\n", first)
				}
			})
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "", "address to listen on (default monitor.listen)")
	return cmd
}
