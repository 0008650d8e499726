// A chart of lines, areas or bars on a canvas, with its ceiling; chart-overlay.js draws what lies behind
// and before the lines. Knows nothing of where its data come from.

import { alpha, overlay } from './chart-overlay.js'
import { leastUnit } from './chart-time.js'
import { axisText, niceStep } from './units.js'

/** A ceiling far above everything would press the lines flat: it is only named then. */
const CEILING_FACTOR = 3
const AXIS_WIDTH = 68

const css = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim()

/** `light-dark()` is only resolved on an element. */
const probe = document.createElement('span')
probe.className = 'color-probe'

export function colors() {
  document.body.append(probe)
  const of = number => {
    probe.className = `color-probe stroke${number}`
    return getComputedStyle(probe).color
  }
  const lines = [1, 2, 3, 4, 5, 6].map(of)
  probe.className = 'color-probe'
  const named = name => {
    probe.className = `color-probe color-${name}`
    return getComputedStyle(probe).color
  }
  const found = {
    lines,
    grid: named('line'),
    text: named('muted'),
    strong: named('strong'),
    gap: named('gap'),
    maintenance: named('maintenance'),
    accent: named('accent'),
    surface: named('surface'),
    font: css('font-family') || 'system-ui, sans-serif',
  }
  probe.remove()
  return found
}

/** Alone between two gaps, a point would not be seen. */
function radii(points) {
  return points.map((point, at) => {
    const isAlone = (points[at - 1]?.y ?? null) === null && (points[at + 1]?.y ?? null) === null
    return point.y !== null && isAlone ? 1.6 : 0
  })
}

function datasetOf(series, type, palette) {
  const color = palette.lines[series.color - 1]
  const isFilled = type === 'area' ? series.color === 1 || series.mirror : type === 'stacked'
  return {
    label: series.title,
    data: series.points,
    borderColor: color,
    backgroundColor: alpha(color, type === 'bars' ? 0.75 : type === 'stacked' ? 0.28 : 0.12),
    borderWidth: type === 'bars' ? 0 : 1.5,
    borderDash: series.dashed ? [5, 3] : [],
    borderJoinStyle: 'round',
    pointRadius: radii(series.points),
    pointBackgroundColor: color,
    pointBorderWidth: 0,
    fill: type === 'stacked' ? 'stack' : isFilled ? 'origin' : false,
    spanGaps: false,
  }
}

const plainLine = (label, points, color, rest) => ({
  label,
  data: points,
  borderColor: color,
  borderWidth: 1.25,
  pointRadius: 0,
  fill: false,
  ...rest,
})

/** Units whose zero says nothing: their axis fits the values. */
const FREE_UNITS = new Set(['V', 'Hz', 'Cel', 'Pa', 'dB', 'dB[mW]', 'm', 'deg'])

/** What was a week before: a line for each, or one of the sum where lines are stacked. */
function linesBefore({ series, type }) {
  const shown = series.filter(({ before }) => before.length > 0)
  if (type !== 'stacked')
    return shown.map(({ title, before, color }) => ({ title, points: before, color }))
  const sums = new Map()
  for (const { x, y } of shown.flatMap(({ before }) => before)) {
    sums.set(x, y === null ? (sums.get(x) ?? null) : (sums.get(x) ?? 0) + y)
  }
  const points = [...sums].sort(([a], [b]) => a - b).map(([x, y]) => ({ x, y }))
  return points.length > 0 ? [{ title: '', points, color: 0 }] : []
}

/** What is drawn at each time: of stacked lines their sums so far. */
function heights(state) {
  const sums = new Map()
  const own = state.series
    .flatMap(({ points }) => points)
    .filter(({ y }) => y !== null)
    .map(({ x, y }) => {
      if (state.type !== 'stacked') return y
      sums.set(x, (sums.get(x) ?? 0) + y)
      return sums.get(x)
    })
  const before = linesBefore(state).flatMap(({ points }) => points)
  const ahead = (state.ahead?.lines ?? []).flatMap(({ points }) =>
    points.map(([, , , high]) => high),
  )
  return [...own, ...ahead, ...before.flatMap(({ y }) => (y === null ? [] : [y]))]
}

function extremes(state) {
  const isFree = FREE_UNITS.has(state.unit)
  let low = isFree ? Number.POSITIVE_INFINITY : 0
  let high = isFree ? Number.NEGATIVE_INFINITY : 0
  for (const height of heights(state)) {
    low = Math.min(low, height)
    high = Math.max(high, height)
  }
  return low <= high ? { low, high } : { low: 0, high: 0 }
}

/** From zero, and never a flat line on the floor of nothing; of free units, some air around. */
function limitsOf(state) {
  const { low, high } = extremes(state)
  if (FREE_UNITS.has(state.unit)) {
    const air = Math.max((high - low) * 0.25, Math.abs(high) * 0.01, 0.5)
    return { suggestedMin: state.min ?? low - air, suggestedMax: state.max ?? high + air }
  }
  return {
    suggestedMin: state.min ?? low * 1.06,
    suggestedMax: state.max ?? (high > 0 || low < 0 ? high * 1.06 : 1),
  }
}

