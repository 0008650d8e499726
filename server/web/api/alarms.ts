// Alarms, their acknowledgement, rules and maintenance windows for programs.

import Type from 'typebox'
import { ACK_NOTE_MAX, ALARM_STATES, type Alarm } from '../../model/alarm.ts'
import { AppError } from '../../model/errors.ts'
import { SEVERITIES } from '../../model/event.ts'
import { MaintenanceWindow } from '../../model/maintenance.ts'
import { RuleDocument } from '../../model/rule.ts'
import { checker } from '../../validate.ts'
import type { Route, WebContext } from '../context.ts'
import { allRules } from '../rule-list.ts'
import { call, closed, JSON_TYPE } from './call.ts'
import { knownDevice } from './device-answer.ts'
import { nextLink } from './device-list.ts'

const limitDefault = 100
const limitMax = 1000

const AlarmParams = Type.Object({ id: Type.String({ pattern: '^[A-Za-z0-9_-]{1,22}$' }) }, closed)
const ListQuery = Type.Object(
  {
    state: Type.Optional(Type.Array(Type.Enum(ALARM_STATES), { maxItems: ALARM_STATES.length })),
    severity: Type.Optional(Type.Array(Type.Enum(SEVERITIES), { maxItems: SEVERITIES.length })),
    device: Type.Optional(Type.String({ maxLength: 63 })),
    rule: Type.Optional(Type.String({ maxLength: 200 })),
    q: Type.Optional(Type.String({ maxLength: 100 })),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: limitMax })),
    cursor: Type.Optional(Type.String({ pattern: '^[0-9]{1,16}-[A-Za-z0-9_-]{1,22}$' })),
  },
  closed,
)
const AckBody = Type.Object(
  { note: Type.Optional(Type.String({ maxLength: ACK_NOTE_MAX })) },
  closed,
)
const checkAck = checker(AckBody)
const RuleParams = Type.Object({ id: Type.String({ pattern: '^r-[0-9a-f]{1,20}$' }) }, closed)
const WindowParams = Type.Object({ id: Type.String({ pattern: '^m-[0-9a-f]{1,20}$' }) }, closed)

export function alarmCalls(web: WebContext): Route[] {
  return [listCall(web), oneCall(web), ackCall(web), ...ruleCalls(web), ...windowCalls(web)]
}

function listCall(web: WebContext): Route {
  return call({
    method: 'GET',
    path: '/api/v1/alarms',
    permission: 'devices.read',
    summary: 'Alarms, newest first, filtered and in pages; without a state those that are open',
    query: ListQuery,
    async answer({ query, request, reply }): Promise<Alarm[]> {
      const { limit = limitDefault, device, state, severity, rule, q, cursor } = query
      const uid = device === undefined ? undefined : (await knownDevice(web, device)).uid
      const found = await web.store.alarms.list({
        states: state ?? ['active', 'acknowledged', 'suppressed'],
        ...(severity && { severities: severity }),
        ...(uid !== undefined && { deviceUid: uid }),
        ...(rule !== undefined && { rule }),
        ...(q && { text: q }),
        ...(cursor && { before: cursor }),
        limit: limit + 1,
      })
      const shown = found.slice(0, limit)
      const last = shown.at(-1)
      if (last && found.length > limit) {
        reply.header('link', nextLink(request.url, `${last.raisedAt}-${last.id}`))
      }
      return shown
    },
  })
}

function oneCall(web: WebContext): Route {
  return call({
    method: 'GET',
    path: '/api/v1/alarms/:id',
    permission: 'devices.read',
    summary: 'One alarm with all its transitions',
    params: AlarmParams,
    async answer({ params }) {
      const alarm = await web.store.alarms.get(params.id)
      if (!alarm) throw new AppError('E_NOT_FOUND', 'there is no such alarm')
      const steps = await web.store.alarms.transitions({ alarm: alarm.id, limit: limitMax })
      const transitions = steps.map(({ id, at, from, to, reason, alarm: after }) => ({
        ...{ id, at, from, to, reason, severity: after.severity, value: after.value },
        ...{ limit: after.limit, ruleVersion: after.ruleVersion },
      }))
      return { ...alarm, transitions }
    },
  })
}

