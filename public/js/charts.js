// Charts of a page: each is fetched when it comes into view, drawn, and then follows the live stream.
// One time range and one crosshair for all of them; dragging zooms, and the URL keeps what is shown.

import { drawLines } from './chart-line.js'
import { drawStrips } from './chart-strip.js'
import { momentText, useLocalTime } from './chart-time.js'
import { formatValue } from './units.js'

const DRAG_PIXELS_MIN = 8
/** Charts of averages, and of totals, are fetched again instead of appended to. */
const REFETCH_MS_MIN = 10_000
const TABLE_ROWS_MAX = 200

/** figure → what is known of its chart */
const charts = new Map()

const points = list => list.map(([x, y, gap]) => ({ x, y, why: gap ?? null }))

/** The server's answer as the drawing modules take it: mirrored lines go downwards. */
function stateOf(data) {
  return {
    ...data,
    series: data.series.map(series => ({
      ...series,
      points: points(series.points).map(point =>
        series.mirror && point.y !== null ? { ...point, y: -point.y } : point,
      ),
    })),
    ceiling: data.ceiling && { ...data.ceiling, points: points(data.ceiling.points) },
    average: data.average && { ...data.average, points: points(data.average.points) },
  }
}

const part = (figure, name) => figure.querySelector(`.${name}`)
const isZoomed = () => new URLSearchParams(location.search).has('from')

function note(figure, text, again) {
  const line = document.createElement('p')
  line.className = 'chart-note'
  line.textContent = text
  if (again) {
    const button = document.createElement('button')
    button.type = 'button'
    button.className = 'button'
    button.textContent = 'Try again'
    button.addEventListener('click', again)
    line.append(' ', button)
  }
  part(figure, 'chart-box').replaceChildren(line)
}

async function load(figure) {
  const chart = charts.get(figure)
  chart.fetchedAt = Date.now()
  figure.setAttribute('aria-busy', 'true')
  try {
    const answer = await fetch(figure.dataset.src, { headers: { accept: 'application/json' } })
    if (answer.status === 401) return location.reload()
    if (!answer.ok) throw new Error(`the server answered ${answer.status}`)
    const data = await answer.json()
    if (charts.get(figure) === chart) show(figure, chart, stateOf(data))
  } catch (error) {
    chart.drawn?.destroy()
    chart.drawn = null
    note(figure, `This chart could not be loaded: ${error.message}.`, () => load(figure))
  } finally {
    figure.removeAttribute('aria-busy')
  }
}

function show(figure, chart, state) {
  chart.drawn?.destroy()
  chart.drawn = null
  chart.state = state
  const box = part(figure, 'chart-box')
  if (state.series.every(series => series.points.length === 0)) {
    note(figure, 'Nothing was recorded in this time.')
  } else if (state.type === 'status') {
    chart.drawn = drawStrips(box, state)
  } else {
    const canvas = document.createElement('canvas')
    canvas.setAttribute('role', 'img')
    canvas.setAttribute('aria-label', `${part(figure, 'chart-title').textContent.trim()}, chart`)
    box.replaceChildren(canvas)
    chart.drawn = drawLines(canvas, state)
    followPointer(canvas, chart)
  }
  legend(figure, chart, null)
  addTableButton(figure, chart)
  figure.dataset.drawn = String(state.to)
}

/** The value of a line at a time: of the point nearest to it, where that is near enough. */
function valueAt(series, at, everyMs) {
  let best = null
  for (const point of series.points) {
    if (best === null || Math.abs(point.x - at) < Math.abs(best.x - at)) best = point
  }
  return best && Math.abs(best.x - at) <= 1.5 * everyMs ? best : null
}

function maxText({ series, unit, decimals }) {
  const all = series
    .flatMap(one => one.points)
    .flatMap(({ y }) => (y === null ? [] : [Math.abs(y)]))
  if (all.length === 0) return ''
  return `max ${formatValue(
    all.reduce((a, b) => Math.max(a, b)),
    unit,
    decimals,
  )}`
}

/** Values of now, or of the time that the crosshair is at. */
function legend(figure, chart, cursor) {
  const { state } = chart
  const isStatus = state.type === 'status'
  const max = part(figure, 'chart-max')
  const gap =
    cursor === null ? null : state.gaps.find(([from, to]) => cursor >= from && cursor <= to)
  if (!isStatus) {
    max.textContent =
      cursor === null ? maxText(state) : [momentText(cursor), gap?.[3]].filter(Boolean).join(' · ')
  }
  const list = figure.querySelector(':scope > .legend')
  list.hidden = isStatus
  if (isStatus) return
  const items = state.series.map(series => {
    const point = cursor === null ? series.points.at(-1) : valueAt(series, cursor, state.everyMs)
    const value = point?.y ?? null
    return entry(
      series,
      formatValue(value === null ? null : Math.abs(value), state.unit, state.decimals),
    )
  })
  if (state.average) {
    const point =
      cursor === null ? state.average.points.at(-1) : valueAt(state.average, cursor, state.everyMs)
    items.push(
      entry(
        { title: 'Average', color: 0 },
        formatValue(point?.y ?? null, state.unit, state.decimals),
      ),
    )
  }
  if (state.ceiling) items.push(entry({ title: state.ceiling.title, color: 7, dashed: true }, ''))
  if (state.left > 0) items.push(textItem(`and ${state.left} more in the table`))
  list.replaceChildren(...items)
}

