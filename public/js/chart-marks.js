// What happened, as marks on a chart: a thin line with a glyph that says what it was when it is pointed
// at or focused, and leads to the list of events. Texts only ever become text nodes.

import { momentText } from './chart-time.js'
import { say, words } from './words.js'

/** As chart-line.js lays a chart out: the axis at the left, the air at the right, px. */
const LEFT = 68
const RIGHT = 2
/** Marks closer than this share of the width are one. */
const TOGETHER = 0.012
const TEXTS_MAX = 5
const RANKS = { info: 0, warning: 1, critical: 2 }

/** Neighbours as one mark: the worst of them gives its shape. */
function clusters({ events, from, to }) {
  const found = []
  for (const [at, severity, text] of events.toReversed()) {
    const share = (at - from) / (to - from)
    if (share < 0 || share > 1) continue
    const last = found.at(-1)
    if (last && share - last.share < TOGETHER) {
      last.all.push([at, text])
      last.until = at
      if (RANKS[severity] > RANKS[last.severity]) last.severity = severity
    } else found.push({ share, severity, at, until: at, all: [[at, text]] })
  }
  return found
}

function textOf({ all }) {
  const texts = all.slice(-TEXTS_MAX).map(([at, text]) => `${momentText(at)} ${text}`)
  const left = all.length - texts.length
  return left > 0
    ? [say(words.earlierEvents, { count: left }), ...texts].join('\n')
    : texts.join('\n')
}

function markOf(cluster, device, note) {
  const mark = document.createElement('a')
  const text = textOf(cluster)
  mark.dataset.at = String(cluster.at)
  mark.className = `mark mark-${cluster.severity}`
  mark.setAttribute('aria-label', `${cluster.severity}: ${text.replaceAll('\n', '; ')}`)
  const query = new URLSearchParams({
    device,
    from: String(cluster.at - 60_000),
    to: String(cluster.until + 60_000),
  })
  mark.href = `/events?${query}`
  const show = () => {
    note.textContent = text
    note.hidden = false
    note.classList.toggle('mark-note-left', Number(mark.dataset.share) > 0.5)
  }
  const hide = () => {
    note.hidden = true
  }
  mark.addEventListener('pointerenter', show)
  mark.addEventListener('focus', show)
  mark.addEventListener('pointerleave', hide)
  mark.addEventListener('blur', hide)
  return mark
}

/** The device that a chart's address is of. */
const deviceOf = src => decodeURIComponent(src.split('/')[2] ?? '')

/** Puts a mark where its time is now. */
function place(mark, { from, to }) {
  const share = (Number(mark.dataset.at) - from) / (to - from)
  mark.dataset.share = share.toFixed(5)
  mark.style.left = `calc(${LEFT}px + (100% - ${LEFT + RIGHT}px) * ${share.toFixed(5)})`
  mark.hidden = share < 0
}

const versionOf = ({ events }) => `${events.length} ${events[0]?.[0]}`

/** Draws the marks of a state above what is drawn in the box; those that are there only move. */
export function drawMarks(figure, box, state) {
  const before = box.querySelector(':scope > .marks')
  if (before?.dataset.events === versionOf(state)) {
    for (const mark of before.querySelectorAll('.mark')) place(mark, state)
    return
  }
  before?.remove()
  const found = clusters(state)
  if (found.length === 0) return
  const layer = document.createElement('div')
  layer.className = 'marks'
  layer.dataset.events = versionOf(state)
  const note = document.createElement('p')
  note.className = 'mark-note'
  note.hidden = true
  const device = deviceOf(figure.dataset.src)
  layer.append(...found.map(cluster => markOf(cluster, device, note)), note)
  for (const mark of layer.querySelectorAll('.mark')) place(mark, state)
  box.append(layer)
}

/** The events of a chart as a table, newest first; null: there are none. */
export function eventTable({ events, eventsLeft }) {
  if (events.length === 0) return null
  const table = document.createElement('table')
  table.className = 'list chart-table chart-events'
  const caption = document.createElement('caption')
  caption.textContent =
    eventsLeft > 0
      ? `${say(words.events)}, ${say(words.olderEvents, { count: eventsLeft })}`
      : say(words.events)
  const body = document.createElement('tbody')
  for (const [at, severity, text] of events) {
    const row = document.createElement('tr')
    const cells = [momentText(at), severity, text].map((content, i) => {
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
