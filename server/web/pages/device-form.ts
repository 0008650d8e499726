// Adding, changing, testing and deleting a device, and the buttons of its page. A refused form comes
// back with what was typed (but never a secret), and says beside each field what is wrong.

import type { FastifyReply, FastifyRequest } from 'fastify'
import type { CheckReport } from '../../collectors/collector.ts'
import type { Device } from '../../model/device.ts'
import { AppError } from '../../model/errors.ts'
import { actorOf } from '../actor.ts'
import type { Handler, WebContext } from '../context.ts'
import { problemOf } from '../errors.ts'
import { say } from '../languages/say.ts'
import { proposalFor } from '../parents.ts'
import { fragment, goTo, isHtmx, page } from '../render.ts'
import { plainText } from '../words.ts'
import {
  documentOf,
  EMPTY,
  formErrors,
  hasTypedSecret,
  readValues,
  SECRET_FIELDS,
  type Values,
  valueAt,
  valuesOf,
  withOtherRows,
  withoutBlankRows,
} from './device-fields.ts'
import { type ShownError, shownErrors } from './device-form-errors.ts'
import { sectionsOf } from './device-form-parts.ts'

/** A test ends after this, whatever the device does. */
const TEST_MS_MAX = 20_000

/** What "Test" found: the collector's report, or why nobody was asked. */
type TestResult =
  | { report: CheckReport; titles: Map<string, string> }
  | { report: null; problem: string; hint: string; errors: ShownError[] }

interface Shown {
  values: Values
  stored: Device | null
  errors?: ShownError[]
  /** What is wrong with the whole, as a sentence, and what to do. */
  problem?: { title: string; hint: string } | null
  test?: TestResult | null
}

export function newPage(web: WebContext): Handler {
  return async (request, reply) => showForm(web, request, reply, { values: EMPTY, stored: null })
}

export function editPage(web: WebContext): Handler {
  return async (request, reply) => {
    const stored = await known(web, request)
    return showForm(web, request, reply, { values: valuesOf(stored), stored })
  }
}

export function createDevice(web: WebContext): Handler {
  return async (request, reply) => {
    const sent = readValues(request.body)
    const otherRows = withOtherRows(sent)
    if (otherRows) return showForm(web, request, reply, { values: otherRows, stored: null })
    const values = withoutBlankRows(sent)
    const document = documentOf(values, null)
    try {
      assertForm(document)
      const device = await web.devices.create(document, actorOf(request), 'form')
      return goTo(request, reply, pathOf(device))
    } catch (error) {
      return refused(web, request, reply, error, { values, stored: null })
    }
  }
}

export function updateDevice(web: WebContext): Handler {
  return async (request, reply) => {
    const stored = await known(web, request)
    const sent = readValues(request.body)
    const otherRows = withOtherRows(sent)
    if (otherRows) return showForm(web, request, reply, { values: otherRows, stored })
    const values = withoutBlankRows(sent)
    const version = Number(values._version)
    try {
      if (!Number.isInteger(version))
        throw new AppError('E_FORM', 'the form does not say which version it changes')
      const document = documentOf(values, stored)
      await web.devices.update(stored.config.id, document, version, actorOf(request))
      return goTo(request, reply, pathOf(stored))
    } catch (error) {
      return refused(web, request, reply, error, { values, stored })
    }
  }
}

/** Works on what the form says now, saved or not; a secret left empty is the stored one. */
export function testDevice(web: WebContext): Handler {
  return async (request, reply) => {
    const values = withoutBlankRows(readValues(request.body))
    const stored = values._version ? await web.devices.get(values.id ?? '') : null
    const test = await testOf(web, values, stored, request)
    if (!test.report) reply.code(422)
    if (isHtmx(request)) return fragment(request, reply, 'device-form/_test', { test })
    return showForm(web, request, reply, { values, stored, test })
  }
}

async function testOf(
  web: WebContext,
  values: Values,
  stored: Device | null,
  request: FastifyRequest,
): Promise<TestResult> {
  const document = documentOf(values, stored)
  const named = { ...document, id: document.id || 'test', name: document.name || 'test' }
  try {
    const report = await web.devices.check(
      named,
      actorOf(request),
      AbortSignal.timeout(TEST_MS_MAX),
    )
    const titles = new Map<string, string>()
    for (const { id, title } of web.catalogue().profiles.values()) titles.set(id, title)
    return { report, titles }
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    const errors = shownErrors(error.errors, values, say(request))
    const problem = errors.length > 0 ? 'mend these fields first' : error.message
    return { report: null, problem, hint: errors.length > 0 ? '' : (error.hint ?? ''), errors }
  }
}

export function deletePage(web: WebContext): Handler {
  return async (request, reply) => {
    const device = await known(web, request)
    return showDelete(web, request, reply, device, '')
  }
}