/** How lines go on: dashed, with a band from low to high. */
function linesAhead({ series, ahead }, palette) {
  return (ahead?.lines ?? []).flatMap(({ id, points }) => {
    const { color, title } = series.find(one => one.id === id) ?? { color: 1, title: '' }
    const stroke = palette.lines[color - 1]
    const line = at => points.map(point => ({ x: point[0], y: point[at] }))
    const edge = { type: 'line', borderWidth: 0, stack: `ahead ${id}` }
    return [
      plainLine(title, line(3), stroke, {
        ...edge,
        fill: '+1',
        backgroundColor: alpha(stroke, 0.16),
      }),
      plainLine(title, line(2), stroke, edge),
      plainLine(title, line(1), stroke, { borderDash: [6, 4], borderWidth: 1.5 }),
    ]
  })
}

function datasetsOf(state, palette, high) {
  const sets = state.series.map(series => datasetOf(series, state.type, palette))
  for (const [at, { title, points, color }] of linesBefore(state).entries()) {
    const stroke = color === 0 ? palette.text : alpha(palette.lines[color - 1], 0.75)
    const rest = { type: 'line', borderDash: [3, 3], stack: `before ${at}` }
    sets.push(plainLine(title, points, stroke, rest))
  }
  sets.push(...linesAhead(state, palette))
  if (state.average) {
    sets.push(plainLine('Average', state.average.points, palette.strong, { borderWidth: 2 }))
  }
  const { ceiling } = state
  const top = ceiling?.points.at(-1)?.y ?? 0
  if (ceiling && top <= CEILING_FACTOR * high) {
    const last = { x: state.to, y: top }
    const points = [{ x: state.from, y: ceiling.points[0].y }, ...ceiling.points, last]
    const dash = { borderDash: [4, 4], stepped: true, stack: 'ceiling' }
    sets.push(plainLine(ceiling.title, points, palette.text, dash))
  }
  return sets
}

function axes(state, palette) {
  const font = { family: palette.font, size: 11 }
  const { low, high } = extremes(state)
  const hasMirror = state.series.some(series => series.mirror)
  const top = Math.max(high, state.max ?? 0)
  return {
    x: {
      type: 'time',
      time: { minUnit: leastUnit(Math.max(state.to, state.ahead?.until ?? 0) - state.from) },
      min: state.from,
      max: Math.max(state.to, state.ahead?.until ?? 0),
      grid: { display: false },
      border: { color: palette.grid },
      ticks: { color: palette.text, font, maxRotation: 0, autoSkipPadding: 24, sampleSize: 4 },
    },
    y: {
      stacked: state.type === 'stacked',
      ...limitsOf(state),
      grid: {
        drawTicks: false,
        color: context => (context.tick.value === 0 ? palette.strong : palette.grid),
        lineWidth: context => (context.tick.value === 0 && hasMirror ? 0.75 : 1),
      },
      border: { display: false },
      afterFit: scale => {
        scale.width = AXIS_WIDTH
      },
      ticks: {
        color: palette.text,
        font,
        maxTicksLimit: 5,
        padding: 8,
        stepSize: niceStep(top - low, state.unit),
        callback: value =>
          axisText(hasMirror ? Math.abs(value) : value, state.unit, state.decimals),
      },
    },
  }
}

/** @param state see charts.js */
export function drawLines(canvas, state) {
  const palette = colors()
  const pollux = { state, palette, cursor: null, selection: null }
  const chart = new Chart(canvas, {
    type: state.type === 'bars' ? 'bar' : 'line',
    data: { datasets: [] },
    options: {
      animation: false,
      parsing: false,
      normalized: true,
      maintainAspectRatio: false,
      events: [],
      layout: { padding: { top: 6, right: 2 } },
      plugins: { legend: { display: false }, tooltip: { enabled: false } },
      scales: axes(state, palette),
    },
    plugins: [
      {
        id: 'pollux',
        // Before the first drawing, which happens inside the constructor.
        beforeInit: created => {
          created.pollux = pollux
          created.data.datasets = datasetsOf(state, palette, extremes(state).high)
        },
      },
      overlay,
    ],
  })
  const refresh = () => {
    chart.data.datasets = datasetsOf(state, pollux.palette, extremes(state).high)
    chart.options.scales = axes(state, pollux.palette)
    chart.update('none')
  }
  return {
    refresh,
    recolor() {
      pollux.palette = colors()
      refresh()
    },
    /** The line across all charts; null: none. */
    setCursor(at) {
      pollux.cursor = at
      chart.draw()
    },
    setSelection(pixels) {
      pollux.selection = pixels
      chart.draw()
    },
    timeAt: x => chart.scales.x.getValueForPixel(x),
    destroy: () => chart.destroy(),
  }
}
