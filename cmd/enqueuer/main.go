// Command enqueuer brings posts into the pipeline and looks after them there:
// it crawls, imports, reanalyzes, replays, reconciles, checks profiles, takes labels,
// forgets and shows where everything stands.
package main

import (
	"github.com/spf13/cobra"

	"weft/internal/cli"
)

func main() { cli.Main(command) }

func command(env *cli.Env) *cobra.Command {
	root := &cobra.Command{
		Use:   "enqueuer",
		Short: "Bring posts into the pipeline, and look after them",
		Long: `Bring posts into the pipeline, and look after them there.

With the embedded set-up, give the data folder of the running ` + "`weft up`" + ` or
` + "`weft demo`" + ` with --data.

` + cli.ExitHelp,
		Example: `  enqueuer import --profile tendencies photos/
  enqueuer status
  enqueuer post show file.0042
  enqueuer profile simulate my-profile.yaml --posts posts.ndjson`,
	}
	root.AddCommand(
		crawlCommand(env), importCommand(env), parseCommand(env), reanalyzeCommand(env), replayCommand(env), reconcileCommand(env),
		profileCommand(env), labelCommand(env), forgetCommand(env), statusCommand(env), postCommand(env),
	)
	return root
}
