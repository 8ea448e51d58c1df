package bigquery

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	bq "cloud.google.com/go/bigquery"
	"google.golang.org/api/googleapi"

	"weft/models"
)

// passing are BigQuery's reasons that have to do with it and its quotas, not with
// what was asked: https://cloud.google.com/bigquery/docs/error-messages.
func passing(reason string) bool {
	return slices.Contains([]string{
		"backendError", "internalError", "jobBackendError", "jobInternalError", "rateLimitExceeded", "jobRateLimitExceeded",
		"quotaExceeded", "tableUnavailable", "resourceInUse", "timeout", "stopped",
	}, reason)
}

// fault classifies an error of a call or of a job. ctx is the caller's: if it has
// ended, nothing is known about BigQuery.
func fault(ctx context.Context, what string, err error) error {
	var answer *googleapi.Error
	var job *bq.Error
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("bigquery: %s: %w", what, ctx.Err())
	case errors.As(err, &answer):
		return answered(what, answer)
	case errors.As(err, &job):
		at := ""
		if job.Location != "" {
			at = " at " + job.Location
		}
		if job.Reason == "notFound" {
			return models.Faultf(models.Permanent, "bigquery: %s: %s%s: %w", what, job.Message, at, models.ErrNotFound)
		}
		return models.Faultf(classOf(job.Reason), "bigquery: %s: %s%s: %s", what, job.Reason, at, job.Message)
	default: // no answer, or none that could be read
		return models.Faultf(models.Unavailable, "bigquery: %s: %w", what, err)
	}
}

// unknown makes an error permanent no more: a job was begun, and nobody could say
// how it went, so that it must not be taken for one that has ended.
func unknown(err error) error {
	if err == nil || models.ClassOf(err) != models.Permanent {
		return err
	}
	return models.Faultf(models.Unavailable, "%w (how the job went is not known)", err)
}

func classOf(reason string) models.Class {
	if passing(reason) {
		return models.Unavailable
	}
	return models.Permanent
}

// answered classifies what BigQuery's API answered.
func answered(what string, answer *googleapi.Error) error {
	reason, message := http.StatusText(answer.Code), answer.Message
	if len(answer.Errors) > 0 {
		reason = answer.Errors[0].Reason
	}
	if message == "" {
		message = fmt.Sprintf("HTTP %d", answer.Code)
	}
	switch {
	case passing(reason), answer.Code >= 500, answer.Code == http.StatusTooManyRequests, answer.Code == http.StatusRequestTimeout:
		return models.Faultf(models.Unavailable, "bigquery: %s: %s: %s", what, reason, message)
	case answer.Code == http.StatusNotFound:
		return models.Faultf(models.Permanent, "bigquery: %s: %s: %w", what, message, models.ErrNotFound)
	case answer.Code == http.StatusConflict, answer.Code == http.StatusPreconditionFailed:
		return models.Faultf(models.Permanent, "bigquery: %s: %s: %w", what, message, models.ErrConflict)
	default:
		return models.Faultf(models.Permanent, "bigquery: %s: %s: %s", what, reason, message)
	}
}
