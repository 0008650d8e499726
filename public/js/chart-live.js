// A collection of the live stream, appended to the points of a chart: new values, new gaps, and away
// with what left the range.

/** One value of a collection for a line; undefined: it was not read this time. */
function valueFrom(collection, { metric, row }) {
  const column = collection.metrics?.[metric]
  const index = collection.rows ? collection.rows.indexOf(row) : 0
  if (!column || index < 0) return undefined
  const value = column[index]
  return {
    y: typeof value === 'number' ? value : null,
    why: collection.gaps?.[metric]?.[index] ?? null,
  }
}

function push(list, point, from) {
  if (point.x <= (list.at(-1)?.x ?? Number.NEGATIVE_INFINITY)) return
  list.push(point)
  while (list.length > 2 && list[1].x < from) list.shift()
}

/** @param state of charts.js; changed */
export function append(state, collection) {
  const { at, failed } = collection
  const span = state.to - state.from
  state.to = Math.max(state.to, at)
  state.from = state.to - span
  const before = Math.max(...state.series.map(series => series.points.at(-1)?.x ?? 0))
  const added = state.series.map(series => appendTo(series, collection, state.from))
  const reason = failed ?? added.find(point => point?.why)?.why ?? null
  const isGood = added.some(point => point && point.y !== null)
  appendGap(state, { at, before, isGood, reason, why: collection.why })
  if (state.average) appendAverage(state, collection)
}

function appendTo(series, collection, from) {
  const { at, failed } = collection
  const found = failed ? { y: null, why: failed } : valueFrom(collection, series)
  if (!found) return null
  const y = found.y !== null && series.mirror ? -found.y : found.y
  push(series.points, { x: at, y, why: found.why }, from)
  return found
}

/** A gap lasts until the next good sample. */
function appendGap(state, { at, before, isGood, reason, why }) {
  const open = state.gaps.at(-1)
  const isOpen = open !== undefined && open[1] >= before
  if (isOpen && (isGood || open[2] === reason)) open[1] = at
  else if (!isGood && reason) state.gaps.push([before || at, at, reason, why || reason])
  while (state.gaps.length > 0 && state.gaps[0][1] < state.from) state.gaps.shift()
}

function appendAverage(state, { at, metrics }) {
  const values = (metrics?.[state.series[0].metric] ?? []).filter(
    value => typeof value === 'number',
  )
  const y = values.length > 0 ? values.reduce((a, b) => a + b, 0) / values.length : null
  push(state.average.points, { x: at, y, why: null }, state.from)
}
