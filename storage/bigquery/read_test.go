package bigquery_test

import (
	"bytes"
	"context"
	"net"
	"net/url"
	"strings"
	"testing"

	"cloud.google.com/go/bigquery/storage/apiv1/storagepb"
	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/ipc"
	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"

	sim "weft/internal/sim/bigquery"
)

// reader is a Storage Read API, of tables of one column that all hold one value.
// The emulator's knows no answers of queries, which is what we read by it.
type reader struct {
	storagepb.UnimplementedBigQueryReadServer

	schema, batch []byte
	asked         []string
}

func newReader(t *testing.T, name, value string) *reader {
	t.Helper()
	schema := arrow.NewSchema([]arrow.Field{{Name: name, Type: arrow.BinaryTypes.String}}, nil)
	build := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	build.Field(0).(*array.StringBuilder).Append(value)
	const end = 8 // bytes that end a stream; the API sends schema and rows without
	var empty, full bytes.Buffer
	if err := ipc.NewWriter(&empty, ipc.WithSchema(schema)).Close(); err != nil {
		t.Fatal(err)
	}
	w := ipc.NewWriter(&full, ipc.WithSchema(schema))
	if err := w.Write(build.NewRecord()); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	head := empty.Len() - end
	return &reader{schema: full.Bytes()[:head], batch: full.Bytes()[head : full.Len()-end]}
}

func (r *reader) CreateReadSession(_ context.Context, q *storagepb.CreateReadSessionRequest) (*storagepb.ReadSession, error) {
	r.asked = append(r.asked, q.GetReadSession().GetTable())
	return &storagepb.ReadSession{
		Name: "session", Streams: []*storagepb.ReadStream{{Name: "session/streams/1"}},
		Schema: &storagepb.ReadSession_ArrowSchema{ArrowSchema: &storagepb.ArrowSchema{SerializedSchema: r.schema}},
	}, nil
}

func (r *reader) ReadRows(_ *storagepb.ReadRowsRequest, stream storagepb.BigQueryRead_ReadRowsServer) error {
	return stream.Send(&storagepb.ReadRowsResponse{
		RowCount: 1,
		Rows:     &storagepb.ReadRowsResponse_ArrowRecordBatch{ArrowRecordBatch: &storagepb.ArrowRecordBatch{SerializedRecordBatch: r.batch}},
	})
}

// TestStorageRead: the switch decides which of two APIs an answer comes by.
func TestStorageRead(t *testing.T) {
	read := newReader(t, "post", "by gRPC")
	server := grpc.NewServer()
	storagepb.RegisterBigQueryReadServer(server, read)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)

	o := serve(t, &sim.Server{Fields: []string{"post"}, Rows: [][]string{{"by REST"}}})
	o.URL += "&grpc=" + url.QueryEscape(listener.Addr().String())
	for _, on := range []bool{false, true} {
		o.StorageRead = on
		names, rows, err := open(t, o).Query(t.Context(), `SELECT post FROM posts WHERE dt >= '2026-01-01'`)
		if err != nil {
			t.Fatal(err)
		}
		want := [][]any{{map[bool]string{false: "by REST", true: "by gRPC"}[on]}}
		if diff := cmp.Diff(want, rows); diff != "" || !cmp.Equal(names, []string{"post"}) {
			t.Errorf("with the switch at %v: %v %s", on, names, diff)
		}
	}
	if len(read.asked) != 1 || !strings.HasPrefix(read.asked[0], "projects/proj/datasets/_answers/tables/weft_") {
		t.Errorf("sessions of %v, want one of the query's answer", read.asked)
	}
}
