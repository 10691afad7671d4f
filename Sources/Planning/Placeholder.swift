// The planner: workload, cost model, searches.