function textItem(text) {
  const item = document.createElement('li')
  item.className = 'muted'
  item.textContent = text
  return item
}

function entry({ title, color, dashed, mirror }, value) {
  const item = document.createElement('li')
  const key = document.createElementNS('http://www.w3.org/2000/svg', 'svg')
  key.setAttribute('class', `key stroke${color}`)
  key.setAttribute('viewBox', '0 0 14 4')
  key.setAttribute('aria-hidden', 'true')
  const line = document.createElementNS('http://www.w3.org/2000/svg', 'path')
  line.setAttribute('d', 'M0 2h14')
  if (dashed) line.setAttribute('stroke-dasharray', '4 2')
  key.append(line)
  const name = document.createElement('span')
  name.textContent = mirror ? `${title} ↓` : title
  const bold = document.createElement('b')
  bold.textContent = value
  item.append(key, name, ' ', bold)
  return item
}

// The crosshair and the zoom

let cursorFrame = 0
function setCursor(at) {
  cancelAnimationFrame(cursorFrame)
  cursorFrame = requestAnimationFrame(() => {
    for (const [figure, chart] of charts) {
      if (!chart.drawn || chart.state.type === 'status') continue
      chart.drawn.setCursor(at)
      legend(figure, chart, at)
    }
  })
}

function followPointer(canvas, chart) {
  let began = null
  canvas.addEventListener('pointerdown', event => {
    if (event.button !== 0) return
    began = event.offsetX
    canvas.setPointerCapture(event.pointerId)
  })
  canvas.addEventListener('pointermove', event => {
    setCursor(chart.drawn?.timeAt(event.offsetX) ?? null)
    if (began !== null) chart.drawn?.setSelection([began, event.offsetX])
  })
  canvas.addEventListener('pointerleave', () => setCursor(null))
  canvas.addEventListener('pointercancel', () => {
    began = null
    chart.drawn?.setSelection(null)
  })
  canvas.addEventListener('pointerup', event => {
    const [a, b] = [began ?? event.offsetX, event.offsetX].sort((left, right) => left - right)
    began = null
    chart.drawn?.setSelection(null)
    if (b - a >= DRAG_PIXELS_MIN) zoom(chart.drawn.timeAt(a), chart.drawn.timeAt(b))
  })
}

/** Shows a part of the time in all charts, and keeps it in the URL. */
function zoom(from, to) {
  const span = Math.max(10_000, to - from)
  const query = new URLSearchParams({
    from: String(Math.round(from)),
    to: String(Math.round(from + span)),
  })
  history.pushState(null, '', `?${query}`)
  for (const link of document.querySelectorAll('.ranges [aria-current]'))
    link.removeAttribute('aria-current')
  for (const figure of document.querySelectorAll('figure.chart[data-src]')) {
    const url = new URL(figure.dataset.src, location.href)
    url.searchParams.delete('range')
    for (const [name, value] of query) url.searchParams.set(name, value)
    figure.dataset.src = url.pathname + url.search
    if (charts.get(figure)?.state) load(figure)
  }
}

// The table behind a chart

function addTableButton(figure, chart) {
  if (figure.querySelector('.chart-as-table')) return
  const button = document.createElement('button')
  button.type = 'button'
  button.className = 'chart-as-table'
  button.textContent = 'Table'
  button.title = 'Show as table'
  button.setAttribute('aria-pressed', 'false')
  button.addEventListener('click', () => {
    const isTable = button.getAttribute('aria-pressed') !== 'true'
    button.setAttribute('aria-pressed', String(isTable))
    if (isTable) {
      chart.drawn?.destroy()
      chart.drawn = null
      part(figure, 'chart-box').replaceChildren(tableOf(chart.state))
    } else show(figure, chart, chart.state)
  })
  figure.querySelector('figcaption').append(button)
}

function cell(name, text) {
  const made = document.createElement(name)
  made.textContent = text
  return made
}

