// Classes of retention that are chosen, over SQLite.
import t from 'tap'
import { chosenClassCases } from './conformance-classes.ts'
import { sqlitePlace } from './sqlite-place.ts'

chosenClassCases(t, sqlitePlace)
