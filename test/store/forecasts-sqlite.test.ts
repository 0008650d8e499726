// Forecasts over SQLite.
import t from 'tap'
import { forecastCases } from './conformance-forecasts.ts'
import { sqlitePlace } from './sqlite-place.ts'

forecastCases(t, sqlitePlace)
