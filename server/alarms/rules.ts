// Rules and maintenance windows that people make: checked, stored, kept in memory for judge, and told
// to the audit log. Another process's changes are seen at the next re-read.

import { randomBytes } from 'node:crypto'
import Type from 'typebox'
import type { Audit } from '../audit.ts'
import type { Logger } from '../log.ts'
import { AppError, type FieldError, messageOf } from '../model/errors.ts'
import { MaintenanceWindow, maintenanceOf } from '../model/maintenance.ts'
import { type Rule, type RuleDevice, RuleDocument } from '../model/rule.ts'
import type { Actor } from '../model/user.ts'
import { expressionProblem, RULE_EXPRESSIONS } from '../profiles/alarmoverride.ts'
import type { RuleStore, StoredDocument } from '../store/contract.ts'
import { checker } from '../validate.ts'

const refreshMs = 30_000
/** Of each sort. */
const rulesMax = 1000
const windowsMax = 1000

export type StoredWindow = MaintenanceWindow & { id: string; by: string }

export interface Rules {
  /** Rules that people made, in the order of their names. */
  people(): readonly Rule[]
  windows(): readonly StoredWindow[]
  inMaintenance(device: RuleDevice, now: number): { window: StoredWindow; to: number } | null
  /** Called after rules or windows changed. */
  onChange(listener: () => void): void
  /** @returns its id @throws AppError E_RULE (with `errors`), E_RULE_CHANGED */
  save(id: string | null, document: unknown, expectedVersion: number, by: Actor): Promise<string>
  /** What is wrong with a document; empty: nothing. */
  check(document: unknown): FieldError[]
  /** @throws AppError E_NOT_FOUND */
  remove(id: string, by: Actor): Promise<void>
  /** @throws AppError E_MAINTENANCE (with `errors`) */
  saveWindow(document: unknown, by: Actor): Promise<string>
  /** @throws AppError E_NOT_FOUND */
  removeWindow(id: string, by: Actor): Promise<void>
  close(): void
}

const checkRule = checker(RuleDocument)
const checkWindow = checker(MaintenanceWindow)

export async function createRules(parts: {
  store: RuleStore
  audit: Audit
  log: Logger
}): Promise<Rules> {
  const { store, audit, log } = parts
  let people: Rule[] = []
  let windows: StoredWindow[] = []
  const listeners: (() => void)[] = []
  let last = ''

  const refresh = async () => {
    const [rules, found] = [await store.list(), await store.windows()]
    const text = JSON.stringify([rules, found])
    if (text === last) return
    last = text
    people = rules.map(ruleOf).filter(rule => rule !== null)
    people.sort((a, b) => a.name.localeCompare(b.name))
    windows = found.map(windowOf).filter(window => window !== null)
    for (const listener of listeners) listener()
  }
  await refresh()
  const timer = setInterval(() => {
    refresh().catch(error => log.debug({ error: messageOf(error) }, 'rules are re-read later'))
  }, refreshMs)
  timer.unref()

  return {
    people: () => people,
    windows: () => windows,
    inMaintenance: (device, now) => maintenanceOf(windows, device, now),
    onChange: listener => void listeners.push(listener),
    check: ruleErrors,
    async save(id, document, expectedVersion, by) {
      const errors = ruleErrors(document)
      if (id === null && people.length >= rulesMax) {
        errors.push({ path: 'name', message: `there are ${rulesMax} rules already` })
      }
      if (errors.length > 0) throw refused('E_RULE', 'the rule is not valid', errors)
      const key = id ?? `r-${randomBytes(6).toString('hex')}`
      const before = people.find(rule => rule.id === key)
      await store.put(key, document, expectedVersion, by.name, Date.now())
      const change = { before: before ?? null, after: document }
      await audit.record(by, before ? 'rule.update' : 'rule.create', `rule:${key}`, change)
      await refresh()
      return key
    },
    async remove(id, by) {
      const before = people.find(rule => rule.id === id)
      if (!(await store.remove(id))) throw new AppError('E_NOT_FOUND', 'there is no such rule')
      await audit.record(by, 'rule.delete', `rule:${id}`, { before: before ?? null })
      await refresh()
    },
    async saveWindow(document, by) {
      const checked = checkWindow(document)
      const errors = checked.ok ? windowErrors(checked.value) : checked.errors
      if (windows.length >= windowsMax) {
        errors.push({ path: 'name', message: `there are ${windowsMax} windows already` })
      }
      if (!checked.ok || errors.length > 0) {
        throw refused('E_MAINTENANCE', 'the maintenance window is not valid', errors)
      }
      const id = `m-${randomBytes(6).toString('hex')}`
      await store.putWindow(id, document, checked.value.once?.to ?? null, by.name, Date.now())
      await audit.record(by, 'maintenance.create', `maintenance:${id}`, { after: document })
      await refresh()
      return id
    },
    async removeWindow(id, by) {
      const before = windows.find(window => window.id === id)
      if (!(await store.removeWindow(id, Date.now()))) {
        throw new AppError('E_NOT_FOUND', 'there is no such maintenance window')
      }
      await audit.record(by, 'maintenance.delete', `maintenance:${id}`, { before: before ?? null })
      await refresh()
    },
    close: () => clearInterval(timer),
  }
}

function refused(code: string, what: string, errors: FieldError[]): AppError {
  const first = errors[0]
  return new AppError(code, `${what}: ${first?.path} ${first?.message}`, { errors })
}

function ruleOf({ id, version, document, by }: StoredDocument): Rule | null {
  const checked = checkRule(document)
  if (!checked.ok) return null
  return { ...checked.value, id, version, source: 'person', from: by, changed: false }
}

function windowOf({ id, document, by }: StoredDocument): StoredWindow | null {
  const checked = checkWindow(document)
  return checked.ok ? { ...checked.value, id, by } : null
}

const checkTexts = checker(Type.Record(Type.String(), Type.Unknown()))

/** Everything at once, so that a form is wrong once. */
function ruleErrors(document: unknown): FieldError[] {
  const checked = checkRule(document)
  const fields = checkTexts(document)
  const expressions = fields.ok ? expressionErrors(fields.value) : []
  return checked.ok
    ? [...meaningErrors(checked.value), ...expressions]
    : [...checked.errors, ...expressions]
}

function meaningErrors(rule: RuleDocument): FieldError[] {
  const errors: FieldError[] = []
  if ((rule.role === undefined) === (rule.metric === undefined)) {
    errors.push({ path: 'metric', message: 'choose either a role or a metric' })
  }
  const needsLevel = !['missing', 'state', 'text'].includes(rule.condition)
  if (needsLevel && RULE_EXPRESSIONS.slice(0, 3).every(field => rule[field] === undefined)) {
    errors.push({ path: 'warning', message: 'write at least one of critical, warning and info' })
  }
  return errors
}

function expressionErrors(fields: Record<string, unknown>): FieldError[] {
  return RULE_EXPRESSIONS.flatMap(path => {
    const text = fields[path]
    if (typeof text !== 'string') return []
    const message = expressionProblem(text, fields.role !== undefined)
    return message === null ? [] : [{ path, message }]
  })
}

function windowErrors({ once, weekly }: MaintenanceWindow): FieldError[] {
  if ((once === undefined) === (weekly === undefined)) {
    return [{ path: 'once', message: 'say either when it is, or on which days it comes again' }]
  }
  if (once && once.to <= once.from) return [{ path: 'to', message: 'must be after its begin' }]
  return []
}
