// Alarm rules: one list of all of them wherever they come from, the form of those that people make, and
// their rehearsal.

import Type from 'typebox'
import { AppError, type FieldError } from '../../model/errors.ts'
import { SEVERITIES } from '../../model/event.ts'
import { ROLES } from '../../model/profile.ts'
import { OFFERED_CONDITIONS, type Rule } from '../../model/rule.ts'
import { checker } from '../../validate.ts'
import { actorOf } from '../actor.ts'
import type { Handler, WebContext } from '../context.ts'
import { readerOf, say } from '../languages/say.ts'
import { rehearsal } from '../rehearsal.ts'
import { fragment, goTo, isHtmx, page } from '../render.ts'
import { EMPTY_RULE, fieldOf, RULE_KINDS, ruleDocument, ruleValues } from '../rule-form.ts'
import { allRules } from '../rule-list.ts'
import { readValues, type Values } from './device-fields.ts'

const linesMax = 300
/** Names offered for metrics. */
const offeredMax = 500

const checkId = checker(Type.Object({ id: Type.String({ pattern: '^r-[0-9a-f]{1,20}$' }) }))
const checkQuery = checker(Type.Object({ q: Type.Optional(Type.String({ maxLength: 100 })) }))

export function rulesPage(web: WebContext): Handler {
  return async (request, reply) => {
    const asked = checkQuery(request.query)
    const q = (asked.ok ? (asked.value.q ?? '') : '').trim()
    const all = (await allRules(web)).filter(line => matches(line.search, q))
    return page(request, reply, 'rules', {
      title: say(request).rules.title,
      ...{ q, lines: all.slice(0, linesMax), more: Math.max(0, all.length - linesMax) },
    })
  }
}

const matches = (text: string, q: string): boolean => text.includes(q.toLowerCase())

interface Shown {
  values: Values
  errors: readonly FieldError[]
  rule: Rule | null
  rehearsal?: Record<string, unknown> | null
}

async function show(
  web: WebContext,
  request: Parameters<Handler>[0],
  reply: Parameters<Handler>[1],
  { values, errors, rule, rehearsal = null }: Shown,
): Promise<string> {
  const words = say(request)
  web.alarms.rehearsals.warm()
  return page(request, reply, 'rules/form', {
    title: rule ? words.rules.edit : words.rules.add,
    ...{ values, errors: errors.map(fieldOf), rule, result: rehearsal },
    ...{ roles: ROLES, conditions: OFFERED_CONDITIONS, severities: SEVERITIES, kinds: RULE_KINDS },
    offered: await offeredMetrics(web),
  })
}

/** Metrics of the devices that there are. */
async function offeredMetrics(web: WebContext): Promise<string[]> {
  const names = new Set<string>()
  for (const device of await web.devices.list()) {
    if (names.size >= offeredMax) break
    for (const { group, metric } of web.alarms.metricsOf(device)) names.add(`${group}.${metric}`)
  }
  return [...names].sort().slice(0, offeredMax)
}

export function newRulePage(web: WebContext): Handler {
  return (request, reply) =>
    show(web, request, reply, { values: EMPTY_RULE, errors: [], rule: null })
}

function knownRule(web: WebContext, params: unknown): Rule {
  const checked = checkId(params)
  const rule = checked.ok && web.alarms.rules.people().find(({ id }) => id === checked.value.id)
  if (!rule) throw new AppError('E_NOT_FOUND', 'there is no such rule')
  return rule
}

export function rulePage(web: WebContext): Handler {
  return (request, reply) => {
    const rule = knownRule(web, request.params)
    return show(web, request, reply, { values: ruleValues(rule), errors: [], rule })
  }
}

/** Makes a rule, or changes the one that the address names. */
export function saveRule(web: WebContext): Handler {
  return async (request, reply) => {
    const isNew = !checkId(request.params).ok
    const rule = isNew ? null : knownRule(web, request.params)
    const values = readValues(request.body)
    const version = /^[0-9]{1,9}$/.test(values._version ?? '') ? Number(values._version) : 0
    try {
      const by = actorOf(request)
      await web.alarms.rules.save(rule?.id ?? null, ruleDocument(values), rule ? version : 0, by)
    } catch (error) {
      if (!(error instanceof AppError) || !['E_RULE', 'E_RULE_CHANGED'].includes(error.code)) {
        throw error
      }
      const isChanged = error.code === 'E_RULE_CHANGED'
      const errors = isChanged
        ? [{ path: 'name', message: say(request).rules.changed }]
        : error.errors
      return show(web, request, reply.code(isChanged ? 409 : 422), { values, errors, rule })
    }
    return goTo(request, reply, '/rules')
  }
}

export function deleteRule(web: WebContext): Handler {
  return async (request, reply) => {
    await web.alarms.rules.remove(knownRule(web, request.params).id, actorOf(request))
    return goTo(request, reply, '/rules')
  }
}

/** What the rule in the form would have done; nothing is saved. */
export function rehearseRule(web: WebContext): Handler {
  return async (request, reply) => {
    const values = readValues(request.body)
    const document = ruleDocument(values)
    const errors = web.alarms.rules.check({ ...document, name: document.name || '?' })
    const result =
      errors.length > 0
        ? { errors: errors.map(fieldOf) }
        : await rehearsal(web, readerOf(request).zone, document)
    if (isHtmx(request)) return fragment(request, reply, 'rules/_rehearsal', { result })
    const version = values._version
    const rule = version ? ruleOfBody(web, values) : null
    return show(web, request, reply, { values, errors, rule, rehearsal: result })
  }
}

/** The rule that the form is about, so that the page without JavaScript goes on with it. */
function ruleOfBody(web: WebContext, { _id: id }: Values): Rule | null {
  return web.alarms.rules.people().find(rule => rule.id === id) ?? null
}
