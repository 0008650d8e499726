// Alarms over SQLite.
import t from 'tap'
import { alarmCases } from './conformance-alarms.ts'
import { sqlitePlace } from './sqlite-place.ts'

alarmCases(t, sqlitePlace)
