// Neighbours over SQLite.
import t from 'tap'
import { neighbourCases } from './conformance-neighbours.ts'
import { sqlitePlace } from './sqlite-place.ts'

neighbourCases(t, sqlitePlace)
