package mongo

import (
	"errors"
	"testing"

	"go.mongodb.org/mongo-driver/v2/mongo"
)

// Writes that found their document being made by another process are tried
// again, alone; whatever else went wrong is for the caller.
func TestRacedWritesAreTriedAgain(t *testing.T) {
	ws := []mongo.WriteModel{mongo.NewUpdateOneModel(), mongo.NewUpdateOneModel(), mongo.NewUpdateOneModel()}
	failed := func(index, code int) mongo.BulkWriteError {
		return mongo.BulkWriteError{WriteError: mongo.WriteError{Index: index, Code: code}}
	}
	const duplicate, other = 11000, 50
	for _, c := range []struct {
		name string
		err  error
		want []mongo.WriteModel
	}{
		{"nothing failed", nil, nil},
		{"one raced", mongo.BulkWriteException{WriteErrors: []mongo.BulkWriteError{failed(1, duplicate)}}, ws[1:2]},
		{"two raced", mongo.BulkWriteException{WriteErrors: []mongo.BulkWriteError{failed(1, duplicate), failed(2, duplicate)}}, ws[1:]},
		{"one failed otherwise", mongo.BulkWriteException{WriteErrors: []mongo.BulkWriteError{failed(1, duplicate), failed(2, other)}}, nil},
		{"not durable", mongo.BulkWriteException{WriteErrors: []mongo.BulkWriteError{failed(1, duplicate)}, WriteConcernError: &mongo.WriteConcernError{}}, nil},
		{"the connection broke", errors.New("EOF"), nil},
	} {
		got := raced(c.err, ws)
		if len(got) != len(c.want) {
			t.Errorf("%s: %d are tried again, want %d", c.name, len(got), len(c.want))
			continue
		}
		for i := range got {
			if got[i] != c.want[i] {
				t.Errorf("%s: another write is tried again", c.name)
			}
		}
	}
}
