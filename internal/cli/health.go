package cli

import (
	"context"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"weft/models"
)

// healthTimeout bounds the question: whoever asks repeats it.
const healthTimeout = 5 * time.Second

// healthCommand asks a running process how it is, for health checks in
// containers that have no curl.
func healthCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "health URL",
		Short:   "Ask a running process how it is",
		Long:    "Get URL, and exit with 0 if the answer is 200 OK, else with 3. For health checks where there is no curl.",
		Example: "  worker health http://127.0.0.1:9090/readyz",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return health(cmd.Context(), args[0])
		},
	}
}

func health(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return Usage(err)
	}
	// No keep-alive, no proxy: the process is beside us.
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return models.Faultf(models.Unavailable, "health: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return models.Faultf(models.Unavailable, "health: %s answers %s", url, resp.Status)
	}
	return nil
}
