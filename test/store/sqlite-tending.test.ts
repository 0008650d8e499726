// The maintenance of the store over SQLite.
import t from 'tap'
import { tendingConformance } from './conformance.ts'
import { sqlitePlace } from './sqlite-place.ts'

tendingConformance(t, sqlitePlace)
