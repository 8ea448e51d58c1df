// Command asynqmon serves the user interface of the queues behind Weft's
// login: read-only unless the user is an operator.
package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"os"

	"weft/internal/app"
	"weft/internal/cli"
	"weft/queue/monitor"
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

Users are in the configuration (monitor.users); "asynqmon password" makes the
hash. With the embedded set-up and no users, an operator is made at the first
start and the password is printed once.

` + cli.ExitHelp,
		Example: "  asynqmon --data weft-data\n  asynqmon --config weft.yaml --listen 127.0.0.1:8081\n  asynqmon password",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := env.Open(cmd.Context(), app.Options{Service: "weft-asynqmon"})
			if err != nil {
				return err
			}
			defer a.Close()
			users, password, err := a.Operator(cmd.Context())
			if err != nil {
				return cli.Usage(err)
			}
			h, err := a.Monitor(users)
			if err != nil {
				return err
			}
			if listen == "" {
				listen = a.Config.Monitor.Listen
			}
			return app.ServeMonitor(cmd.Context(), listen, h, func(url string) {
				fmt.Fprintf(env.Stderr, "asynqmon: %s\n", url)
				if password != "" {
					fmt.Fprintf(env.Stderr, "log in as operator with %s (shown this once)\n", password)
				}
			})
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "", "address to listen on (default monitor.listen)")
	cmd.AddCommand(passwordCommand(env))
	return cmd
}

func passwordCommand(env *cli.Env) *cobra.Command {
	return &cobra.Command{
		Use:   "password",
		Short: "Hash a password for monitor.users",
		Args:  cobra.NoArgs,
		RunE: func(_ *cobra.Command, _ []string) error {
			fmt.Fprint(env.Stderr, "password: ")
			password, err := term.ReadPassword(int(os.Stdin.Fd()))
			fmt.Fprintln(env.Stderr)
			if err != nil {
				return cli.Usage(errors.New("asynqmon password wants a terminal to read from"))
			}
			hash, err := monitor.HashPassword(string(password))
			if err != nil {
				return cli.Usage(err)
			}
			_, err = fmt.Fprintln(env.Stdout, hash)
			return err
		},
	}
}
