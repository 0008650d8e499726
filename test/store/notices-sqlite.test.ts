// The outbox over SQLite.
import t from 'tap'
import { noticeCases } from './conformance-notices.ts'
import { sqlitePlace } from './sqlite-place.ts'

noticeCases(t, sqlitePlace)