function tableOf(state) {
  const times = [...new Set(state.series.flatMap(series => series.points.map(({ x }) => x)))]
  const newest = times.sort((a, b) => b - a).slice(0, TABLE_ROWS_MAX)
  const byTime = state.series.map(series => new Map(series.points.map(point => [point.x, point])))
  const table = document.createElement('table')
  table.className = 'list chart-table'
  const head = document.createElement('tr')
  head.append(cell('th', 'Time'), ...state.series.map(({ title }) => cell('th', title)))
  const body = newest.map(at => {
    const row = document.createElement('tr')
    const values = state.series.map((series, index) => {
      const point = byTime[index].get(at)
      if (!point) return cell('td', '')
      const name = state.states[series.metric]?.find(one => one.value === point.y)?.name
      if (point.y === null) return cell('td', point.why ?? '–')
      return cell('td', name ?? formatValue(Math.abs(point.y), state.unit, state.decimals))
    })
    row.append(cell('th', momentText(at)), ...values)
    return row
  })
  const [thead, tbody] = [document.createElement('thead'), document.createElement('tbody')]
  thead.append(head)
  tbody.append(...body)
  table.append(thead, tbody)
  const scroll = document.createElement('div')
  scroll.className = 'chart-table-scroll'
  scroll.tabIndex = 0
  scroll.append(table)
  return scroll
}

// The live stream

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

function append(chart, collection) {
  const { state } = chart
  const { at, failed } = collection
  const span = state.to - state.from
  state.to = Math.max(state.to, at)
  state.from = state.to - span
  let isGood = false
  let reason = failed
  const before = Math.max(...state.series.map(series => series.points.at(-1)?.x ?? 0))
  for (const series of state.series) {
    const found = failed ? { y: null, why: failed } : valueFrom(collection, series)
    if (!found) continue
    if (found.y !== null) isGood = true
    reason ??= found.why
    const y = found.y !== null && series.mirror ? -found.y : found.y
    push(series.points, { x: at, y, why: found.why }, state.from)
  }
  const open = state.gaps.at(-1)
  const isOpen = open && open[1] >= before
  if (isOpen && (isGood || open[2] === reason)) open[1] = at
  else if (!isGood && reason) state.gaps.push([before || at, at, reason, collection.why || reason])
  while (state.gaps.length > 0 && state.gaps[0][1] < state.from) state.gaps.shift()
  if (state.average) appendAverage(state, collection)
}

function appendAverage(state, { at, metrics }) {
  const values = (metrics?.[state.series[0].metric] ?? []).filter(
    value => typeof value === 'number',
  )
  const y = values.length > 0 ? values.reduce((a, b) => a + b, 0) / values.length : null
  push(state.average.points, { x: at, y, why: null }, state.from)
}

function onSamples(event) {
  let collection
  try {
    collection = JSON.parse(event.detail.data)
  } catch {
    return
  }
  if (isZoomed()) return
  for (const [figure, chart] of charts) {
    if (!chart.state || figure.dataset.group !== collection.group) continue
    const { state } = chart
    const isAppendable = state.raw && state.type !== 'bars' && !collection.isLarge
    if (!isAppendable || !chart.drawn) {
      const wait = Math.max(REFETCH_MS_MIN, state.raw ? 0 : state.everyMs)
      if (Date.now() - chart.fetchedAt > wait && !isTable(figure)) load(figure)
      continue
    }
    append(chart, collection)
    chart.drawn.refresh()
    legend(figure, chart, null)
    figure.dataset.drawn = String(state.to)
  }
}

const isTable = figure =>
  figure.querySelector('.chart-as-table')?.getAttribute('aria-pressed') === 'true'

// Mounting

const seen = new IntersectionObserver(
  entries => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting || charts.get(target)?.fetchedAt) continue
      charts.set(target, { state: null, drawn: null, fetchedAt: 0 })
      load(target)
    }
  },
  { rootMargin: '200px' },
)

/** Takes up new figures, and lets go of those that went. */
function scan() {
  for (const [figure, chart] of charts) {
    if (figure.isConnected) continue
    chart.drawn?.destroy()
    charts.delete(figure)
  }
  for (const figure of document.querySelectorAll('figure.chart[data-src]')) seen.observe(figure)
}

function recolor() {
  for (const { drawn } of charts.values()) drawn?.recolor()
}

let connections = 0
useLocalTime(Chart)
scan()
document.addEventListener('samples', onSamples)
document.addEventListener('htmx:after:swap', scan)
document.addEventListener('htmx:sse:after:connection', () => {
  connections++
  // What came while the page was away is not sent again.
  if (connections > 1) for (const [figure, { state }] of charts) if (state) load(figure)
})
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', recolor)
new MutationObserver(recolor).observe(document.documentElement, { attributeFilter: ['data-theme'] })
addEventListener('popstate', () => location.reload())
