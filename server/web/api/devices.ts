// Devices for programs: the same commands as behind the form. Documents are checked, secrets sealed
// and changes audited by the devices service.

import Type from 'typebox'
import type { CheckReport } from '../../collectors/collector.ts'
import type { Receipt } from '../../model/collection.ts'
import { type Device, DeviceConfig } from '../../model/device.ts'
import { AppError } from '../../model/errors.ts'
import type { Route, WebContext } from '../context.ts'
import { type Asked, call, closed, JSON_TYPE, MERGE_PATCH_TYPE } from './call.ts'
import {
  type DeviceAnswer,
  DeviceParams,
  deviceAnswer,
  knownDevice,
  sentConfig,
} from './device-answer.ts'
import { deviceListPage, ListQuery, nextLink } from './device-list.ts'
import { mergePatch } from './merge-patch.ts'
import { assertMatch, entityTag } from './precondition.ts'

/** "Test" waits so long for a device. */
const CHECK_MS_MAX = 20_000
/** Each one sends datagrams to an address of the asker's choice. */
const CHECKS_PER_MINUTE_MAX = 60

/** What else a config needs depends on its kind; the rest has defaults. */
const CONFIG_BODY = {
  types: [JSON_TYPE],
  schema: { ...DeviceConfig, required: ['id', 'kind'] },
}
/** A device's config with only what changes. */
const PATCH_BODY = { type: 'object' }

const RemoveQuery = Type.Object({ history: Type.Optional(Type.Boolean()) }, closed)

export function deviceCalls(web: WebContext): Route[] {
  return [
    listCall(web),
    createCall(web),
    // Before `:id` for the reader; the router prefers fixed names by itself.
    checkCall(web),
    readCall(web),
    replaceCall(web),
    patchCall(web),
    removeCall(web),
    pollCall(web),
    receiptsCall(web),
  ]
}

function listCall(web: WebContext): Route {
  return call({
    method: 'GET',
    path: '/api/v1/devices',
    permission: 'devices.read',
    summary: 'The devices, filtered and in pages',
    query: ListQuery,
    async answer({ query, request, reply }): Promise<DeviceAnswer[]> {
      const all = (await web.devices.list()).map(device => deviceAnswer(web, device))
      const { devices, total, next } = deviceListPage(all, query)
      reply.header('x-total-count', total)
      if (next !== null) reply.header('link', nextLink(request.url, next))
      return devices
    },
  })
}

function readCall(web: WebContext): Route {
  return call({
    method: 'GET',
    path: '/api/v1/devices/:id',
    permission: 'devices.read',
    summary: 'A device: its config, version, status and identity',
    params: DeviceParams,
    answer: async ({ params, reply }) => tagged(web, reply, await knownDevice(web, params.id)),
  })
}

function createCall(web: WebContext): Route {
  return call({
    method: 'POST',
    path: '/api/v1/devices',
    permission: 'devices.write',
    summary: 'Adds a device',
    status: 201,
    body: CONFIG_BODY,
    async answer({ body, by, reply }) {
      const device = await web.devices.create(body, by, 'api')
      reply.header('location', `/api/v1/devices/${device.config.id}`)
      return tagged(web, reply, device)
    },
  })
}

function replaceCall(web: WebContext): Route {
  return call({
    method: 'PUT',
    path: '/api/v1/devices/:id',
    permission: 'devices.write',
    summary: "Replaces a device's config",
    params: DeviceParams,
    body: CONFIG_BODY,
    async answer(asked) {
      const before = await knownDevice(web, asked.params.id)
      const { document, version } = sentConfig(asked.body, before)
      const after = await update(web, asked, before, document, version)
      return tagged(web, asked.reply, after)
    },
  })
}

function patchCall(web: WebContext): Route {
  return call({
    method: 'PATCH',
    path: '/api/v1/devices/:id',
    permission: 'devices.write',
    summary: "Changes some of a device's config (RFC 7396)",
    params: DeviceParams,
    body: { types: [JSON_TYPE, MERGE_PATCH_TYPE], schema: PATCH_BODY },
    async answer(asked) {
      const before = await knownDevice(web, asked.params.id)
      const document = mergePatch(before.config, asked.body)
      const after = await update(web, asked, before, document, before.version)
      return tagged(web, asked.reply, after)
    },
  })
}

function removeCall(web: WebContext): Route {
  return call({
    method: 'DELETE',
    path: '/api/v1/devices/:id',
    permission: 'devices.write',
    summary: 'Removes a device; with history its samples too',
    status: 204,
    params: DeviceParams,
    query: RemoveQuery,
    async answer({ params, query, by, request, reply }) {
      const device = await knownDevice(web, params.id)
      assertMatch(request.headers['if-match'], device.version)
      await web.devices.remove(params.id, { history: query.history ?? false }, by)
      return reply.send()
    },
  })
}

function pollCall(web: WebContext): Route {
  return call({
    method: 'POST',
    path: '/api/v1/devices/:id/poll',
    permission: 'devices.poll',
    summary: 'Reads a device now',
    status: 202,
    params: DeviceParams,
    async answer({ params, by }) {
      await web.devices.pollNow(params.id, by)
      return { device: params.id, queued: true }
    },
  })
}

function checkCall(web: WebContext): Route {
  return call({
    method: 'POST',
    path: '/api/v1/devices/check',
    permission: 'devices.write',
    summary: 'Tests a config without storing it',
    body: CONFIG_BODY,
    perMinuteMax: CHECKS_PER_MINUTE_MAX,
    async answer({ body, by, reply }): Promise<CheckReport> {
      const gone = new AbortController()
      reply.raw.once('close', () => gone.abort())
      return web.devices.check(
        body,
        by,
        AbortSignal.any([gone.signal, AbortSignal.timeout(CHECK_MS_MAX)]),
      )
    },
  })
}

function receiptsCall(web: WebContext): Route {
  return call({
    method: 'GET',
    path: '/api/v1/devices/:id/receipts',
    permission: 'devices.read',
    summary: "What came of a device's last change",
    params: DeviceParams,
    async answer({ params }): Promise<Receipt[]> {
      await knownDevice(web, params.id)
      return web.devices.receipts(params.id)
    },
  })
}

/** The answer that shows a device, with its version as entity tag. */
function tagged(
  web: WebContext,
  reply: Asked<unknown, unknown>['reply'],
  device: Device,
): DeviceAnswer {
  reply.header('etag', entityTag(device.version))
  return deviceAnswer(web, device)
}

async function update(
  web: WebContext,
  { by, request }: Asked<unknown, unknown>,
  { config: { id }, version }: Device,
  document: unknown,
  expectedVersion: number,
): Promise<Device> {
  const ifMatch = request.headers['if-match']
  assertMatch(ifMatch, version)
  try {
    return await web.devices.update(id, document, expectedVersion, by)
  } catch (error) {
    // Somebody saved between our look and our change: the same as having looked later.
    if (error instanceof AppError && error.code === 'E_DEVICE_CHANGED')
      assertMatch(ifMatch, (await knownDevice(web, id)).version)
    throw error
  }
}
