// What traps and informs mean, as profiles say it: checked, and made into plain data that can go to
// another thread. A notification has one name in all the world, so all profiles make one table.

import type { NotificationDoc, SEVERITIES } from '../model/profile.ts'
import type { Catalogue } from './catalogue.ts'
import type { GroupContext } from './groupslots.ts'
import { suggestion } from './nearest.ts'
import { child } from './position.ts'

export interface CompiledNotification {
  /** As the MIB names it: linkDown. */
  name: string
  /** snmpTrapOID.0. */
  oid: string
  title: string
  severity: (typeof SEVERITIES)[number]
  values: readonly {
    name: string
    oid: string
    map: Readonly<Record<string, string>> | null
  }[]
  /** Texts, and in between values: the first of the names that came with one. */
  text: readonly (string | { values: readonly string[] })[]
  /** The row that it is about: what follows the OID of this value is the row's index. */
  row: { table: string; value: string } | null
  /** Whether the device is read at once. */
  poll: boolean
}

export function compileNotifications(context: GroupContext): CompiledNotification[] {
  const entries = Object.entries(context.doc.notifications ?? {}).filter(([name]) => name !== '//')
  return entries.map(([name, doc]) => compileOne(name, doc, context))
}

function compileOne(
  name: string,
  doc: NotificationDoc,
  { report, groupDoc, groupIds }: GroupContext,
): CompiledNotification {
  const { oid, title, severity = 'info', values: written = {}, row = null, poll = false } = doc
  const pointer = child('/notifications', name)
  const values = Object.entries(written)
    .filter(([value]) => value !== '//')
    .map(([value, of]) =>
      typeof of === 'string'
        ? { name: value, oid: of, map: null }
        : { name: value, oid: of.oid, map: of.map ?? null },
    )
  const known = values.map(value => value.name)
  const text = templateOf(doc.text ?? title)
  const unknown = (value: string, at: string) => {
    if (known.includes(value)) return
    const message = `"${value}" is no value of this notification`
    report({ code: 'E_NAME', pointer: child(pointer, at), message, hint: suggestion(value, known) })
  }
  for (const part of text) {
    if (typeof part === 'object') for (const value of part.values) unknown(value, 'text')
  }
  if (row) {
    unknown(row.value, 'row')
    if (!groupDoc(row.table)) {
      const message = `there is no table "${row.table}"`
      const hint = suggestion(row.table, groupIds())
      report({ code: 'E_NAME', pointer: child(child(pointer, 'row'), 'table'), message, hint })
    }
  }
  return { name, oid, title, severity, values, text, row, poll }
}

/** `Link down: {descr|index}`. */
function templateOf(text: string): CompiledNotification['text'] {
  return text
    .split(/(\{[^{}]*\})/)
    .filter(part => part !== '')
    .map(part =>
      part.startsWith('{') && part.endsWith('}') ? { values: part.slice(1, -1).split('|') } : part,
    )
}

/** By OID; people's own profiles win over ours. */
export function notificationsOf(catalogue: Catalogue): Map<string, CompiledNotification> {
  const found = new Map<string, CompiledNotification>()
  for (const from of ['shipped', 'user']) {
    for (const profile of catalogue.profiles.values()) {
      if (profile.from !== from) continue
      for (const one of profile.definition.notifications) found.set(one.oid, one)
    }
  }
  return found
}