function ackCall(web: WebContext): Route {
  return call({
    method: 'POST',
    path: '/api/v1/alarms/:id/ack',
    permission: 'alarms.acknowledge',
    summary: 'Acknowledges an active alarm until it is clear; another one is left as it is',
    params: AlarmParams,
    body: { types: [JSON_TYPE], schema: AckBody },
    async answer({ params, body, by }) {
      const checked = checkAck(body ?? {})
      if (!checked.ok) {
        throw new AppError('E_ACK', 'the acknowledgement is not valid', { errors: checked.errors })
      }
      const [taken] = await web.alarms.desk.acknowledge([params.id], checked.value.note ?? '', by)
      const alarm = taken ?? (await web.store.alarms.get(params.id))
      if (!alarm) throw new AppError('E_NOT_FOUND', 'there is no such alarm')
      return alarm
    },
  })
}

function ruleCalls(web: WebContext): Route[] {
  return [
    call({
      method: 'GET',
      path: '/api/v1/rules',
      permission: 'devices.read',
      summary: 'All alarm rules, wherever they come from; `document` of those that people made',
      async answer() {
        const people = new Map(web.alarms.rules.people().map(rule => [rule.id, rule]))
        const lines = await allRules(web)
        return lines.map(({ search: _search, href: _href, ...line }) => {
          const rule = people.get(line.id)
          return rule ? { ...line, version: rule.version, document: documentOf(rule) } : line
        })
      },
    }),
    call({
      method: 'POST',
      path: '/api/v1/rules',
      permission: 'rules.write',
      summary: 'Makes an alarm rule',
      status: 201,
      body: { types: [JSON_TYPE], schema: RuleDocument },
      async answer({ body, by, reply }) {
        const id = await web.alarms.rules.save(null, body, 0, by)
        reply.code(201)
        return { id }
      },
    }),
    call({
      method: 'PUT',
      path: '/api/v1/rules/:id',
      permission: 'rules.write',
      summary: 'Changes an alarm rule as a whole',
      status: 204,
      params: RuleParams,
      body: { types: [JSON_TYPE], schema: RuleDocument },
      async answer({ params, body, by }) {
        const rule = web.alarms.rules.people().find(({ id }) => id === params.id)
        if (!rule) throw new AppError('E_NOT_FOUND', 'there is no such rule')
        await web.alarms.rules.save(rule.id, body, rule.version, by)
      },
    }),
    call({
      method: 'DELETE',
      path: '/api/v1/rules/:id',
      permission: 'rules.write',
      summary: 'Deletes an alarm rule; its alarms end',
      status: 204,
      params: RuleParams,
      answer: ({ params, by }) => web.alarms.rules.remove(params.id, by),
    }),
  ]
}

function documentOf(rule: ReturnType<WebContext['alarms']['rules']['people']>[number]) {
  const {
    id: _id,
    version: _version,
    source: _source,
    from: _from,
    changed: _changed,
    ...rest
  } = rule
  return rest
}

function windowCalls(web: WebContext): Route[] {
  return [
    call({
      method: 'GET',
      path: '/api/v1/maintenance',
      permission: 'devices.read',
      summary: 'Maintenance windows',
      answer: async () => web.alarms.rules.windows(),
    }),
    call({
      method: 'POST',
      path: '/api/v1/maintenance',
      permission: 'maintenance.write',
      summary: 'Makes a maintenance window, once or every week',
      status: 201,
      body: { types: [JSON_TYPE], schema: MaintenanceWindow },
      async answer({ body, by, reply }) {
        const id = await web.alarms.rules.saveWindow(body, by)
        reply.code(201)
        return { id }
      },
    }),
    call({
      method: 'DELETE',
      path: '/api/v1/maintenance/:id',
      permission: 'maintenance.write',
      summary: 'Removes a maintenance window',
      status: 204,
      params: WindowParams,
      answer: ({ params, by }) => web.alarms.rules.removeWindow(params.id, by),
    }),
  ]
}
