package zoo_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weft/analysis/zoo"
)

// The shipped declarations say what training found: temperature, size and classes
// stand beside each graph.
func TestShippedAgreesWithTraining(t *testing.T) {
	all, err := zoo.Shipped(nil)
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, d := range all {
		data, err := os.ReadFile(d.Name + ".json")
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		var trained struct {
			Classes     []string `json:"classes"`
			Side        int      `json:"side"`
			Temperature float64  `json:"temperature"`
			SHA256      string   `json:"sha256"`
		}
		if err := json.Unmarshal(data, &trained); err != nil {
			t.Fatalf("%s: %v", d.Name, err)
		}
		o, _ := d.Output(zoo.Attribute)
		if d.Input.Side != trained.Side || o.Temperature != trained.Temperature || d.ONNX.Hash != trained.SHA256 {
			t.Errorf("%s is declared with side %d, temperature %v, graph %.8s; trained with %d, %v, %.8s", d.Name, d.Input.Side, o.Temperature, d.ONNX.Hash, trained.Side, trained.Temperature, trained.SHA256)
		}
		if diff := cmp.Diff(trained.Classes, o.Values()); diff != "" {
			t.Errorf("%s: classes\n%s", d.Name, diff)
		}
		checked++
	}
	if checked < 2 {
		t.Errorf("%d of the shipped models have a file of their training", checked)
	}
}
