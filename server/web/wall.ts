// The overview for a screen on the wall: as the overview, with a clock and the age of the last
// sample. It hears something at least every few seconds, so that silence means that it is cut off.

import type { WebContext } from './context.ts'
import type { PageSource } from './live-pages.ts'
import { type Grouping, overviewData } from './pages/overview.ts'

/** A page that heard nothing for a few of these greys (public/js/app.js: `WALL_SILENCE_MS`). */
const BEAT_MS = 5000

export function wallSource(web: WebContext, group: Grouping): PageSource {
  let lastAt: number | null = null
  return {
    view: 'wall/_body',
    target: '#wall',
    data: async () => ({ ...(await overviewData(web, group)), lastAt }),
    changes(soon) {
      const beat = setInterval(soon, BEAT_MS)
      const heard = web.live.subscribe('all', ({ at, failed }) => {
        if (failed === null) lastAt = Math.max(lastAt ?? 0, at)
        soon()
      })
      return [() => clearInterval(beat), heard, web.devices.onChange(soon)]
    },
  }
}
