// A device id from a host's name: small letters, digits, dots and dashes (DEVICE_ID_PATTERN), never
// the address of a page nor the id of the machine that Pollux runs on.

const idCharsMax = 63
/** The device that Pollux itself measures. */
export const LOCAL_ID = 'this-machine'
const RESERVED: ReadonlySet<string> = new Set(['new', 'test', LOCAL_ID])

/** Ids to try in turn: the name itself, then `name-2`, `name-3`, … */
export function* freeId(name: string, triesMax: number): Generator<string> {
  const base = idOf(name)
  for (let n = 1; n <= triesMax; n++) {
    const suffix = n === 1 ? '' : `-${n}`
    const id = `${base.slice(0, idCharsMax - suffix.length)}${suffix}`
    if (!RESERVED.has(id)) yield id
  }
}

function idOf(name: string): string {
  const id = name
    .normalize('NFKD')
    .toLowerCase()
    .replaceAll(/\p{M}/gu, '')
    .replaceAll(/[^a-z0-9._-]+/g, '-')
    .replace(/^[^a-z0-9]+/, '')
    .replace(/[^a-z0-9]+$/, '')
  return id.slice(0, idCharsMax) || 'host'
}
