// How wide a page is once it has settled. Charts take the size of a new window a frame after it
// changed; what is too wide for longer than that is a fault, and its width is what comes back.

import { setTimeout as sleep } from 'node:timers/promises'
import type { Page } from 'playwright-core'

/** Looks at a page that does not fit, 100 ms apart: time enough for a frame on a busy machine. */
const LOOKS_MAX = 150

/** Pixels from the left edge to the furthest thing on the page; the window's own width where all fits. */
export async function widest(page: Page): Promise<number> {
  const window = page.viewportSize()?.width ?? 0
  let shown = 0
  for (let look = 0; look < LOOKS_MAX; look++) {
    shown = await page.evaluate<number>('document.documentElement.scrollWidth')
    if (shown === window) break
    await sleep(100)
  }
  return shown
}
