package app

import (
	"errors"

	"weft/analysis"
	"weft/models"
	"weft/tasks"
)

// ErrNoShadow means that a comparison names no shadow that there is.
var ErrNoShadow = errors.New("compare")

// analyzer runs the models that profiles name, and offers what they saw to the
// shadows among the declared ones.
func (a *App) analyzer() (tasks.Analyzer, error) {
	engine := analysis.NewEngine(a.Registry, a.Blobs, a.Documents)
	var err error
	a.Shadows, err = analysis.NewShadows(a.Models.Declared.Shadows(), a.Blobs, a.Documents, analysis.ShadowOptions{
		Timeout: a.Config.Steps.Timeouts[models.AnalyzeHeavy], Observe: a.looked,
	})
	return analysis.Beside{Engine: engine, Shadows: a.Shadows}, err
}

// looked counts what a shadow did.
func (a *App) looked(l analysis.Looked) {
	a.Metrics.Shadow(l.Shadow, l.Outcome, l.Cost)
	if l.Err != nil {
		a.Log.Warn("a shadow model failed; no post is affected", "model", l.Shadow, "error", l.Err)
	}
}
