// States over time: a strip for each line, made of SVG, so that colours follow the theme by
// themselves and each piece says in its title what it was and how long.

import { maintenanceShown, maintenanceText, maintenanceWords } from './chart-maintenance.js'
import { momentText } from './chart-time.js'
import { say, words } from './words.js'

const SVG = 'http://www.w3.org/2000/svg'
const WIDTH = 1000
const HEIGHT = 10

function stateOf(state, metric, value) {
  if (value === null) return { name: say(words.noValue), tone: 'gap' }
  const known = state.states[metric]?.find(one => one.value === value)
  return known ?? { name: String(value), tone: 'unknown' }
}

/** [from, to, value, why] of a line; a state lasts until the next point. */
export function segmentsOf(points, to, everyMs) {
  const segments = []
  for (const [at, point] of points.entries()) {
    const next = points[at + 1]?.x ?? Math.min(to, point.x + everyMs)
    const open = segments.at(-1)
    if (open && open.y === point.y && open.why === point.why) open.to = next
    else segments.push({ from: point.x, to: next, y: point.y, why: point.why })
  }
  return segments
}

/** A part of a strip, which says in its title what it was. */
function piece(state, from, to, tone, text) {
  const scale = at =>
    (WIDTH * (Math.min(state.to, Math.max(state.from, at)) - state.from)) / (state.to - state.from)
  const piece = document.createElementNS(SVG, 'rect')
  piece.setAttribute('x', scale(from).toFixed(1))
  piece.setAttribute('width', Math.max(0, scale(to) - scale(from)).toFixed(1))
  piece.setAttribute('height', String(HEIGHT))
  piece.setAttribute('class', `strip-${tone}`)
  const title = document.createElementNS(SVG, 'title')
  title.textContent = text
  piece.append(title)
  return piece
}

function pieceOf(state, series, { from, to, y, why }) {
  const { name, tone } = stateOf(state, series.metric, y)
  const what = `${series.title}: ${why || name}`
  const text = say(words.span, { what, from: momentText(from), to: momentText(to) })
  return piece(state, from, to, tone, text)
}

function stripOf(title, label, pieces) {
  const line = document.createElement('div')
  line.className = 'strip'
  const name = document.createElement('span')
  name.className = 'strip-name'
  name.textContent = title
  name.title = title
  const svg = document.createElementNS(SVG, 'svg')
  svg.setAttribute('viewBox', `0 0 ${WIDTH} ${HEIGHT}`)
  svg.setAttribute('preserveAspectRatio', 'none')
  svg.setAttribute('role', 'img')
  svg.setAttribute('aria-label', label)
  svg.append(...pieces)
  line.append(name, svg)
  return line
}

function strip(state, series) {
  const segments = segmentsOf(series.points, state.to, state.everyMs)
  const last = stateOf(state, series.metric, segments.at(-1)?.y ?? null)
  const label = say(words.stateIs, { title: series.title, state: last.name })
  return stripOf(
    series.title,
    label,
    segments.map(segment => pieceOf(state, series, segment)),
  )
}

/** Above the states, where there was any. */
function maintenanceStrip(state) {
  const shown = maintenanceShown(state)
  if (shown.length === 0) return []
  const pieces = shown.map(span =>
    piece(state, span[0], span[1], 'maintenance', maintenanceText(span)),
  )
  return [stripOf(say(words.maintenance), maintenanceWords(state), pieces)]
}

/** The states that occur, in the profile's order. */
function key(state) {
  const seen = new Map()
  for (const series of state.series) {
    for (const { y } of series.points) {
      const { name, tone } = stateOf(state, series.metric, y)
      seen.set(`${tone} ${name}`, { name, tone })
    }
  }
  const list = document.createElement('ul')
  list.className = 'legend strip-key'
  for (const { name, tone } of [...seen.values()].slice(0, 12)) {
    const item = document.createElement('li')
    const svg = document.createElementNS(SVG, 'svg')
    svg.setAttribute('viewBox', '0 0 10 10')
    svg.setAttribute('class', 'key-box')
    const box = document.createElementNS(SVG, 'rect')
    box.setAttribute('class', `strip-${tone}`)
    box.setAttribute('width', '10')
    box.setAttribute('height', '10')
    svg.append(box)
    item.append(svg, name)
    list.append(item)
  }
  return list
}

function ends(state) {
  const line = document.createElement('div')
  line.className = 'strip-ends'
  for (const at of [state.from, state.to]) {
    const text = document.createElement('span')
    text.textContent = momentText(at)
    line.append(text)
  }
  return line
}

export function drawStrips(box, state) {
  const area = document.createElement('div')
  area.className = 'strips'
  box.replaceChildren(area)
  const refresh = () =>
    area.replaceChildren(
      ...maintenanceStrip(state),
      ...state.series.map(series => strip(state, series)),
      ends(state),
      key(state),
    )
  refresh()
  return { refresh, recolor() {}, setCursor() {}, destroy: () => area.remove() }
}
