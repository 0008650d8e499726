// Charts of a page: each is fetched when it comes into view, drawn, and then follows the live stream.
// One time range and one crosshair for all of them; dragging zooms, and the URL keeps what is shown.

import { legend, tableOf } from './chart-legend.js'
import { drawLines } from './chart-line.js'
import { append } from './chart-live.js'
import { maintenanceWords } from './chart-maintenance.js'
import { drawMarks } from './chart-marks.js'
import { drawStrips } from './chart-strip.js'
import { useLocalTime } from './chart-time.js'
import { inWindow, isPart, showPart } from './chart-window.js'
import { say, words } from './words.js'

const DRAG_PIXELS_MIN = 8
const ZOOM_MS_MIN = 10_000
/** Charts of averages, and of totals, are fetched again instead of appended to. */
const REFETCH_MS_MIN = 10_000
const EVENTS_MS_MIN = 5000

/** figure → what is known of its chart */
const charts = new Map()

const points = list => list.map(([x, y, gap]) => ({ x, y, why: gap ?? null }))

/** The server's answer as the drawing modules take it: mirrored lines go downwards. */
function stateOf(data) {
  const turned = (list, mirror) =>
    points(list).map(point => (mirror && point.y !== null ? { ...point, y: -point.y } : point))
  return {
    ...data,
    series: data.series.map(series => ({
      ...series,
      points: turned(series.points, series.mirror),
      before: turned(series.before, series.mirror),
    })),
    ceiling: data.ceiling && { ...data.ceiling, points: points(data.ceiling.points) },
    average: data.average && { ...data.average, points: points(data.average.points) },
  }
}

const part = (figure, name) => figure.querySelector(`.${name}`)

function note(figure, text, again) {
  const line = document.createElement('p')
  line.className = 'chart-note'
  line.textContent = text
  if (again) {
    const button = document.createElement('button')
    button.type = 'button'
    button.className = 'button'
    button.textContent = say(words.tryAgain)
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
    if (!answer.ok) throw new Error(say(words.serverSaid, { status: answer.status }))
    const data = await answer.json()
    if (charts.get(figure) === chart) show(figure, chart, stateOf(data))
  } catch (error) {
    chart.drawn?.destroy()
    chart.drawn = null
    note(figure, say(words.chartFailed, { why: error.message }), () => load(figure))
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
    note(figure, say(words.nothingRecorded))
  } else if (state.type === 'status') {
    chart.drawn = drawStrips(box, state)
  } else {
    const canvas = document.createElement('canvas')
    canvas.setAttribute('role', 'img')
    const about = say(words.chartOf, { title: part(figure, 'chart-title').textContent.trim() })
    canvas.setAttribute('aria-label', [about, maintenanceWords(state)].filter(Boolean).join('. '))
    box.replaceChildren(canvas)
    chart.drawn = drawLines(canvas, state)
    followPointer(canvas, chart)
    drawMarks(figure, box, state)
  }
  legend(figure, chart.state, null)
  addTableButton(figure, chart)
  figure.dataset.drawn = String(state.to)
}

// The crosshair and the zoom

let cursorFrame = 0
function setCursor(at) {
  cancelAnimationFrame(cursorFrame)
  cursorFrame = requestAnimationFrame(() => {
    for (const [figure, chart] of charts) {
      if (!chart.drawn || chart.state.type === 'status') continue
      chart.drawn.setCursor(at)
      legend(figure, chart.state, at)
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
  showPart(from, Math.max(from + ZOOM_MS_MIN, to))
  shownSearch = location.search
  for (const figure of document.querySelectorAll('figure.chart[data-src]')) {
    figure.dataset.src = inWindow(figure.dataset.src)
    for (const link of figure.querySelectorAll('.chart-links a')) {
      link.href = inWindow(link.href)
    }
    if (charts.get(figure)?.state) load(figure)
  }
}

// The table behind a chart

function addTableButton(figure, chart) {
  if (figure.querySelector('.chart-as-table')) return
  const link = figure.querySelector('.chart-table-link')
  const button = document.createElement('button')
  button.type = 'button'
  button.className = 'chart-as-table'
  button.textContent = link.textContent
  button.title = link.title
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
  link.replaceWith(button)
}

// The live stream

function onSamples(event) {
  let collection
  try {
    collection = JSON.parse(event.detail.data)
  } catch {
    return
  }
  if (isPart()) return
  for (const [figure, chart] of charts) {
    if (!chart.state || figure.dataset.group !== collection.group) continue
    const { state } = chart
    const isCompared = state.series.some(({ before }) => before.length > 0)
    const isAppendable = state.raw && state.type !== 'bars' && !collection.isLarge && !isCompared
    if (!isAppendable || !chart.drawn) {
      const wait = Math.max(REFETCH_MS_MIN, state.raw ? 0 : state.everyMs)
      if (Date.now() - chart.fetchedAt > wait && !isTable(figure)) load(figure)
      continue
    }
    append(state, collection)
    chart.drawn.refresh()
    if (state.type !== 'status') drawMarks(figure, part(figure, 'chart-box'), state)
    legend(figure, chart.state, null)
    figure.dataset.drawn = String(state.to)
  }
}

/** Something happened: only the marks are drawn anew, as somebody may be dragging over the chart. */
async function loadEvents(figure, chart) {
  chart.eventsAt = Date.now()
  const answer = await fetch(figure.dataset.src, { headers: { accept: 'application/json' } })
  if (!answer.ok || !chart.drawn || !chart.state) return
  const { events, eventsLeft } = await answer.json()
  Object.assign(chart.state, { events, eventsLeft })
  drawMarks(figure, part(figure, 'chart-box'), chart.state)
}

function onEvents() {
  if (isPart()) return
  for (const [figure, chart] of charts) {
    const isQuiet = Date.now() - (chart.eventsAt ?? 0) > EVENTS_MS_MIN
    // What somebody looks at is not taken away; marks are on lines alone.
    const isFree = !isTable(figure) && !figure.contains(document.activeElement)
    if (chart.drawn && chart.state.type !== 'status' && isQuiet && isFree)
      loadEvents(figure, chart).catch(() => {})
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
let shownSearch = location.search
useLocalTime(Chart)
scan()
document.addEventListener('samples', onSamples)
document.addEventListener('events', onEvents)
document.addEventListener('htmx:after:swap', scan)
document.addEventListener('htmx:sse:after:connection', () => {
  connections++
  // What came while the page was away is not sent again.
  if (connections > 1) for (const [figure, { state }] of charts) if (state) load(figure)
})
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', recolor)
// Paper is light.
matchMedia('print').addEventListener('change', recolor)
new MutationObserver(recolor).observe(document.documentElement, { attributeFilter: ['data-theme'] })
/** Back from a zoom; a link within the page changes nothing of it. */
addEventListener('popstate', () => {
  if (location.search !== shownSearch) location.reload()
})
