package bigquery

import (
	"fmt"
	"net/http"
	"strconv"
	"time"
)

func (s *Server) now() time.Time {
	if s.Clock == nil {
		return time.Now()
	}
	return s.Clock()
}

// begin begins a job, unless its id is taken. A dry run is answered, and is no job.
func (s *Server) begin(about map[string]any) (int, map[string]any) {
	id := fmt.Sprint(at(about, "jobReference", "jobId"))
	if s.jobs[id] != nil {
		return http.StatusConflict, map[string]any{"reason": "duplicate"}
	}
	j := &job{about: about, polls: s.Polls}
	if at(about, "configuration", "dryRun") == true {
		j.done, j.ended = true, s.now()
		return http.StatusOK, s.describe(j)
	}
	if s.jobs == nil {
		s.jobs, s.loaded = map[string]*job{}, map[string]int{}
	}
	s.jobs[id] = j
	if query, ok := at(about, "configuration", "query").(map[string]any); ok {
		query["destinationTable"] = map[string]any{"projectId": at(about, "jobReference", "projectId"), "datasetId": "_answers", "tableId": id}
		s.put("datasets/_answers/tables/"+id, map[string]any{"schema": s.schema(), "tableReference": query["destinationTable"]})
	}
	s.end(id, j)
	return http.StatusOK, s.describe(j)
}

func (s *Server) show(id string) (int, map[string]any) {
	j := s.jobs[id]
	if j == nil {
		return http.StatusNotFound, map[string]any{"reason": "notFound"}
	}
	j.polls--
	s.end(id, j)
	return http.StatusOK, s.describe(j)
}

// end ends a job whose time has come. One that fails brings nothing.
func (s *Server) end(id string, j *job) {
	if j.done || j.polls > 0 {
		return
	}
	j.done, j.ended = true, s.now()
	if s.Fails != nil {
		j.reason = s.Fails(id)
	}
	files, _ := at(j.about, "configuration", "load", "sourceUris").([]any)
	if j.reason != "" {
		return
	}
	for _, file := range files {
		s.loaded[fmt.Sprint(file)]++
	}
}

func (s *Server) describe(j *job) map[string]any {
	statement := s.Statement
	if statement == "" {
		statement = "SELECT"
	}
	size := strconv.FormatInt(s.Bytes, 10)
	status, statistics := map[string]any{"state": "RUNNING"}, map[string]any{"creationTime": millis(s.now()), "totalBytesProcessed": size}
	if j.done {
		status["state"], statistics["endTime"] = "DONE", millis(j.ended)
	}
	if j.reason != "" {
		status["errorResult"] = map[string]any{"reason": j.reason, "location": "gs://somewhere", "message": "said the stand-in"}
	}
	if at(j.about, "configuration", "query") != nil {
		statistics["query"] = map[string]any{"statementType": statement, "totalBytesProcessed": size}
	}
	return map[string]any{
		"kind": "bigquery#job", "jobReference": j.about["jobReference"], "configuration": j.about["configuration"],
		"status": status, "statistics": statistics,
	}
}

func millis(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }

// results answers a query that was done.
func (s *Server) results(id string) (int, map[string]any) {
	j := s.jobs[id]
	if j == nil {
		return http.StatusNotFound, map[string]any{"reason": "notFound"}
	}
	rows := []any{}
	for _, row := range s.Rows {
		cells := []any{}
		for _, v := range row {
			cells = append(cells, map[string]any{"v": v})
		}
		rows = append(rows, map[string]any{"f": cells})
	}
	return http.StatusOK, map[string]any{
		"jobComplete": true, "jobReference": j.about["jobReference"], "schema": s.schema(),
		"rows": rows, "totalRows": strconv.Itoa(len(rows)),
	}
}

// schema is that of every query's answer.
func (s *Server) schema() map[string]any {
	fields := []any{}
	for _, name := range s.Fields {
		fields = append(fields, map[string]any{"name": name, "type": "STRING"})
	}
	return map[string]any{"fields": fields}
}
