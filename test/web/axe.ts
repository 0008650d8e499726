// axe-core in a page of ours: WCAG 2.2 A and AA, by its own rules. Its source is evaluated through the
// browser's tools, so that the Content-Security-Policy of the page stays as it is.

import { readFile } from 'node:fs/promises'
import path from 'node:path'
import type { Page } from 'playwright-core'
import { NODE_MODULES_DIR } from '../../server/paths.ts'

const source = await readFile(path.join(NODE_MODULES_DIR, 'axe-core/axe.min.js'), 'utf8')

const RUN = `axe.run(document, {
  runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
  resultTypes: ['violations'],
}).then(({ violations, passes }) => ({
  passed: passes.length,
  violations: violations.flatMap(({ id, nodes }) =>
    nodes.map(node => id + ': ' + node.target.join(' ') + ' ' + node.any.map(one => one.message).join('; '))),
}))`

export interface AxeResult {
  /** Rules that found something to check and nothing wrong. */
  passed: number
  /** `rule: selector what is wrong`. */
  violations: string[]
}

export async function axe(page: Page): Promise<AxeResult> {
  await page.evaluate(source)
  return page.evaluate<AxeResult>(RUN)
}