export function deleteDevice(web: WebContext): Handler {
  return async (request, reply) => {
    const device = await known(web, request)
    const values = readValues(request.body)
    const history = values.history === 'delete'
    if (!history && values.history !== 'keep')
      return showDelete(
        web,
        request,
        reply.code(422),
        device,
        'Choose what becomes of its history.',
      )
    if (history && values.confirm?.trim() !== device.config.id) {
      const problem = `To delete the history too, type the id: ${device.config.id}`
      return showDelete(web, request, reply.code(422), device, problem)
    }
    await web.devices.remove(device.config.id, { history }, actorOf(request))
    return goTo(request, reply, '/devices')
  }
}

export function pauseDevice(web: WebContext): Handler {
  return setEnabled(web, false)
}

export function resumeDevice(web: WebContext): Handler {
  return setEnabled(web, true)
}

function setEnabled(web: WebContext, enabled: boolean): Handler {
  return async (request, reply) => {
    const { config, version } = await known(web, request)
    await web.devices.update(config.id, { ...config, enabled }, version, actorOf(request))
    return goTo(request, reply, `/devices/${encodeURIComponent(config.id)}`)
  }
}

export function pollDevice(web: WebContext): Handler {
  return async (request, reply) => {
    const device = await known(web, request)
    await web.devices.pollNow(device.config.id, actorOf(request))
    return goTo(request, reply, pathOf(device))
  }
}

/** @throws AppError E_DEVICE_UNKNOWN */
async function known(web: WebContext, request: FastifyRequest): Promise<Device> {
  const { id } = request.params as { id: string }
  const device = await web.devices.get(id)
  if (device) return device
  throw new AppError('E_DEVICE_UNKNOWN', 'there is no such device', {
    hint: 'it may have been deleted: look at the list of devices',
  })
}

function pathOf({ config }: Device): string {
  return `/devices/${encodeURIComponent(config.id)}`
}

function assertForm(document: Record<string, unknown>): void {
  const errors = formErrors(document)
  if (errors.length === 0) return
  throw new AppError('E_DEVICE_INVALID', 'the device is not valid', { errors })
}

/** The form again, with what is wrong; what is no fault of the form goes on to the error page. */
async function refused(
  web: WebContext,
  request: FastifyRequest,
  reply: FastifyReply,
  error: unknown,
  { values, stored }: { values: Values; stored: Device | null },
): Promise<unknown> {
  if (!(error instanceof AppError)) throw error
  const { status } = problemOf(error)
  if (status >= 500 || status === 404) throw error
  reply.code(error.errors.length > 0 ? 422 : status)
  if (error.code === 'E_DEVICE_CHANGED' && stored) {
    return showForm(web, request, reply, {
      values: { ...values, _version: String(stored.version) },
      stored,
      problem: {
        title: say(request).deviceForm.changed,
        hint: say(request).deviceForm.changedHint,
      },
    })
  }
  const errors = shownErrors(error.errors, values, say(request))
  const problem = errors.length > 0 ? null : { title: error.message, hint: error.hint ?? '' }
  return showForm(web, request, reply, { values, stored, errors, problem })
}

async function showForm(
  web: WebContext,
  request: FastifyRequest,
  reply: FastifyReply,
  { values, stored, errors = [], problem = null, test = null }: Shown,
): Promise<string> {
  const words = say(request)
  const { deviceForm, devices } = words
  const title = stored ? deviceForm.edit(plainText(stored.config.name)) : devices.add
  const kept = keptSecrets(stored)
  const retype = request.method === 'POST' && hasTypedSecret(values)
  return page(request, reply, 'device-form', {
    title,
    stored,
    values: Object.fromEntries(
      Object.entries(values).filter(([name]) => !SECRET_FIELDS.includes(name)),
    ),
    sections: sectionsOf({
      ...{ words, values, kept, errors, retype },
      kind: stored?.config.kind ?? null,
    }),
    errors,
    problem,
    test,
    proposal: stored && (await proposalFor(web, stored.config.id)),
    fromFile: stored?.source === 'file',
    known: [...web.catalogue().profiles.values()].map(({ id, title }) => ({ id, title })),
  })
}

/** Secret fields that the stored device has something in. */
function keptSecrets(stored: Device | null): Set<string> {
  return new Set(SECRET_FIELDS.filter(name => valueAt(stored?.config, name) !== undefined))
}

async function showDelete(
  web: WebContext,
  request: FastifyRequest,
  reply: FastifyReply,
  device: Device,
  problem: string,
): Promise<string> {
  const series = await web.store.samples.series(device.uid)
  return page(request, reply, 'device-delete', {
    title: say(request).deviceForm.remove(plainText(device.config.name)),
    device,
    series: series.length,
    firstAt: series.reduce((first, { firstAt }) => Math.min(first, firstAt), Date.now()),
    problem,
    fromFile: device.source === 'file',
  })
}
