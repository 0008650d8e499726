// Classes of retention that are chosen, over SQLite.
import t from 'tap'
import { chosenClassCases } from './conformance-classes.ts'
import { sqlitePlace } from './sqlite-place.ts'

t.setTimeout(600_000)
chosenClassCases(t, sqlitePlace)
