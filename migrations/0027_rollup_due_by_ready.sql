create index rollup_due_by_ready on rollup_due (ready_at)
