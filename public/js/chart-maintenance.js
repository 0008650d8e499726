// The maintenance that a chart shades, in words: in its legend, at the crosshair, in its table and for
// screen readers. Names of windows only ever become text nodes.

import { momentText } from './chart-time.js'
import { say, words } from './words.js'

/** Spans that are named in the words of one chart; its table has all. */
const NAMED_MAX = 3

/** What of it lies in the time that the chart shows now. */
export function maintenanceShown({ maintenance, from, to }) {
  return maintenance.filter(span => span[0] < to && span[1] > from)
}

export function maintenanceText([from, to, names]) {
  return say(words.span, {
    what: say(words.maintenanceOf, { names }),
    from: momentText(from),
    to: momentText(to),
  })
}

/** For screen readers, the newest first; empty: there is none. */
export function maintenanceWords(state) {
  const shown = maintenanceShown(state).reverse()
  const left = shown.length - NAMED_MAX + state.maintenanceLeft
  const texts = shown.slice(0, NAMED_MAX).map(maintenanceText)
  if (shown.length > NAMED_MAX) texts.push(say(words.olderMaintenance, { count: left }))
  return texts.join('; ')
}

/** At the crosshair; null: there was none then. */
export function maintenanceAt({ maintenance }, at) {
  const span = maintenance.find(([from, to]) => at >= from && at < to)
  return span ? say(words.maintenanceOf, { names: span[2] }) : null
}

const SVG = 'http://www.w3.org/2000/svg'

function box(className, height) {
  const rect = document.createElementNS(SVG, 'rect')
  rect.setAttribute('class', className)
  rect.setAttribute('width', '10')
  rect.setAttribute('height', height)
  return rect
}

/** What the shaded parts are, with when in words; null: none is in sight. */
export function maintenanceEntry(state) {
  const text = maintenanceWords(state)
  if (text === '') return null
  const item = document.createElement('li')
  item.className = 'legend-maintenance'
  item.title = text
  const key = document.createElementNS(SVG, 'svg')
  key.setAttribute('class', 'key-box')
  key.setAttribute('viewBox', '0 0 10 10')
  key.setAttribute('aria-hidden', 'true')
  key.append(box('key-maintenance', '10'), box('key-maintenance-bar', '3'))
  item.append(key, say(words.maintenance))
  return item
}

/** As a table, newest first; null: there is none. */
export function maintenanceTable(state) {
  const shown = maintenanceShown(state).reverse()
  if (shown.length === 0) return null
  const table = document.createElement('table')
  table.className = 'list chart-table chart-events'
  const caption = document.createElement('caption')
  const left = state.maintenanceLeft
  caption.textContent =
    left > 0
      ? `${say(words.maintenance)}, ${say(words.olderMaintenance, { count: left })}`
      : say(words.maintenance)
  const body = document.createElement('tbody')
  for (const [from, to, names] of shown) {
    const row = document.createElement('tr')
    const cells = [momentText(from), momentText(to), names].map((content, i) => {
      const cell = document.createElement(i === 0 ? 'th' : 'td')
      cell.textContent = content
      return cell
    })
    row.append(...cells)
    body.append(row)
  }
  table.append(caption, body)
  return table
}
