package zoo

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
)

// preprocessing names the code that turns an image into an input. Raise it with
// any change that alters results: they are kept for ever under the version they had.
const preprocessing = 1

// version is the hash of the graph and of everything in the declaration that
// can change a result. Where a server stands, how long it may take, and how the
// model is called don't; nor does what its word replaces, which fusing decides anew.
func version(d Declaration) string {
	content := struct {
		Preprocessing int
		Graph         string
		Model         string
		Revision      string
		Task          Task
		Input         Input
		Outputs       []Output
	}{Preprocessing: preprocessing, Task: d.Task, Input: d.Input, Outputs: d.Outputs}
	if d.ONNX != nil {
		content.Graph = d.ONNX.Hash
	}
	if d.Remote != nil {
		content.Model, content.Revision = d.Remote.Model, d.Remote.Revision
	}
	b, err := json.Marshal(content)
	if err != nil {
		panic(err) // it holds nothing but texts and finite numbers
	}
	return hash(b)[:12]
}

func hash(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
