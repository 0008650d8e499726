// What a profile would read of a device's own secrets: refused, else whoever writes profiles could read
// the communities of devices, and with `exists` guess at them.

import { tellsSecret, walksSecret } from '../model/secret-oids.ts'
import { isObject } from './extend.ts'
import { child } from './position.ts'
import type { Finding } from './report.ts'

const READS: Record<string, (oid: string) => boolean> = {
  // In a table it is walked, so one above a secret would reach it.
  oid: walksSecret,
  exists: tellsSecret,
  refreshOn: tellsSecret,
}

/** Each OID of the document that tells a secret, wherever it stands; as deep as a document may be. */
export function* secretReads(value: unknown, pointer = ''): Iterable<Finding> {
  if (Array.isArray(value)) {
    for (const [i, entry] of value.entries()) yield* secretReads(entry, child(pointer, i))
  }
  if (!isObject(value)) return
  for (const [key, entry] of Object.entries(value)) {
    const at = child(pointer, key)
    const isSecret = Object.hasOwn(READS, key) ? READS[key] : undefined
    if (isSecret) yield* ofList(entry, at, isSecret)
    yield* secretReads(entry, at)
  }
}

function* ofList(
  value: unknown,
  pointer: string,
  isSecret: (oid: string) => boolean,
): Iterable<Finding> {
  const listed = Array.isArray(value)
    ? value.map((oid: unknown, i) => ({ oid, at: child(pointer, i) }))
    : [{ oid: value, at: pointer }]
  for (const { oid, at } of listed) {
    if (typeof oid !== 'string' || !isSecret(oid)) continue
    const message = `${oid} tells, or leads to, who may read the device and by which community`
    yield { code: 'E_SECRET', pointer: at, message, hint: 'no profile may read that' }
  }
}
