// Goal: oids/agent.json and the agent's field table name the same groups, metrics, paths and units.

import { readFile } from 'node:fs/promises'
import t from 'tap'
import { AGENT_GROUPS, type AgentGroup, INTERFACE_STATES } from '../../agent/fields.ts'
import { type GroupDoc, PROFILE_DEFINITIONS, ProfileDoc } from '../../server/model/profile.ts'
import { buildCatalogue } from '../../server/profiles/build.ts'
import { parser } from '../../server/validate.ts'

const isProfile = parser({ ...ProfileDoc, $defs: PROFILE_DEFINITIONS }, 'E', 'oids/agent.json')

async function profile(): Promise<ProfileDoc> {
  const text = await readFile(new URL('../../oids/agent.json', import.meta.url), 'utf8')
  const source = { id: 'agent', file: 'oids/agent.json', text, from: 'shipped' } as const
  t.same(buildCatalogue([source]).problems, [])
  return isProfile(JSON.parse(text))
}

function described(groups: Record<string, GroupDoc>) {
  return Object.entries(groups).flatMap(([group, { metrics = {}, columns = {} }]) => [
    ...Object.entries(metrics).map(([id, m]) => `${group}.${id} ${m.path} ${m.unit ?? '1'}`),
    ...(typeof columns === 'object'
      ? Object.entries(columns).map(([id, column]) => `${group}@${id} ${column.path}`)
      : []),
  ])
}

t.test('every path of the profile is a field of the agent, and the reverse', async t => {
  const { source, scalars = {}, tables = {} } = await profile()
  t.equal(source, 'agent')
  const fields = Object.entries<AgentGroup>(AGENT_GROUPS).flatMap(
    ([group, { metrics, labels }]) => [
      ...Object.entries(metrics).map(([id, { path, unit }]) => `${group}.${id} ${path} ${unit}`),
      ...Object.entries(labels ?? {}).map(([id, path]) => `${group}@${id} ${path}`),
    ],
  )
  t.ok(fields.length > 40)
  t.equal(new Set(fields).size, fields.length)
  t.same([...described(scalars), ...described(tables)].sort(), fields.sort())
})

t.test(
  'tables of the profile are tables of the agent, keyed and named by its first label',
  async t => {
    const { scalars = {}, tables = {} } = await profile()
    for (const [group, { labels }] of Object.entries<AgentGroup>(AGENT_GROUPS)) {
      const table = tables[group]
      t.equal(group in scalars, labels === undefined, group)
      if (!labels || !table) continue
      const [first = ''] = Object.keys(labels)
      t.same(table.key, [first], `${group} key`)
      t.same(table.name, [first], `${group} name`)
      t.same(table.labels, Object.keys(labels), `${group} labels`)
    }
  },
)

t.test('the states of interfaces are those of the profile', async t => {
  const { tables = {} } = await profile()
  const states = tables.host_interface?.metrics?.oper?.states
  t.same(Object.keys(states ?? {}), Object.values(INTERFACE_STATES).map(String))
})
