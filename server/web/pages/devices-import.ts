// Devices out as JSON or CSV, and in again: what would change is shown first, with the line of each
// fault, and done by a second step.

import Type from 'typebox'
import { type ImportStep, importDevices, planImport } from '../../devices/import.ts'
import { csvCells, csvHead } from '../../devices/list-text.ts'
import { AppError } from '../../model/errors.ts'
import { checker } from '../../validate.ts'
import { actorOf } from '../actor.ts'
import type { Handler, WebContext } from '../context.ts'
import { csvLine } from '../csv.ts'
import { say } from '../languages/say.ts'
import { page } from '../render.ts'

/** Characters of a list: what the server takes in one form, without what the form's coding adds. */
const listCharsMax = 500_000

const checkForm = checker(
  Type.Object({
    text: Type.String({ maxLength: listCharsMax }),
    confirmed: Type.Optional(Type.Literal('yes')),
  }),
)

export function exportJson(web: WebContext): Handler {
  return async (_request, reply) => {
    const devices = await web.devices.list()
    const configs = devices.map(({ config }) => config)
    return reply
      .type('application/json; charset=utf-8')
      .header('content-disposition', 'attachment; filename="devices.json"')
      .send(`${JSON.stringify(configs, null, 2)}\n`)
  }
}

export function exportCsv(web: WebContext): Handler {
  return async (_request, reply) => {
    const devices = await web.devices.list()
    const lines = [csvHead(), ...devices.map(({ config }) => csvCells(config))]
    return reply
      .type('text/csv; charset=utf-8')
      .header('content-disposition', 'attachment; filename="devices.csv"')
      .send(lines.map(csvLine).join(''))
  }
}

interface Shown {
  text: string
  problem: string
  steps: ImportStep[] | null
  done: boolean
}

const EMPTY: Shown = { text: '', problem: '', steps: null, done: false }

export function importPage(): Handler {
  return (request, reply) => show(request, reply, EMPTY)
}

export function importList(web: WebContext): Handler {
  return async (request, reply) => {
    const form = checkForm(request.body)
    if (!form.ok) {
      const problem = say(request).importing.tooLong(listCharsMax)
      return show(request, reply.code(422), { ...EMPTY, problem })
    }
    const { text, confirmed } = form.value
    const done = confirmed === 'yes'
    try {
      const steps = done
        ? await importDevices(web.devices, text, actorOf(request))
        : await planImport(web.devices, text, actorOf(request))
      if (steps.some(({ does }) => does === 'refuse')) reply.code(422)
      return await show(request, reply, { text, problem: '', steps, done })
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'E_DEVICE_LIST') throw error
      reply.code(422)
      return show(request, reply, { ...EMPTY, text, problem: error.message })
    }
  }
}

function show(
  request: Parameters<Handler>[0],
  reply: Parameters<Handler>[1],
  shown: Shown,
): Promise<string> {
  const count = (does: ImportStep['does']) =>
    shown.steps?.filter(step => step.does === does).length ?? 0
  return page(request, reply, 'devices/import', {
    title: say(request).importing.title,
    ...shown,
    counts: {
      create: count('create'),
      change: count('change'),
      nothing: count('nothing'),
      refuse: count('refuse'),
    },
  })
}
