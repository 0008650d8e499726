// What a chart shows beside its lines: gaps and maintenance as shaded parts, a crosshair that all charts
// share, and a selection while somebody zooms.

import { say, words } from './words.js'

/** Around the words in a shaded part, and the least room for any, px. */
const WORDS_AIR = 6
const WORDS_ROOM_MIN = 40
const MAINTENANCE_BAR = 3

export const alpha = (color, share) => `color-mix(in srgb, ${color} ${share * 100}%, transparent)`

/** Words in a shaded part, where they have room. */
function drawWords(ctx, y, left, right, text, color) {
  const room = right - left - 2 * WORDS_AIR
  if (room < WORDS_ROOM_MIN) return
  ctx.fillStyle = color
  ctx.textAlign = 'center'
  if (ctx.measureText(text).width <= room) {
    ctx.fillText(text, (left + right) / 2, y)
  }
}

/** Left and right of a span, px; null: it is out of sight. */
function edges({ chartArea, scales }, [from, to]) {
  const left = Math.max(chartArea.left, scales.x.getPixelForValue(from))
  const right = Math.min(chartArea.right, scales.x.getPixelForValue(to))
  return right > left ? [left, right] : null
}

/** Shaded with a bar above, so that it is told from a gap without colours; its words stand below. */
function drawMaintenance(chart) {
  const { ctx, chartArea, pollux } = chart
  ctx.textBaseline = 'bottom'
  for (const span of pollux.state.maintenance) {
    const found = edges(chart, span)
    if (!found) continue
    const [left, right] = found
    ctx.fillStyle = alpha(pollux.palette.maintenance, 0.1)
    ctx.fillRect(left, chartArea.top, right - left, chartArea.height)
    ctx.fillStyle = pollux.palette.maintenance
    ctx.fillRect(left, chartArea.top, Math.max(1, right - left), MAINTENANCE_BAR)
    const y = chartArea.bottom - WORDS_AIR
    drawWords(ctx, y, left, right, say(words.maintenance), pollux.palette.text)
  }
}

/** When there was nothing, and why. */
function drawGaps(chart) {
  const { ctx, chartArea, pollux } = chart
  ctx.textBaseline = 'top'
  for (const gap of pollux.state.gaps) {
    const found = edges(chart, gap)
    if (!found) continue
    const [left, right] = found
    ctx.fillStyle = pollux.palette.gap
    ctx.fillRect(left, chartArea.top, right - left, chartArea.height)
    drawWords(ctx, chartArea.top + WORDS_AIR, left, right, gap[3], pollux.palette.text)
  }
}

/** Behind the lines: maintenance and gaps. Before them: the crosshair and the selection. */
export const overlay = {
  id: 'overlay',
  beforeDatasetsDraw(chart) {
    chart.ctx.save()
    chart.ctx.font = `11px ${chart.pollux.palette.font}`
    drawMaintenance(chart)
    drawGaps(chart)
    chart.ctx.restore()
  },
  afterDatasetsDraw({ ctx, chartArea, scales, pollux }) {
    const { cursor, selection, palette } = pollux
    ctx.save()
    if (cursor !== null && cursor >= scales.x.min && cursor <= scales.x.max) {
      const x = Math.round(scales.x.getPixelForValue(cursor)) + 0.5
      ctx.strokeStyle = palette.strong
      ctx.setLineDash([3, 3])
      ctx.beginPath()
      ctx.moveTo(x, chartArea.top)
      ctx.lineTo(x, chartArea.bottom)
      ctx.stroke()
    }
    if (selection) {
      ctx.fillStyle = alpha(palette.accent, 0.15)
      const [a, b] = selection
      ctx.fillRect(Math.min(a, b), chartArea.top, Math.abs(b - a), chartArea.height)
    }
    ctx.restore()
  },
}
