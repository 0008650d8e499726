// The page of one row of a device's table: an interface, a disk, a container.

import Type from 'typebox'
import { AppError } from '../../model/errors.ts'
import { checker } from '../../validate.ts'
import { isNumeric } from '../cells.ts'
import { rowFigures } from '../charts.ts'
import { logHref } from '../container-log.ts'
import type { Handler, WebContext } from '../context.ts'
import { loadDevice } from '../device-data.ts'
import { headerOf } from '../device-page.ts'
import { shortEvents } from '../event-list.ts'
import { hangingOn, PORTS } from '../hanging.ts'
import { readerOf, wordsOf } from '../languages/say.ts'
import { page } from '../render.ts'
import { rowStats } from '../row-stats.ts'
import { metricCell } from '../tables.ts'
import { isLocal, windowOf, windowTools, withDefaultRange } from '../window.ts'
import { plainText } from '../words.ts'

const checkParams = checker(
  Type.Object({ id: Type.String(), group: Type.String(), row: Type.String() }),
)

export function rowPage(web: WebContext): Handler {
  return async (request, reply) => {
    const params = checkParams(request.params)
    if (!params.ok) throw new AppError('E_NOT_FOUND', 'there is no such row')
    const view = await loadDevice(web, params.value.id)
    const now = Date.now()
    const reader = readerOf(request)
    const { zone } = reader
    const asked = withDefaultRange(request.query, now - view.device.createdAt)
    const window = windowOf(asked, now, zone)
    if (isLocal(request.query)) return reply.redirect(`?${window.query}`, 302)
    const group = view.groups.get(params.value.group)
    const values = group && view.values.get(group.id)
    const row = values?.rows.find(one => one.key === params.value.row)
    if (!group || !values || !row) {
      throw new AppError('E_NOT_FOUND', 'this device has no such row', {
        hint: 'it may have gone since; the page of the device lists all rows',
      })
    }
    const { uid } = view.device
    const about = { group: group.id, row: row.key }
    const name = plainText(row.name, 120)
    return page(request, reply, 'row', {
      title: `${name} · ${plainText(view.device.config.name, 100)}`,
      id: view.id,
      name,
      subtitle: plainText(row.subtitle, 255),
      group: { id: group.id, title: group.title, description: group.description },
      header: headerOf(web, view, wordsOf(reader)),
      logHref: logHref(web, view, group.id, row.key),
      labels: Object.entries(row.labels)
        .map(([label, text]) => ({
          title: label.replaceAll('_', ' '),
          value: plainText(text, 255),
        }))
        .filter(({ value }) => value !== ''),
      values: group.metrics.map(metric => ({
        title: metric.title,
        description: metric.description,
        isNumber: isNumeric(metric),
        ...metricCell(group, values, row.key, metric),
      })),
      hanging:
        group.id === PORTS ? await hangingOn(web, uid, { index: row.index, name: row.name }) : null,
      stale: values.stale,
      at: values.at,
      figures: rowFigures(view, group, row, window),
      stats: await rowStats(web.store, view, group, group.table ? row : null, window),
      tools: windowTools(window, now, zone),
      keep: '',
      window,
      ...(await shortEvents(web, { id: view.id, uid }, about)),
    })
  }
}
