// axe-core in a page of ours: WCAG 2.2 A and AA, by its own rules. Its source is evaluated through the
// browser's tools, so that the Content-Security-Policy of the page stays as it is.

import { readFile } from 'node:fs/promises'
import path from 'node:path'
import type { Page } from 'playwright-core'
import { NODE_MODULES_DIR } from '../../server/paths.ts'

const source = await readFile(path.join(NODE_MODULES_DIR, 'axe-core/axe.min.js'), 'utf8')

const LEVELS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']

const run = (runOnly: object) => `axe.run(document, {
  runOnly: ${JSON.stringify(runOnly)},
  resultTypes: ['violations'],
}).then(({ violations, passes }) => ({
  passed: passes.length,
  violations: violations.flatMap(({ id, nodes }) =>
    nodes.map(node => id + ': ' + node.target.join(' ') + ' ' + node.any.map(one => one.message).join('; '))),
}))`

/**
 * A colour on its way from one theme to the other is neither's. Not waited for longer than 3 s: of several
 * windows only one is drawn, and some animations have no end.
 */
const SETTLED = `Promise.race([
  new Promise(done => setTimeout(done, 3000)),
  new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))
    .then(() => Promise.allSettled(document.getAnimations().map(one => one.finished))),
])`

export interface AxeResult {
  /** Rules that found something to check and nothing wrong. */
  passed: number
  /** `rule: selector what is wrong`. */
  violations: string[]
}

/** @param rules ids of single rules; default: all of levels A and AA */
export async function axe(page: Page, rules?: string[]): Promise<AxeResult> {
  await page.evaluate(SETTLED)
  await page.evaluate(source)
  const values = rules ?? LEVELS
  return page.evaluate<AxeResult>(run({ type: rules ? 'rule' : 'tag', values }))
}
