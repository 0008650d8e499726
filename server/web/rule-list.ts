// All rules there are, wherever they come from, each once: those of profiles as the devices in use have
// them, those of devices' configs, and those of people.

import type { Rule } from '../model/rule.ts'
import type { WebContext } from './context.ts'
import { plainText } from './words.ts'

export interface RuleLine {
  id: string
  name: string
  about: string
  limit: string
  source: Rule['source']
  from: string
  /** Devices that it is in force on now. */
  devices: number
  enabled: boolean
  /** Why it cannot be judged; empty: it can. */
  problem: string
  /** Made by people: it has a page. */
  href: string | null
  search: string
}

export async function allRules(web: WebContext): Promise<RuleLine[]> {
  const found = new Map<string, { rule: Rule; devices: number; problem: string }>()
  const add = (rule: Rule, devices: number, problem: string) => {
    const known = found.get(rule.id)
    if (known) known.devices += devices
    else found.set(rule.id, { rule, devices, problem })
  }
  for (const rule of web.alarms.rules.people()) add(rule, 0, '')
  for (const device of await web.devices.list()) {
    const { rules, problems } = web.alarms.bookOf(device)
    for (const rule of new Set(rules.map(one => one.rule))) add(rule, 1, '')
    for (const { rule, problem } of problems) add(rule, 0, problem)
  }
  const order = { person: 0, device: 1, 'built-in': 2, profile: 3 }
  return [...found.values()]
    .map(({ rule, devices, problem }) => lineOf(rule, devices, problem))
    .sort((a, b) => order[a.source] - order[b.source] || a.name.localeCompare(b.name))
}

function lineOf(rule: Rule, devices: number, problem: string): RuleLine {
  const name = plainText(rule.name, 80)
  const row = rule.row === undefined ? '' : ` @${plainText(rule.row, 60)}`
  const about = `${rule.role ?? rule.metric ?? ''}${row}`
  const from = plainText(rule.from, 80)
  return {
    ...{ id: rule.id, name, about, from, devices, problem: plainText(problem, 300) },
    ...{ source: rule.source, enabled: rule.enabled, limit: limitOf(rule) },
    href: rule.source === 'person' ? `/rules/${rule.id}` : null,
    search: `${name} ${about} ${from} ${rule.source}`.toLowerCase(),
  }
}

function limitOf(rule: Rule): string {
  const levels = (['critical', 'warning', 'info'] as const).flatMap(severity =>
    rule[severity] === undefined ? [] : [`${severity} ${rule[severity]}`],
  )
  const what = levels.length > 0 ? levels.join(', ') : rule.condition
  const time = rule.for === undefined ? '' : ` · ${rule.for}`
  return plainText(`${what}${time}`, 200)
}
