// Profiles of people over SQLite.
import t from 'tap'
import { profileCases } from './conformance-profiles.ts'
import { sqlitePlace } from './sqlite-place.ts'

profileCases(t, sqlitePlace)
