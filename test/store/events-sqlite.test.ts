// Events over SQLite.
import t from 'tap'
import { eventCases } from './conformance-events.ts'
import { sqlitePlace } from './sqlite-place.ts'

eventCases(t, sqlitePlace)
