// States of devices over SQLite.
import t from 'tap'
import { stateCases } from './conformance-states.ts'
import { sqlitePlace } from './sqlite-place.ts'

stateCases(t, sqlitePlace)
