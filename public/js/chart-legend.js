// What stands around a chart: the legend with the values of now or of the crosshair's time, and the
// table that shows the same points. Texts of devices only ever become text nodes.

import { maintenanceAt, maintenanceEntry, maintenanceTable } from './chart-maintenance.js'
import { eventTable } from './chart-marks.js'
import { momentText } from './chart-time.js'
import { formatValue } from './units.js'
import { say, words } from './words.js'

const TABLE_ROWS_MAX = 200

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
  const value = formatValue(
    all.reduce((a, b) => Math.max(a, b)),
    unit,
    decimals,
  )
  return say(words.max, { value })
}

/** Values of now, or of the time that the crosshair is at. */
export function legend(figure, state, cursor) {
  const isStatus = state.type === 'status'
  const max = figure.querySelector('.chart-max')
  const gap =
    cursor === null ? null : state.gaps.find(([from, to]) => cursor >= from && cursor <= to)
  if (!isStatus) {
    max.textContent =
      cursor === null
        ? maxText(state)
        : [momentText(cursor), gap?.[3], maintenanceAt(state, cursor)].filter(Boolean).join(' · ')
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
        { title: state.average.title, color: 0 },
        formatValue(point?.y ?? null, state.unit, state.decimals),
      ),
    )
  }
  if (state.ceiling) items.push(entry({ title: state.ceiling.title, color: 7, dashed: true }, ''))
  const maintenance = maintenanceEntry(state)
  if (maintenance) items.push(maintenance)
  if (state.ahead) items.push(textItem(state.ahead.note))
  if (state.left > 0) items.push(textItem(say(words.moreInTable, { count: state.left })))
  if (state.eventsLeft > 0)
    items.push(textItem(say(words.olderEvents, { count: state.eventsLeft })))
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

function cell(name, text) {
  const made = document.createElement(name)
  made.textContent = text
  return made
}

export function tableOf(state) {
  const times = [...new Set(state.series.flatMap(series => series.points.map(({ x }) => x)))]
  const newest = times.sort((a, b) => b - a).slice(0, TABLE_ROWS_MAX)
  const byTime = state.series.map(series => new Map(series.points.map(point => [point.x, point])))
  const table = document.createElement('table')
  table.className = 'list chart-table'
  const head = document.createElement('tr')
  head.append(cell('th', say(words.time)), ...state.series.map(({ title }) => cell('th', title)))
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
  const beside = [maintenanceTable(state), eventTable(state)].filter(one => one !== null)
  scroll.append(table, ...beside)
  return scroll
}
