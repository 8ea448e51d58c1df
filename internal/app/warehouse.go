package app

import (
	"context"
	"errors"
	"fmt"

	"weft/storage/history"
)

// ErrNoWarehouse says that history.warehouse is not set.
var ErrNoWarehouse = errors.New("app: there is no warehouse: history.warehouse is not set")

// WarehouseReport says how the warehouse's table differs from the verified parts.
type WarehouseReport struct {
	Compared int                   `json:"compared"` // verified parts
	Differ   []WarehouseDifference `json:"differ"`
	Loaded   int                   `json:"loaded"`   // of those that differed, are in the table now
	GivenUp  int                   `json:"given_up"` // parts that had all their load jobs, and were given new ones
}

// WarehouseDifference is a part that the table doesn't hold as it should.
type WarehouseDifference struct {
	Part  string `json:"part"`
	Path  string `json:"path"`
	Rows  int    `json:"rows"`
	Table int    `json:"table_rows"` // the same number means that their content differs
	Bytes int64  `json:"bytes"`
}

// WarehouseProgress is told how many parts of how many are done; what says whether
// they are compared or loaded.
type WarehouseProgress func(what string, done, of int)

// CheckWarehouse compares the table with the verified parts of some days, from
// first to last (YYYY-MM-DD, both included; empty: no bound).
func (a *App) CheckWarehouse(ctx context.Context, first, last string, tell WarehouseProgress) (WarehouseReport, error) {
	rep, _, err := a.compareWarehouse(ctx, first, last, tell)
	return rep, err
}

// LoadWarehouse loads the verified parts that differ again, and gives those that
// had all their load jobs new ones, for the workers to load. It can be
// interrupted and started again.
func (a *App) LoadWarehouse(ctx context.Context, first, last string, tell WarehouseProgress) (WarehouseReport, error) {
	rep, found, err := a.compareWarehouse(ctx, first, last, tell)
	if err != nil {
		return rep, err
	}
	builder := a.Builder()
	if rep.GivenUp, err = builder.Reload(ctx); err != nil {
		return rep, err
	}
	rep.Loaded, err = builder.Repair(ctx, found, func(done, of int) { tell("load", done, of) })
	return rep, err
}

func (a *App) compareWarehouse(ctx context.Context, first, last string, tell WarehouseProgress) (WarehouseReport, []history.Difference, error) {
	rep := WarehouseReport{Differ: []WarehouseDifference{}}
	if a.Warehouse == nil {
		return rep, nil, ErrNoWarehouse
	}
	found, err := a.Builder().Differences(ctx, first, last, func(done, of int) {
		rep.Compared = done
		tell("compare", done, of)
	})
	if err != nil {
		return rep, nil, fmt.Errorf("app: compare the warehouse: %w", err)
	}
	for _, d := range found {
		rep.Differ = append(rep.Differ, WarehouseDifference{
			Part: d.Part.ID, Path: d.Part.Path(), Rows: d.Part.Rows, Table: d.Table.Rows, Bytes: d.Part.Bytes,
		})
	}
	return rep, found, nil
}

// HistoryCache is a folder on this machine for some days of a history that lies
// elsewhere. tell is called before each file is fetched.
func (a *App) HistoryCache(dir string, tell func(path string, bytes int64)) *history.Cache {
	return history.NewCache(a.files, dir, tell)
}
