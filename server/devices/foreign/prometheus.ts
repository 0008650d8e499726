// Targets as Prometheus' file_sd_configs have them for snmp_exporter: lists of addresses with labels. How a device
// is asked stands in snmp.yml, which names it by `__param_auth`: here that is the name of a stored secret. Pure.

import Type, { type Static } from 'typebox'
import { addressOf, type Found, type Placed, refusedFor, said, tagsOf } from './found.ts'

export const PrometheusTargets = Type.Array(
  Type.Object({
    targets: Type.Array(Type.String({ minLength: 1 })),
    labels: Type.Optional(Type.Record(Type.String(), Type.String())),
  }),
)

/** What snmp_exporter takes where nothing is said. */
const AUTH_DEFAULT = 'public_v2'
/** Labels that people give for a name and a place. */
const NAMES = ['name', 'hostname', 'device', 'instance', 'alias']
const PLACES = ['location', 'site']

export const foundInTargets = (groups: Static<typeof PrometheusTargets>): Placed[] =>
  groups.flatMap(({ targets, labels = {} }, group) =>
    targets.map((target, index) => ({
      ...foundOf(target, labels, targets.length === 1),
      path: [group, 'targets', index],
    })),
  )

/** @param isAlone its labels are of this target, and may have its name */
function foundOf(target: string, labels: Record<string, string>, isAlone: boolean): Found {
  const where = addressOf(target)
  if (!where) return refusedFor(target, 'only SNMP over UDP is spoken')
  const auth = labels.__param_auth ?? AUTH_DEFAULT
  if (/v3/i.test(auth)) {
    const mend = 'add the device by the form or as JSON with its user and keys'
    return refusedFor(target, `"${auth}" is SNMPv3, whose user is in snmp.yml; ${mend}`)
  }
  const label = (names: readonly string[]) =>
    names.map(name => labels[name]).find(value => value !== undefined && value !== '')
  const name = (isAlone && label(NAMES)) || where.address
  const known = new Set([...NAMES, ...PLACES])
  const tags = Object.entries(labels)
    .filter(([key]) => !key.startsWith('__') && !known.has(key))
    .map(([key, value]) => `${key}=${value}`)
  const document = said({
    kind: 'snmp',
    name,
    address: where.address,
    port: where.port ?? 161,
    credentials: { version: /v1$/i.test(auth) ? '1' : '2c', community: { secret: auth } },
    location: label(PLACES)?.slice(0, 100),
    tags: tagsOf(tags),
  })
  return { called: name, document, problem: null }
}
